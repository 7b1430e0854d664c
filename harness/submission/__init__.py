"""Submissions to the DCASE challenge, per edition: write, read, check, mend, score."""
