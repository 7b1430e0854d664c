"""Rows of embeddings and scores between one use and the next: on disk, in memory, or unfinished."""
