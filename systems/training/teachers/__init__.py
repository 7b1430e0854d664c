"""Teachers: their embeddings, the correspondences they estimate, and how true these are."""
