"""What the papers say, and where the shipped configs deviate from it: the source of docs/deviations.md."""
