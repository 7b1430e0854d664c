"""Cards: one YAML file per system that comes with lbar, and in `parts` what several of them share."""
