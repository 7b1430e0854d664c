"""The challenge's editions, a file each: what `profiles` reads."""
