"""Exact CMC, mAP and mINP without the full distance matrix."""

from .msd import mean_similarity_distribution
from .ranking import Metrics, evaluate_distances, evaluate_features

__all__ = ["Metrics", "evaluate_distances", "evaluate_features", "mean_similarity_distribution"]
