"""Tools beside training and testing."""
