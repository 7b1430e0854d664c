"""What publishers offer of a data set: fetching it, unpacking it, and holding what is on disk against it."""
