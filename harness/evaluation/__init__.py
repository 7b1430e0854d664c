"""Room harness/evaluation."""
