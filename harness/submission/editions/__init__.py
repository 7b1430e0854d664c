"""The challenge's editions: a YAML file each, and the profile that reads them."""
