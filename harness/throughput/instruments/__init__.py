"""The instruments: what times, counts and watches."""
