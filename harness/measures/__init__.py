"""Room harness/measures."""
