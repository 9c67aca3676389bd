"""Items by the million: arrays, index files and packed images."""
