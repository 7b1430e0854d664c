"""Room harness/runs/tracking."""
