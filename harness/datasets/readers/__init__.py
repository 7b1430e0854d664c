"""Readers: one file per layout of a data set on disk."""
