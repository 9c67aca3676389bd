"""Adapters of captioned datasets."""
