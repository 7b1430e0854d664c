"""`python -m harness` is the command `lbar`."""

from harness.cli.app import main

main()
