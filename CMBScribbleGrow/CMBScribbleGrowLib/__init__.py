"""CMB Scribble Grow: from a few painted voxels to a microbleed's mask, and the records that make a dataset."""
