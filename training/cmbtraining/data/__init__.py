"""Scans and masks into patches and examples."""
