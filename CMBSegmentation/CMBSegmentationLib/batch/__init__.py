"""Detection in a whole BIDS dataset, on this machine's cores or on a Dask cluster."""
