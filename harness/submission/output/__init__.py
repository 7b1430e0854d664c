"""A system's output file (CSV): read, checked, mended."""
