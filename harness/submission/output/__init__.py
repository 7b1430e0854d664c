"""Room harness/submission/output."""
