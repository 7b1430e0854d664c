"""Fitting: losses, the Lightning module, validation, and checkpoints."""
