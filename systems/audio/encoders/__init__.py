"""Audio encoders: one file each, with its configuration, module and published layout."""
