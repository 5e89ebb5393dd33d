"""Model files: found, checked, and run on the hardware that is there."""
