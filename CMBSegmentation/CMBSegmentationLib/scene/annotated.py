"""What the annotation of a scan says, for its list: numbers, places and causes of lesions, and what is none."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from ..review import Annotated
from ..review.annotated import annotated_from_row, mimic_from_row
from .names import ANNOTATED_ATTRIBUTE


def write_annotated(scan_node: Any, annotated: Annotated) -> None:
    """Have a scan's node hold what its annotation says.

    Parameters
    ----------
    scan_node : vtkMRMLScalarVolumeNode
    annotated : Annotated
    """
    data = {
        "reader": annotated.reader,
        "lesions": {str(number): asdict(one) for number, one in sorted(annotated.lesions.items())},
        "mimics": [asdict(one) for one in annotated.mimics],
    }
    text = json.dumps(data)
    if scan_node.GetAttribute(ANNOTATED_ATTRIBUTE) != text:
        scan_node.SetAttribute(ANNOTATED_ATTRIBUTE, text)


def read_annotated(scan_node: Any) -> Annotated:
    """Give what `write_annotated` wrote; without a reader if there is nothing, or nothing that can be read."""
    try:
        data = json.loads(scan_node.GetAttribute(ANNOTATED_ATTRIBUTE) or "{}")
        lesions = {int(number): annotated_from_row(one) for number, one in data.get("lesions", {}).items()}
        mimics = [mimic_from_row(one) for one in data.get("mimics", ())]
    except (AttributeError, KeyError, TypeError, ValueError):
        return Annotated()
    return Annotated(lesions, tuple(mimics), str(data.get("reader", "")))
