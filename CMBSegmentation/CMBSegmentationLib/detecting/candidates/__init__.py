"""Candidates: found once, each with one mask and one score, and listed at any threshold."""
