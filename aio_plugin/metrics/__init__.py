"""Exact CMC, mAP and mINP of rankings, computed without the full distance matrix."""

from .retrieval import Retrieval, evaluate_distances, evaluate_features

__all__ = ["Retrieval", "evaluate_distances", "evaluate_features"]
