"""Fuzzing: seeded cases of damaged files, in processes that are watched. ``python -m tests.fuzz --help``."""
