"""Images into lesions: brain, regions, network, verifier, list."""
