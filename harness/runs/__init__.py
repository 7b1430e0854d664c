"""Room harness/runs."""
