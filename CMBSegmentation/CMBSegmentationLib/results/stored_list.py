"""What a list keeps for code: lesions, rules, how the scan was searched, and all candidates with their masks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..detecting.candidates.grid import Flat, Grid, flat_of, runs_of
from ..detecting.candidates.listing import Candidate, Candidates
from ..detecting.lesions import Lesion, LesionRules, columns_of
from ..detecting.search import Search, UsedModel, UsedParcellation, used_as_stored
from ..files.fields import Fields, WrongValueError
from ..reading.image_size import check_voxels
from ..reading.scan_identity import NAMING, ScanName
from ..vocabulary.operating_points import operating_points
from ..vocabulary.reasons import Rule
from ..vocabulary.verdicts import KEPT
from .earlier_versions import rules_of_provenance, search_of_provenance
from .lesion_rows import checked_lesion, measures_of, row_of

FIRST_WITH_FIELDS = 3  # schema version: before it, how a scan was searched is in its provenance
RUNS_A_TEXT = 1000
MEASURES = (
    "r_mm", "a_mm", "s_mm", "volume_mm3", "diameter_mm", "elongation", "contrast", "probability", "detector", "phase",
    "region", "side",
)  # fmt: skip
"""Of a candidate: what is measured once, and never changes with a threshold."""


@dataclass(frozen=True, eq=False)
class StoredList:
    """A list as files and scenes keep it.

    Attributes
    ----------
    lesions : tuple of Lesion
        All of the list, in its order.
    rules : LesionRules
    search : Search
    notes : tuple of str
        What was repaired on reading the scan, worded for the user.
    candidates : Candidates or None
        None in lists of earlier versions, which do not have them (`earlier_versions.candidates_of_earlier`).
    """

    lesions: tuple[Lesion, ...]
    rules: LesionRules
    search: Search
    notes: tuple[str, ...] = ()
    candidates: Candidates | None = None


def to_json(stored: StoredList) -> dict[str, Any]:
    """Write a list so that it can be dumped as JSON."""
    columns, candidates = columns_of(stored.lesions), stored.candidates
    content: dict[str, Any] = {
        "notes": list(stored.notes),
        "lesions": [row_of(one, columns) for one in stored.lesions],
        "rules": asdict(stored.rules),
        "search": asdict(stored.search),
    }
    if candidates is not None:
        content["grid"] = grid_to_json(candidates.grid)
        content["candidates"] = [candidate_to_json(one) for one in candidates.every]
    return content


def from_json(content: Fields, version: int, source: str) -> StoredList:
    """Read a list.

    Parameters
    ----------
    content : Fields
        As `to_json` wrote it, or an earlier version.
    version : int
        Its schema version.
    source : str
        Names the file in messages.

    Raises
    ------
    ValueError
        A value is missing or not what it must be (`WrongValueError`).
    InputError
        The grid has more voxels than are read.
    """
    lesions = tuple(checked_lesion(one) for one in content.records("lesions"))
    if len({one.id for one in lesions}) < len(lesions):
        raise WrongValueError("Two lesions have the same id.")
    notes = content.texts("notes", default=())
    if version < FIRST_WITH_FIELDS:
        about = content.fields("provenance")
        return StoredList(lesions, rules_of_provenance(about), search_of_provenance(about), notes)
    rules = _rules(content.fields("rules"))
    search = _search(content.fields("search"), rules)
    candidates = candidates_from(content, source) if "candidates" in content.plain else None
    return StoredList(lesions, rules, search, notes, candidates)


def grid_to_json(grid: Grid) -> dict[str, Any]:
    """Write a grid."""
    return {"shape": list(grid.shape), "zyx_to_ras": grid.zyx_to_ras.ravel().tolist()}


def candidate_to_json(one: Candidate) -> dict[str, Any]:
    """Write a candidate: its mask as ``START+LENGTH`` of each row of voxels, and what was measured on it."""
    runs = [f"{start}+{length}" for start, length in runs_of(one.voxels)]
    return {
        **one.lesion.as_row(MEASURES),
        "outside": None if one.outside is None else one.outside.value,
        "looks_like": one.looks_like,
        "calcium": one.calcium,
        "peak": one.peak,
        "voxels": [" ".join(runs[first : first + RUNS_A_TEXT]) for first in range(0, len(runs), RUNS_A_TEXT)],
    }


def candidates_from(content: Fields, source: str) -> Candidates:
    """Read the candidates of a list; raises as `from_json`."""
    about = content.fields("grid")
    shape = tuple(about.numbers("shape", length=3, least=1))
    if not all(isinstance(length, int) for length in shape):
        raise WrongValueError(f"{about.named('shape')} is {list(shape)}; it must be whole numbers.")
    check_voxels(shape, source)
    to_ras = np.array(about.numbers("zyx_to_ras", length=12), np.float64).reshape(3, 4)
    if abs(np.linalg.det(to_ras[:, :3])) < 1e-12:
        raise WrongValueError(f"{about.named('zyx_to_ras')} is flat; it must have three directions.")
    free = math.prod(shape)
    every = []
    for one in content.records("candidates"):
        every.append(_candidate(one, math.prod(shape), free))
        free -= len(every[-1].voxels)  # candidates do not overlap
    return Candidates(Grid(shape, to_ras), tuple(every))


def _candidate(one: Fields, voxels: int, free: int) -> Candidate:
    outside = one.text("outside", choices=(Rule.OUTSIDE_BRAIN.value, Rule.OUTSIDE_TISSUE.value), default=None)
    flat = _voxels(one, voxels, free)
    peak = one.whole("peak", least=0, most=voxels - 1)
    lesion = Lesion(id=0, status=KEPT, **measures_of(one))
    if lesion.probability is None:
        raise WrongValueError(f"{one.named('probability')} is missing.")
    looks_like, calcium = one.text("looks_like", default=""), one.number("calcium", least=0, default=0.0)
    return Candidate(peak, flat, lesion, None if outside is None else Rule(outside), looks_like, calcium)


def _voxels(one: Fields, voxels: int, free: int) -> Flat:
    try:
        runs = [_run(part) for text in one.texts("voxels") for part in text.split()]
        if sum(length for _, length in runs) > free:
            raise ValueError("more voxels than the scan has")
        flat = flat_of(runs, voxels)
    except WrongValueError:
        raise
    except ValueError as error:
        raise WrongValueError(f"{one.named('voxels')} are no voxels of the scan ({error}).") from error
    if (np.diff(flat) < 1).any():
        raise WrongValueError(f"{one.named('voxels')} are not in ascending order.")
    return flat


def _run(text: str) -> tuple[int, int]:
    start, _, length = text.partition("+")
    return int(start), int(length)


def _rules(about: Fields) -> LesionRules:
    return LesionRules(
        about.number("threshold", above=0, below=1),
        about.number("min_volume_mm3", least=0),
        about.number("max_diameter_mm", above=0),
    )


def _search(about: Fields, rules: LesionRules) -> Search:
    points, seconds, scan = (about.fields(key, default={}) for key in ("operating_points", "seconds", "scan"))
    midplane = None if about.plain.get("midplane") is None else about.numbers("midplane", length=4)
    return Search(
        detector=_model(about, "detector"),
        verifier=_model(about, "verifier"),
        regions=_model(about, "regions"),
        parcellation=_parcellation(about),
        midplane=midplane,
        operating_points=operating_points(_numbers(points, above=0, below=1), rules.threshold),
        overlap=about.number("overlap", default=None),
        **{key: about.text(key, default="") for key in ("blending", "brain_mask", "device", "software", "date")},
        phase=about.texts("phase", default=()),
        seconds=_numbers(seconds),
        scan=ScanName(**{key: scan.text(key, default="") for key in NAMING}),
        readers=about.texts("readers", default=()),
        reviewed_at=about.text("reviewed_at", default=""),
    )


def _model(about: Fields, kind: str) -> UsedModel | None:
    if about.plain.get(kind) is None:
        return None
    model = about.fields(kind)
    return used_as_stored(model, model.numbers("spacing_mm", default=()))


def _parcellation(about: Fields) -> UsedParcellation | None:
    if about.plain.get("parcellation") is None:
        return None
    one = about.fields("parcellation")
    return UsedParcellation(
        one.text("file", default=""), one.text("sha256", default=""), one.plain.get("has_lobes") is True
    )


def _numbers(about: Fields, **limits: float) -> dict[str, float]:
    keys: Iterable[str] = about.plain
    return {key: about.number(key, **limits) for key in keys}
