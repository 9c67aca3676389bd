"""How each dataset is scored: trials of queries, gallery and what leaves it."""
