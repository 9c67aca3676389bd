"""Adapters of RGB datasets."""
