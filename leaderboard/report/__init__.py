"""The page: a static site that opens from disk."""
