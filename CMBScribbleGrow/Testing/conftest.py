"""Fixtures: a Slicer scene without Slicer's windows."""

from __future__ import annotations

from slicer_scene import a_scene, new_scene, reopened

__all__ = ["a_scene", "new_scene", "reopened"]
