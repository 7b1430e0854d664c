"""Room systems/checkpoints."""
