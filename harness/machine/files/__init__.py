"""Files: names that may become file names, reading within bounds, writing whole or not at all, checksums, downloads.

What the room hands out stands in `harness.machine`.
"""
