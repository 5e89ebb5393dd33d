"""What the views show: slices and where they lie, and the brain in 3D."""
