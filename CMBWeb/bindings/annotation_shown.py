"""An annotation's records as the page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from CMBScribbleGrowLib.annotation.records import Annotation
from CMBScribbleGrowLib.study.linked_lesion import LinkedLesion


def annotation_shown(annotation: Annotation | None, lesions: Sequence[LinkedLesion]) -> dict[str, Any]:
    """Give the page's state of an annotation; all empty where none is open.

    Parameters
    ----------
    annotation : Annotation or None
    lesions : sequence of LinkedLesion
        As they were grown, by which it is known whether each was accepted.
    """
    accepted = {lesion.id: lesion.accepted for lesion in lesions}
    rows = [
        {
            "id": one.id,
            "diameter": one.diameter_mm,
            "location": one.location,
            "accepted": accepted.get(one.id, True),
        }
        for one in (annotation.microbleeds if annotation else ())
    ]
    said = annotation.assessment if annotation else None
    series = annotation.series[0] if annotation and annotation.series else None
    return {
        "grown": rows,
        "mimics": [asdict(one) for one in (annotation.mimics if annotation else ())],
        "findings": [asdict(one) for one in (annotation.findings if annotation else ())],
        "assessment": asdict(said) if said else {},
        "series": asdict(series) if series else {},
    }
