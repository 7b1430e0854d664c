"""Room harness/protocols."""
