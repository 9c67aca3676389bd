"""Adapters of RGB-infrared datasets."""
