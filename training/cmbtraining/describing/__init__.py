"""Statistics of sets of scans, to hold simulated ones against real ones."""
