"""What adapters share: layouts, lists, annotations, options and checks."""
