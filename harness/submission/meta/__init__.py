"""Room harness/submission/meta."""
