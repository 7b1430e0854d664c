"""Room harness/datasets/leaks."""
