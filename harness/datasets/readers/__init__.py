"""Room harness/datasets/readers."""
