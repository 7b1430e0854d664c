"""Room harness/throughput/instruments."""
