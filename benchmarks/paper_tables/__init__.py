"""The papers' tables, regenerated."""
