"""The user's own data, described by a CSV or JSON-lines file."""
