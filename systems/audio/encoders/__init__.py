"""Room systems/audio/encoders."""
