"""Qt widgets of the panel of CMB Segmentation; everything below them needs no Qt."""
