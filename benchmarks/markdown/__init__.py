"""Measured results as Markdown tables."""
