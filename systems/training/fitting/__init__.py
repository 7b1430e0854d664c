"""Room systems/training/fitting."""
