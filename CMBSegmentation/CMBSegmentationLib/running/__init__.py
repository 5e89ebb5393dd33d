"""One run from a scan on disk to a folder of results."""
