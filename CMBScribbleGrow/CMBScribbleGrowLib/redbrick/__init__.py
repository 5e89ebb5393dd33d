"""Annotations made in RedBrick AI, brought in."""
