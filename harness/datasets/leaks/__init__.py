"""Leaks: training clips that are evaluation clips, found by id, title or sound."""
