"""One number a lesion, whether the list or a scribble had it first: which numbers a scan's annotation has taken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .names import ANNOTATED_ATTRIBUTE

Place = tuple[float, float, float]


def write_annotated(scan_node: Any, places: Mapping[int, Place]) -> None:
    """Tell which numbers the lesions of a scan's annotation have.

    Parameters
    ----------
    scan_node : vtkMRMLScalarVolumeNode
    places : mapping
        Centre (world RAS mm) by number.
    """
    text = json.dumps({str(number): list(place) for number, place in sorted(places.items())})
    if (scan_node.GetAttribute(ANNOTATED_ATTRIBUTE) or "{}") != text:
        scan_node.SetAttribute(ANNOTATED_ATTRIBUTE, text)


def read_annotated(scan_node: Any) -> dict[int, Place]:
    """Give what `write_annotated` told; empty if nothing was annotated or it cannot be read."""
    try:
        told = json.loads(scan_node.GetAttribute(ANNOTATED_ATTRIBUTE) or "{}")
        return {int(number): (float(r), float(a), float(s)) for number, (r, a, s) in told.items()}
    except (AttributeError, TypeError, ValueError):
        return {}
