"""Room systems/dual_encoder."""
