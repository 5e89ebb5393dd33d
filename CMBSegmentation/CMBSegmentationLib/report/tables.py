"""The tables of a report: microbleeds by region, side and size, as MARS and BOMBS lay them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..detecting.lesions import LARGEST_DIAMETER_MM, Lesion
from ..results.counts import SMALL_BELOW_MM, UNKNOWN_REGION, count_class
from ..vocabulary.regions import DEEP, GROUPS, INFRATENTORIAL, LOBAR, PATTERNS, REGIONS, SIDES, group_of, pattern_of
from ..vocabulary.verdicts import ACCEPTED, REJECTED, UNCERTAIN

DEFINITE, POSSIBLE, DETECTED = "definite", "possible", "detected"
"""What is known of a listed lesion: a reader accepted it, a reader is uncertain, no reader has seen it."""

CERTAINTY = {ACCEPTED: DEFINITE, UNCERTAIN: POSSIBLE}
UNKNOWN_SIDE = "side not known"
SIZE_CLASSES = ("< 5 mm", "5–10 mm", "> 10 mm")


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes
    ----------
    name : str
    cells : tuple of int
        In the order of the table's columns.
    is_sum : bool
        Of the lines before it.
    """

    name: str
    cells: tuple[int, ...]
    is_sum: bool = False


@dataclass(frozen=True)
class CountTable:
    """A table of counts.

    Attributes
    ----------
    name : str
        MARS or BOMBS.
    spans : tuple of (str, int)
        Upper headings with the number of columns below each.
    columns : tuple of str
    rows : tuple of Row
    """

    name: str
    spans: tuple[tuple[str, int], ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Findings:
    """A report in numbers.

    Attributes
    ----------
    certainties : tuple of str
        That occur, of definite, possible and detected; never empty.
    totals : dict
        Lesions by certainty.
    rejected : int
        By a reader.
    readers : tuple of str
    count_class : str
        Of the definite ones, or of the detected where no reader has judged any.
    pattern, meaning : str
        Of the same ones; empty where no region is known.
    tables : tuple of CountTable
    """

    certainties: tuple[str, ...]
    totals: dict[str, int]
    rejected: int
    readers: tuple[str, ...]
    count_class: str
    pattern: str
    meaning: str
    tables: tuple[CountTable, ...] = field(default=())

    @property
    def reviewed(self) -> bool:
        """Whether a reader has judged any lesion."""
        return bool(self.readers) or bool(self.rejected) or self.certainties != (DETECTED,)


def certainty_of(lesion: Lesion, said: Mapping[str, Any]) -> str:
    """What is known of a listed lesion; empty of one that is not listed (dropped, or rejected by a reader)."""
    decision = said.get("decision") or ""
    if decision:
        return CERTAINTY.get(decision, "")
    return DETECTED if lesion.status == ACCEPTED else ""


def findings_of(lesions: Sequence[Lesion], reviewed: Mapping[int, Mapping[str, Any]] | None = None) -> Findings:
    """Count lesions for a report.

    Parameters
    ----------
    lesions : sequence of Lesion
        Accepted and dropped, as in `Detection.lesions`.
    reviewed : mapping of int to mapping, optional
        What readers said, by lesion id: values of `review.lesion_list.REVIEW_COLUMNS`.

    Returns
    -------
    Findings

    References
    ----------
    Cordonnier et al., Stroke 40:94, 2009 (BOMBS). Gregoire et al., Neurology 73:1759, 2009 (MARS).
    """
    said = {one.id: (reviewed or {}).get(one.id, {}) for one in lesions}
    listed = [(one, certainty) for one in lesions if (certainty := certainty_of(one, said[one.id]))]
    decisions = [about.get("decision") for about in said.values()]
    is_reviewed = any(decisions)
    certainties = tuple(
        kind
        for kind in (DEFINITE, POSSIBLE, DETECTED)
        if any(c == kind for _, c in listed) or (kind != DETECTED) == is_reviewed
    )
    counted = DEFINITE if is_reviewed else DETECTED
    regions = [one.region for one, certainty in listed if certainty == counted]
    pattern = pattern_of(regions) if any(regions) else ""
    return Findings(
        certainties=certainties,
        totals={kind: sum(c == kind for _, c in listed) for kind in certainties},
        rejected=decisions.count(REJECTED),
        readers=tuple(dict.fromkeys(str(about["reader"]) for about in said.values() if about.get("reader"))),
        count_class=count_class(len(regions)),
        pattern=pattern,
        meaning=PATTERNS.get(pattern, ""),
        tables=(_mars(listed, certainties), _bombs(listed, certainties))
        if any(one.region for one, _ in listed)
        else (_sizes(listed, certainties),)
        if listed
        else (),
    )


def size_class(diameter_mm: float) -> str:
    """Name BOMBS' size class of a diameter."""
    if diameter_mm < SMALL_BELOW_MM:
        return SIZE_CLASSES[0]
    return SIZE_CLASSES[1 if diameter_mm <= LARGEST_DIAMETER_MM else 2]


Listed = Sequence[tuple[Lesion, str]]


def _mars(listed: Listed, certainties: tuple[str, ...]) -> CountTable:
    """MARS: every region by side, each group with its sum."""
    sides = _sides(listed)
    rows = []
    for group in (INFRATENTORIAL, DEEP, LOBAR):
        rows += [
            Row(name, _cells([x for x in listed if x[0].region == name], certainties, sides)) for name in GROUPS[group]
        ]
        rows.append(Row(group, _cells([x for x in listed if group_of(x[0].region) == group], certainties, sides), True))
    unknown = [x for x in listed if x[0].region not in REGIONS]
    if unknown:
        rows.append(Row(UNKNOWN_REGION, _cells(unknown, certainties, sides)))
    rows.append(Row("total", _cells(listed, certainties, sides), True))
    return CountTable("MARS", tuple((c, len(sides)) for c in certainties), sides * len(certainties), tuple(rows))


def _bombs(listed: Listed, certainties: tuple[str, ...]) -> CountTable:
    """BOMBS: its three places, each by size, and side."""
    sides = _sides(listed)
    unknown = any(one.region not in REGIONS for one, _ in listed)
    rows = []
    for place in (LOBAR, DEEP, INFRATENTORIAL, *([""] if unknown else [])):
        here = [x for x in listed if group_of(x[0].region) == place]
        for size in _used_sizes(listed):
            of_size = [x for x in here if size_class(x[0].diameter_mm) == size]
            rows.append(Row(f"{place or UNKNOWN_REGION}, {size}", _cells(of_size, certainties, sides)))
    rows.append(Row("total", _cells(listed, certainties, sides), True))
    return CountTable("BOMBS", tuple((c, len(sides)) for c in certainties), sides * len(certainties), tuple(rows))


def _sizes(listed: Listed, certainties: tuple[str, ...]) -> CountTable:
    """All that can be said without regions."""

    def cells(of: Listed) -> tuple[int, ...]:
        return tuple(sum(c == kind for _, c in of) for kind in certainties)

    rows = [
        Row(size, cells([x for x in listed if size_class(x[0].diameter_mm) == size])) for size in _used_sizes(listed)
    ]
    rows.append(Row("total", cells(listed), True))
    return CountTable("Size", (("", len(certainties)),), certainties, tuple(rows))


def _cells(listed: Listed, certainties: tuple[str, ...], sides: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(sum(c == kind and _side(one) == side for one, c in listed) for kind in certainties for side in sides)


def _side(lesion: Lesion) -> str:
    return lesion.side if lesion.side in SIDES else UNKNOWN_SIDE


def _sides(listed: Listed) -> tuple[str, ...]:
    """Right and left always, as readers' forms have them; the others where they occur."""
    present = {_side(one) for one, _ in listed}
    return ("right", "left", *(side for side in ("midline", UNKNOWN_SIDE) if side in present))


def _used_sizes(listed: Listed) -> tuple[str, ...]:
    present = {size_class(one.diameter_mm) for one, _ in listed}
    return tuple(size for size in SIZE_CLASSES if size in present or size != SIZE_CLASSES[2])
