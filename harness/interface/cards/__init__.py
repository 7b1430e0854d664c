"""Cards: what a system's YAML file says, its files and how to get them, its training, and its ancestors."""
