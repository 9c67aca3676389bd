"""A small made-up world of people, written in the layouts of the real datasets."""
