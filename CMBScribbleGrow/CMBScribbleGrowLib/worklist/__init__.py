"""The studies that a reader has to annotate."""
