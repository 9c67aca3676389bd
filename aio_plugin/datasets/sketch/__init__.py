"""Adapters of sketch datasets."""
