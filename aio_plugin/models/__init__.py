"""The assembled methods."""
