"""The challenge's editions, a file each: what `harness.submission.profiles` reads."""
