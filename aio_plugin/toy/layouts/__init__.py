"""The toy world on disk: made-up people in the layouts of real datasets."""

from .writer import VERSION, make

__all__ = ["VERSION", "make"]
