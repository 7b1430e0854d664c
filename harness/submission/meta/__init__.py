"""A system's meta file (YAML): read, filled in, checked, mended."""
