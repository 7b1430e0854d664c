"""The command `lbar`."""

from harness.cli.app import build, main

__all__ = ["build", "main"]
