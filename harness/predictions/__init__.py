"""Room harness/predictions."""
