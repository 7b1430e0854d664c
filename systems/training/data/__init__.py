"""Room systems/training/data."""
