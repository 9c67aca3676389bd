"""Exact CMC, mAP and mINP without the full distance matrix."""
