"""The sampling rate that clips have when they come to a system."""

SAMPLE_RATE = 32_000
"""Hz."""
