"""An annotation's records as the page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from CMBScribbleGrowLib.annotation.records import Annotation
from CMBScribbleGrowLib.study.linked_lesion import LinkedLesion

from ..state.declared import ScribbleState


def show_annotation(state: ScribbleState, annotation: Annotation | None) -> None:
    """Show an annotation in the page but for its lesions; all empty where none is open."""
    said = annotation.assessment if annotation else None
    series = annotation.series[0] if annotation and annotation.series else None
    state.mimics = [asdict(one) for one in (annotation.mimics if annotation else ())]
    state.findings = [asdict(one) for one in (annotation.findings if annotation else ())]
    state.assessment = asdict(said) if said else {}
    state.series = asdict(series) if series else {}


def show_grown(
    state: ScribbleState, annotation: Annotation | None, lesions: Sequence[LinkedLesion], verdicts: Mapping[int, str]
) -> None:
    """Show an annotation's lesions in the page; none where none is open.

    Parameters
    ----------
    state : ScribbleState
        Filled.
    annotation : Annotation or None
    lesions : sequence of LinkedLesion
        As they were grown, by which it is known whether each was accepted.
    verdicts : mapping
        What the list of the same scan says of them, by number.
    """
    accepted = {lesion.id: lesion.accepted for lesion in lesions}
    state.grown = [
        {
            "id": one.id,
            "diameter": one.diameter_mm,
            "location": one.location,
            "accepted": accepted.get(one.id, one.accepted),
            "listed": verdicts.get(one.id, ""),
        }
        for one in (annotation.microbleeds if annotation else ())
    ]
