"""Audio encoders and their front ends."""
