"""Room harness/throughput/cases."""
