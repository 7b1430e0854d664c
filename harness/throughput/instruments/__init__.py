"""The instruments that time calls, count operations, and watch memory and the machine."""
