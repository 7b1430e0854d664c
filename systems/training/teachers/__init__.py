"""Room systems/training/teachers."""
