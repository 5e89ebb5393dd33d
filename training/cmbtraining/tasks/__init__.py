"""What a run of each task learns from: detector, map of regions, verifier."""
