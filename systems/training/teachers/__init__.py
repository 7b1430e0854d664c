"""Teachers: their embeddings, the correspondences they estimate, and how well these agree with the truth."""
