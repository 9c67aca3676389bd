"""Adapters of datasets with three or more modalities."""
