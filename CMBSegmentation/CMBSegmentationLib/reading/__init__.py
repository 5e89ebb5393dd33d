"""Bytes into images: every format, every scanner's geometry."""
