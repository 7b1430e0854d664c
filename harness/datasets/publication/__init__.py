"""Room harness/datasets/publication."""
