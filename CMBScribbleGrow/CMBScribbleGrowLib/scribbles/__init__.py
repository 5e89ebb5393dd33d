"""Scribbles on disk into masks, growth curves and pictures on disk."""
