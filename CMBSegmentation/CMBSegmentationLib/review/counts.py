"""What a review comes to: counts as BOMBS and MARS have them, and a text to paste into a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..detecting.lesions import LARGEST_DIAMETER_MM
from ..results.counts import SMALL_BELOW_MM, UNKNOWN_REGION, count_class
from ..vocabulary.numbers import counted
from ..vocabulary.regions import GROUPS, PATTERNS, REGIONS, SIDES, pattern_of
from ..vocabulary.verdicts import ACCEPTED, REJECTED, UNCERTAIN, UNREVIEWED
from .lesion_list import ReviewedLesion

SMALL, LARGE, LARGER = "below 5 mm", "5-10 mm", "above 10 mm"
SIZES = (SMALL, LARGE, LARGER)


@dataclass(frozen=True)
class Count:
    """How many definite and possible microbleeds.

    Attributes
    ----------
    definite, possible : int
        Accepted and uncertain ones.
    """

    definite: int = 0
    possible: int = 0


@dataclass(frozen=True)
class RegionCount:
    """One line of the table of BOMBS and MARS.

    Attributes
    ----------
    region : str
        One of `vocabulary.regions.REGIONS`, or "unassigned".
    group : str
        lobar, deep, infratentorial; empty where the region is unassigned.
    by_side : dict
        `Count` by left, right, midline and "" (not said).
    by_size : dict
        `Count` by `SIZES`.
    total : Count
    """

    region: str
    group: str
    by_side: dict[str, Count]
    by_size: dict[str, Count]
    total: Count


@dataclass(frozen=True)
class Counts:
    """A review in numbers.

    Attributes
    ----------
    total : Count
    unreviewed, rejected : int
        Detected ones that have no verdict yet, and those that were rejected.
    regions : tuple of RegionCount
        All of MARS in its order, then the unassigned.
    groups : dict
        `Count` by lobar, deep, infratentorial.
    sizes : dict
        `Count` by `SIZES`.
    count_class : str
        Of the definite ones, one of `results.counts.CLASSES`.
    pattern, pattern_meaning : str
        Of the definite ones, as `vocabulary.regions.PATTERNS`; empty where no region is known.
    """

    total: Count
    unreviewed: int
    rejected: int
    regions: tuple[RegionCount, ...]
    groups: dict[str, Count]
    sizes: dict[str, Count]
    count_class: str
    pattern: str
    pattern_meaning: str


def counts_of(lesions: Iterable[ReviewedLesion]) -> Counts:
    """Count a list of lesions.

    Parameters
    ----------
    lesions : iterable of ReviewedLesion
        As `lesion_list.listed` gives them.

    Returns
    -------
    Counts

    References
    ----------
    Cordonnier et al., Stroke 40:94, 2009 (BOMBS). Gregoire et al., Neurology 73:1759, 2009 (MARS).
    """
    every = list(lesions)
    found = [one for one in every if one.state in (ACCEPTED, UNCERTAIN)]
    states = [one.state for one in every]
    definite = [one.lesion.region for one in found if one.state == ACCEPTED]
    pattern = pattern_of(definite) if any(definite) or not found else ""
    return Counts(
        total=_count(found),
        unreviewed=states.count(UNREVIEWED),
        rejected=states.count(REJECTED),
        regions=tuple(_region(name, found) for name in (*REGIONS, UNKNOWN_REGION)),
        groups={
            group: _count([one for one in found if one.lesion.region in regions]) for group, regions in GROUPS.items()
        },
        sizes=_by_size(found),
        count_class=count_class(len(definite)),
        pattern=pattern,
        pattern_meaning=PATTERNS.get(pattern, ""),
    )


def text_of(counts: Counts, readers: Sequence[str] = ()) -> str:
    """Word the counts for a report, so that they stay true where they are pasted.

    Parameters
    ----------
    counts : Counts
    readers : sequence of str
        Who gave the verdicts.

    Returns
    -------
    str
        Lines of English text.
    """
    by = f" by {', '.join(readers)}" if readers else ""
    definite, possible = counts.total.definite, counts.total.possible
    lines = [f"Cerebral microbleeds, reviewed{by}: {definite} definite, {possible} possible."]
    if counts.unreviewed:
        lines.append(f"Not finished: {counted(counts.unreviewed, 'detected lesion')} without a verdict, not counted.")
    if definite or possible:
        lines.append(f"Size (definite/possible): {_worded(counts.sizes)}.")
        lines.append(f"Region (definite/possible): {_regions_worded(counts)}.")
    lines.append(f"Class: {counts.count_class}.")
    if counts.pattern:
        lines.append(f"Pattern: {counts.pattern} ({counts.pattern_meaning}).")
    lines.append("Found with research software (slicer-cmb), not a medical device.")
    return "\n".join(lines)


def readers_of(lesions: Iterable[ReviewedLesion]) -> tuple[str, ...]:
    """Name who gave the verdicts, in the order of their first."""
    verdicts = sorted((one.verdict for one in lesions if one.verdict), key=lambda verdict: verdict.time)
    return tuple(dict.fromkeys(verdict.reader for verdict in verdicts if verdict.reader))


def size_of(diameter_mm: float) -> str:
    """Name the size class of a diameter, one of `SIZES`."""
    if diameter_mm < SMALL_BELOW_MM:
        return SMALL
    return LARGE if diameter_mm <= LARGEST_DIAMETER_MM else LARGER


def _count(lesions: Sequence[ReviewedLesion]) -> Count:
    definite = sum(one.state == ACCEPTED for one in lesions)
    return Count(definite, len(lesions) - definite)


def _by_size(lesions: Sequence[ReviewedLesion]) -> dict[str, Count]:
    return {size: _count([one for one in lesions if size_of(one.lesion.diameter_mm) == size]) for size in SIZES}


def _region(name: str, found: Sequence[ReviewedLesion]) -> RegionCount:
    here = [one for one in found if (one.lesion.region if one.lesion.region in REGIONS else UNKNOWN_REGION) == name]
    by_side = {side: _count([one for one in here if one.lesion.side == side]) for side in (*SIDES, "")}
    group = next((group for group, regions in GROUPS.items() if name in regions), "")
    return RegionCount(name, group, by_side, _by_size(here), _count(here))


def _worded(counts: dict[str, Count]) -> str:
    return ", ".join(f"{name} {c.definite}/{c.possible}" for name, c in counts.items() if c.definite or c.possible)


def _regions_worded(counts: Counts) -> str:
    parts = []
    for line in counts.regions:
        for side, count in line.by_side.items():
            if count.definite or count.possible:
                parts.append(f"{f'{side} ' if side else ''}{line.region} {count.definite}/{count.possible}")
    return ", ".join(parts)
