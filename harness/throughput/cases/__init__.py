"""The workloads: what is timed."""
