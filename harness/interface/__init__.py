"""Room harness/interface."""
