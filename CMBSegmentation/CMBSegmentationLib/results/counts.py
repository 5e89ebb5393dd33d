"""How many microbleeds, how sure, where and how large: the one count of files, reports and user interfaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..detecting.lesions import LARGEST_DIAMETER_MM, Lesion, is_read
from ..vocabulary.published.scales import SCALES, Scale, Step
from ..vocabulary.regions import ASSIGNABLE, GROUPS, PATTERNS, SIDES, counted_in, pattern_of
from ..vocabulary.verdicts import DEFINITE, DETECTED, DROPPED, POSSIBLE, REJECTED, UNDECIDED

CLASSES = ("0", "1", "2-4", "5-10", ">10")
"""Counts in classes that do not overlap. Readers ask for 0, 1, 2-4, >= 5 and > 10 (Docs/published-figures.md,
"Burden"); >= 5 is the last two together."""
SMALL_BELOW_MM = 5.0  # BOMBS counts < 5 mm and 5-10 mm apart
SMALL, LARGE, LARGER = SIZES = ("< 5 mm", "5–10 mm", "> 10 mm")
UNKNOWN_REGION = "unassigned"


class Cell(NamedTuple):
    """What lesions are counted by.

    Attributes
    ----------
    certainty : str
        One of `vocabulary.verdicts.CERTAINTIES`.
    region : str
        One of `vocabulary.regions.ASSIGNABLE`, or `UNKNOWN_REGION`.
    side : str
        One of `vocabulary.regions.SIDES`; empty where it is not known.
    size : str
        One of `SIZES`.
    """

    certainty: str
    region: str
    side: str
    size: str


@dataclass(frozen=True)
class Counts:
    """A list of lesions in numbers.

    Attributes
    ----------
    is_read : bool
        Whether a reader has decided on any lesion of the list.
    rejected : int
        By a reader.
    dropped : int
        By the program, without a reader's decision.
    readers : tuple of str
        In the order of their first decision.
    cells : mapping
        Listed lesions by `Cell`.
    """

    is_read: bool = False
    rejected: int = 0
    dropped: int = 0
    readers: tuple[str, ...] = ()
    cells: Mapping[Cell, int] = field(default_factory=dict)

    def number(
        self, certainties: Collection[str], *, regions: Collection[str] = (), side: str | None = None, size: str = ""
    ) -> int:
        """Count listed lesions, all regions, sides and sizes unless some are asked for."""
        return sum(
            number
            for cell, number in self.cells.items()
            if cell.certainty in certainties
            and (not regions or cell.region in regions)
            and side in (None, cell.side)
            and size in ("", cell.size)
        )

    @property
    def counted(self) -> tuple[str, ...]:
        """What the headline, its class, sizes and regions count: definite and possible ones once a reader has begun."""
        return (DEFINITE, POSSIBLE) if self.is_read else (DETECTED,)

    @property
    def microbleeds(self) -> int:
        """The headline."""
        return self.number(self.counted)

    @property
    def count_class(self) -> str:
        """Of the headline, one of `CLASSES`."""
        return count_class(self.microbleeds)

    @property
    def on_scales(self) -> tuple[tuple[Scale, Step], ...]:
        """The class of the headline on each of the published scales; these count what is 10 mm across at most."""
        number = self.microbleeds - self.larger
        return tuple((scale, scale.step_of(number)) for scale in SCALES)

    @property
    def larger(self) -> int:
        """Those of the headline that are larger than 10 mm across."""
        return self.number(self.counted, size=LARGER)

    @property
    def definite(self) -> int:
        """Those that a reader accepted."""
        return self.number((DEFINITE,))

    @property
    def possible(self) -> int:
        """Those of which a reader is uncertain."""
        return self.number((POSSIBLE,))

    @property
    def not_read(self) -> int:
        """Those that the program kept and no reader has decided on."""
        return self.number((DETECTED,))

    @property
    def by_region(self) -> dict[str, int]:
        """The headline by region, the most frequent first; empty where none is known."""
        found = {name: self.number(self.counted, regions=(name,)) for name in (*ASSIGNABLE, UNKNOWN_REGION)}
        if found[UNKNOWN_REGION] == self.microbleeds:
            return {}
        return dict(sorted(((name, n) for name, n in found.items() if n), key=lambda row: -row[1]))

    @property
    def by_group(self) -> dict[str, int]:
        """The headline by lobar, deep and infratentorial; empty where there are lesions and no region is known."""
        if self.microbleeds and not self.by_region:
            return {}
        return {group: self.number(self.counted, regions=counted_in(group)) for group in GROUPS}

    @property
    def pattern(self) -> str:
        """Of the definite ones, or of all detected where nobody has read; empty where no region is known."""
        sure = self.counted[0]
        regions = [cell.region for cell in self.cells if cell.certainty == sure and cell.region != UNKNOWN_REGION]
        return pattern_of(regions) if regions or not self.cells else ""

    @property
    def pattern_said(self) -> str:
        """The pattern, and how many it leaves out because no region of theirs is known; empty as `pattern`."""
        unplaced = self.number(self.counted[:1], regions=(UNKNOWN_REGION,))
        left_out = f", {unplaced} without a region left out" if unplaced else ""
        return f"{self.pattern}{left_out}" if self.pattern else ""

    @property
    def pattern_meaning(self) -> str:
        """The pattern in the literature, as `vocabulary.regions.PATTERNS`."""
        return PATTERNS.get(self.pattern, "")


def counts_of(lesions: Sequence[Lesion]) -> Counts:
    """Count a list of lesions.

    Parameters
    ----------
    lesions : sequence of Lesion
        All of the list, dropped and rejected ones too.

    Returns
    -------
    Counts

    References
    ----------
    Cordonnier et al., Stroke 40:94, 2009: the Brain Observer MicroBleed Scale (BOMBS) and its sizes.
    Gregoire et al., Neurology 73:1759, 2009: the Microbleed Anatomical Rating Scale (MARS).
    """
    decided = sorted((one for one in lesions if one.decision != UNDECIDED), key=lambda one: one.decided_at)
    return Counts(
        is_read=is_read(lesions),
        rejected=sum(one.decision == REJECTED for one in lesions),
        dropped=sum(one.status == DROPPED and one.decision == UNDECIDED for one in lesions),
        readers=tuple(dict.fromkeys(one.reader for one in decided if one.reader)),
        cells=Counter(_cell(one) for one in lesions if one.certainty),
    )


def count_class(number: int) -> str:
    """Name the class of a number of microbleeds, one of `CLASSES`."""
    if number <= 1:
        return str(number)
    if number <= 4:
        return "2-4"
    return "5-10" if number <= 10 else ">10"


def size_class(diameter_mm: float) -> str:
    """Name the size of a diameter, one of `SIZES`."""
    if diameter_mm < SMALL_BELOW_MM:
        return SMALL
    return LARGE if diameter_mm <= LARGEST_DIAMETER_MM else LARGER


def _cell(lesion: Lesion) -> Cell:
    return Cell(
        lesion.certainty,
        lesion.region if lesion.region in ASSIGNABLE else UNKNOWN_REGION,
        lesion.side if lesion.side in SIDES else "",
        size_class(lesion.diameter_mm),
    )
