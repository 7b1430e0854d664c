"""Room harness/machine."""
