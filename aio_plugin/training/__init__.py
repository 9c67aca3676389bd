"""Bundles of one person's modalities, stages, optimisation and checkpoints."""
