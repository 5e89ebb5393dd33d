"""What the annotation of a scan says, for its list: numbers, places and causes of lesions, and what is none."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from ..review import Annotated, AnnotatedLesion, AnnotatedMimic
from ..vocabulary.places import LOCATIONS
from ..vocabulary.regions import SIDES
from ..vocabulary.verdicts import CAUSES, MIMICS
from .names import ANNOTATED_ATTRIBUTE


def write_annotated(scan_node: Any, annotated: Annotated) -> None:
    """Have a scan's node hold what its annotation says.

    Parameters
    ----------
    scan_node : vtkMRMLScalarVolumeNode
    annotated : Annotated
    """
    data = {
        "lesions": {str(number): asdict(one) for number, one in sorted(annotated.lesions.items())},
        "mimics": [asdict(one) for one in annotated.mimics],
    }
    text = json.dumps(data) if annotated.lesions or annotated.mimics else "{}"
    if (scan_node.GetAttribute(ANNOTATED_ATTRIBUTE) or "{}") != text:
        scan_node.SetAttribute(ANNOTATED_ATTRIBUTE, text)


def read_annotated(scan_node: Any) -> Annotated:
    """Give what `write_annotated` wrote; empty if nothing was annotated or it cannot be read."""
    try:
        data = json.loads(scan_node.GetAttribute(ANNOTATED_ATTRIBUTE) or "{}")
        lesions = {int(number): _lesion(one) for number, one in data.get("lesions", {}).items()}
        mimics = [AnnotatedMimic(_place(one["at"]), _word(one["type"], MIMICS)) for one in data.get("mimics", ())]
    except (AttributeError, KeyError, TypeError, ValueError):
        return Annotated()
    return Annotated(lesions, tuple(mimics))


def _lesion(one: dict[str, Any]) -> AnnotatedLesion:
    location, side = _word(one["location"], LOCATIONS), _word(one["side"], SIDES)
    return AnnotatedLesion(_place(one["at"]), location, side, _word(one["cause"], CAUSES))


def _place(at: Any) -> tuple[float, float, float]:
    r_mm, a_mm, s_mm = at
    return float(r_mm), float(a_mm), float(s_mm)


def _word(word: Any, words: tuple[str, ...]) -> str:
    """Check a word; one that this program does not know is left out."""
    return word if word in words else ""
