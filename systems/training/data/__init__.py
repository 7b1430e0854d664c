"""The data that systems are trained on: loaded without evaluation clips, and drawn in batches."""
