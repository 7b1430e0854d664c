"""`python -m harness` is the command `lbar`."""

from harness.cli import main

main()
