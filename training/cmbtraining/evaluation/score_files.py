"""The tables that scoring writes and aggregation reads: one row a subject, one row a lesion."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .metrics import Counts

RULES = {"overlap": "n_matched", "centres": "n_matched_centres"}  # matching rule to column
TRUE, PREDICTED, CANDIDATE = "true", "predicted", "candidate"


class ScoreError(ValueError):
    """Predictions, truth or a table of scores is wrong; the message names the file or subject."""


@dataclass(frozen=True)
class SubjectScore:
    """One subject's counts.

    Attributes
    ----------
    subject : str
    n_true, n_pred : int
        Components (26-connected).
    n_matched : int
        Predicted components with at least one voxel on a true one (the paper's rule).
    dice : float
        NaN where both masks are empty.
    n_matched_centres : int or None
        Matched one to one, centres of mass within 3 mm; None in tables of other programs.
    cohort : str
    slice_mm : float or None
        The largest voxel side of the truth's grid.
    """

    subject: str
    n_true: int
    n_pred: int
    n_matched: int
    dice: float
    n_matched_centres: int | None = None
    cohort: str = ""
    slice_mm: float | None = None


@dataclass(frozen=True)
class LesionScore:
    """One lesion, true or predicted.

    Attributes
    ----------
    role : {"true", "predicted", "candidate"}
        A candidate was predicted below the threshold; only the FROC curve counts it.
    id : int
        Component number in its mask; of a candidate its number in the lesion list.
    r_mm, a_mm, s_mm : float
        Centre of mass, patient RAS.
    probability : float or None
        None where the prediction came without a lesion list, and for true lesions.
    overlaps, within_3_mm : bool
        Whether it is matched under either rule.
    pool : int
        Number, counted from 1, of the component of truth and prediction together that it is part of; 0 for
        candidates and in tables of earlier versions.
    kind : str
        What a predicted one covers, a name of `cmbtraining.synthesis.mimics.KINDS`; empty where it covers
        none or that is not known.
    """

    subject: str
    role: str
    id: int
    r_mm: float
    a_mm: float
    s_mm: float
    diameter_mm: float
    probability: float | None
    overlaps: bool
    within_3_mm: bool
    pool: int = 0
    kind: str = ""


def write_table(rows: Iterable[SubjectScore] | Iterable[LesionScore], kind: type, path: Path) -> None:
    """Write scores as CSV; None and NaN become empty, booleans 0 and 1."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow([f.name for f in dataclasses.fields(kind)])
        table.writerows([_cell(value) for value in dataclasses.astuple(row)] for row in rows)


def read_subjects(path: Path) -> list[SubjectScore]:
    """Read ``per_subject.csv``; only the first five columns are required.

    Raises
    ------
    ScoreError
        A column is missing, a value is no number, a subject stands twice, or there is none.
    """
    rows = [
        SubjectScore(
            subject=cells["subject"],
            n_true=_count(cells, "n_true", where),
            n_pred=_count(cells, "n_pred", where),
            n_matched=_count(cells, "n_matched", where),
            dice=_number(cells, "dice", where),
            n_matched_centres=_count(cells, "n_matched_centres", where) if cells.get("n_matched_centres") else None,
            cohort=cells.get("cohort") or "",
            slice_mm=_number(cells, "slice_mm", where) if cells.get("slice_mm") else None,
        )
        for where, cells in _rows(path, ("subject", "n_true", "n_pred", "n_matched", "dice"))
    ]
    seen: set[str] = set()
    for row in rows:
        if row.subject in seen:
            raise ScoreError(f"{path}: subject {row.subject} stands twice.")
        seen.add(row.subject)
        if row.n_matched > row.n_pred:
            raise ScoreError(f"{path}: subject {row.subject} has more matched lesions than predicted ones.")
    if not rows:
        raise ScoreError(f"{path} lists no subject.")
    return rows


def read_lesions(path: Path) -> list[LesionScore]:
    """Read ``lesions.csv`` as `write_table` wrote it; `ScoreError` if it is another table.

    The columns ``pool`` and ``kind``, which earlier versions did not write, may be missing.
    """
    required = [f.name for f in dataclasses.fields(LesionScore) if f.default is dataclasses.MISSING]
    return [
        LesionScore(
            subject=cells["subject"],
            role=cells["role"],
            id=_count(cells, "id", where),
            **{name: _number(cells, name, where) for name in ("r_mm", "a_mm", "s_mm", "diameter_mm")},
            probability=_number(cells, "probability", where) if cells["probability"] else None,
            overlaps=cells["overlaps"] == "1",
            within_3_mm=cells["within_3_mm"] == "1",
            pool=_count(cells, "pool", where) if cells.get("pool") else 0,
            kind=cells.get("kind") or "",
        )
        for where, cells in _rows(path, required)
    ]


def counts_of(rows: Sequence[SubjectScore], rule: str) -> Counts:
    """Gather the counts under a matching rule (a key of `RULES`).

    Raises
    ------
    ScoreError
        The table was written without that rule's column.
    """
    matched = [getattr(row, RULES[rule]) for row in rows]
    if None in matched:
        raise ScoreError(f"The table has no column {RULES[rule]}, which the rule {rule!r} needs: score again.")
    return Counts(
        np.array([row.n_true for row in rows], np.int64),
        np.array([row.n_pred for row in rows], np.int64),
        np.array(matched, np.int64),
        np.array([row.dice for row in rows], np.float64),
    )


def _rows(path: Path, required: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            table = csv.DictReader(stream)
            missing = [name for name in required if name not in (table.fieldnames or ())]
            if missing:
                raise ScoreError(f"{path} has no column {', '.join(missing)}.")
            return [(f"{path}, line {table.line_num}", cells) for cells in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScoreError(f"{path} cannot be read as a table ({error}).") from error


def _count(cells: dict[str, str], name: str, where: str) -> int:
    value = _number(cells, name, where)
    if not value >= 0 or value != int(value):
        raise ScoreError(f"{where}: {name} is {cells[name]!r}, a count was expected.")
    return int(value)


def _number(cells: dict[str, str], name: str, where: str) -> float:
    text = cells[name]
    try:
        return float(text) if text else math.nan
    except (TypeError, ValueError):
        raise ScoreError(f"{where}: {name} is {text!r}, a number was expected.") from None


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return int(value) if isinstance(value, bool) else value
