"""Searching a study: what a worker does with it, and the processes that do it."""
