"""Room harness/submission/package."""
