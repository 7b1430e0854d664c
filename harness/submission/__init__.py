"""Predictions files of the DCASE challenge, per year: write, read, score."""
