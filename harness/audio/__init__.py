"""Room harness/audio."""
