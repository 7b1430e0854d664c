"""The workloads, one file each: what is timed."""
