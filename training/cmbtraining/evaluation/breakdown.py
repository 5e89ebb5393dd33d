"""Results by group: cohort, slice thickness, lesion size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .metrics import table_v
from .score_files import PREDICTED, TRUE, LesionScore, SubjectScore, counts_of

# VALDO's first digit (Docs/paper.md, section 3); from 4 on, training/synthesize.py's protocols
COHORTS = {"1": "SABRE", "2": "RSS", "3": "ALFA", "4": "clinical T2*", "5": "clinical SWI", "6": "UK Biobank SWI"}
# Docs/simulation.md: 0.8 mm in RSS; 1.75-3.5 in SWI and many T2*; 4 and more in SABRE and old protocols
SLICE_EDGES_MM = (1.5, 3.75)
# Docs/simulation.md: VALDO's quartiles are 2.4, 2.7 and 3.2 mm; BOMBS parts at 5 mm
SIZE_EDGES_MM = (2.5, 3.5, 5.0)
MATCHED_BY = {"overlap": "overlaps", "centres": "within_3_mm"}


def cohort_of(subject: str) -> str:
    """Name the cohort of a subject such as ``sub-101``; empty where the name does not tell."""
    name = subject.removeprefix("sub-")
    return COHORTS.get(name[:1], "") if name.isdigit() else ""


def by_subject_group(
    rows: Sequence[SubjectScore], rule: str, group: Callable[[SubjectScore], str]
) -> dict[str, dict[str, float]]:
    """Table V's figures of every group of subjects, with their number as ``subjects``.

    Parameters
    ----------
    rows : sequence of SubjectScore
    rule : str
        Matching rule, a key of `cmbtraining.evaluation.score_files.RULES`.
    group : callable
        Names a subject's group; subjects of the group ``""`` are left out.
    """
    counts = counts_of(rows, rule)
    names = np.array([group(row) for row in rows])
    return {
        name: {"subjects": int((names == name).sum()), **table_v(counts.at(names == name))}
        for name in sorted(set(names) - {""})
    }


def slice_group(row: SubjectScore) -> str:
    """Name a subject's slice thickness in words: ``"1.5 to 3.75 mm"``."""
    return "" if row.slice_mm is None else _between(row.slice_mm, SLICE_EDGES_MM)


def by_size(lesions: Sequence[LesionScore], rule: str) -> list[dict[str, Any]]:
    """Sensitivity by the size of true lesions, false positives by the size of predicted ones.

    Returns
    -------
    list of dict
        One a size class, from small to large: ``size, n_true, found, TPR, n_pred, false``.
    """
    matched = MATCHED_BY[rule]
    classes = []
    for middle in _middles(SIZE_EDGES_MM):
        size = _between(middle, SIZE_EDGES_MM)
        here = [one for one in lesions if _between(one.diameter_mm, SIZE_EDGES_MM) == size]
        true = [getattr(one, matched) for one in here if one.role == TRUE]
        predicted = [getattr(one, matched) for one in here if one.role == PREDICTED]
        classes.append(
            {
                "size": size,
                "n_true": len(true),
                "found": sum(true),
                "TPR": sum(true) / len(true) if true else float("nan"),
                "n_pred": len(predicted),
                "false": len(predicted) - sum(predicted),
            }
        )
    return classes


def _between(value: float, edges: Sequence[float]) -> str:
    if value < edges[0]:
        return f"below {edges[0]:g} mm"
    for low, high in pairwise(edges):
        if value < high:
            return f"{low:g} to {high:g} mm"
    return f"{edges[-1]:g} mm and more"


def _middles(edges: Sequence[float]) -> list[float]:
    return [edges[0] - 1, *((a + b) / 2 for a, b in pairwise(edges)), edges[-1] + 1]
