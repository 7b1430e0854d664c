"""Work spread over processes and machines: what a worker gets, what it does with it, and all that knows Dask."""
