"""The tables of a report: counts laid out as MARS and BOMBS have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..results.counts import LARGER, SIZES, UNKNOWN_REGION, Counts
from ..vocabulary.regions import DEEP, INFRATENTORIAL, LOBAR, LOBE_UNKNOWN, counted_in
from ..vocabulary.verdicts import CERTAINTIES, DETECTED

UNKNOWN_SIDE = "side not known"


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
        MARS, BOMBS or Size.
    spans : tuple of (str, int)
        Upper headings with the number of columns below each.
    columns : tuple of str
    rows : tuple of Row
    """

    name: str
    spans: tuple[tuple[str, int], ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def count_tables(counts: Counts) -> tuple[CountTable, ...]:
    """Lay counts out: MARS and BOMBS, or the sizes alone where no region is known; nothing of an empty list."""
    if not counts.cells:
        return ()
    if all(cell.region == UNKNOWN_REGION for cell in counts.cells):
        return (_by_size(counts),)
    return _mars(counts), _bombs(counts)


def shown_certainties(counts: Counts) -> tuple[str, ...]:
    """Name the columns of the tables: definite and possible once a reader has begun, and detected while any is left."""
    return tuple(kind for kind in CERTAINTIES if kind in counts.counted or (kind == DETECTED and counts.not_read))


def _mars(counts: Counts) -> CountTable:
    """MARS: every region by side, each group with its sum."""
    rows = []
    for group in (INFRATENTORIAL, DEEP, LOBAR):
        named = [name for name in counted_in(group) if name != LOBE_UNKNOWN or any(_cells(counts, (name,)))]
        rows += [Row(name, _cells(counts, (name,))) for name in named]
        rows.append(Row(group, _cells(counts, counted_in(group)), True))
    if any(cell.region == UNKNOWN_REGION for cell in counts.cells):
        rows.append(Row(UNKNOWN_REGION, _cells(counts, (UNKNOWN_REGION,))))
    return _table("MARS", counts, rows)


def _bombs(counts: Counts) -> CountTable:
    """BOMBS: its three places, each by size, and side."""
    places = {place: counted_in(place) for place in (LOBAR, DEEP, INFRATENTORIAL)}
    if any(cell.region == UNKNOWN_REGION for cell in counts.cells):
        places[UNKNOWN_REGION] = (UNKNOWN_REGION,)
    rows = [
        Row(f"{place}, {size}", _cells(counts, regions, size))
        for place, regions in places.items()
        for size in _used_sizes(counts)
    ]
    return _table("BOMBS", counts, rows)


def _table(name: str, counts: Counts, rows: Sequence[Row]) -> CountTable:
    certainties, sides = shown_certainties(counts), [side or UNKNOWN_SIDE for side in _sides(counts)]
    total = Row("total", _cells(counts), True)
    spans = tuple((kind, len(sides)) for kind in certainties)
    return CountTable(name, spans, tuple(sides * len(certainties)), (*rows, total))


def _by_size(counts: Counts) -> CountTable:
    """All that can be said without regions."""
    certainties = shown_certainties(counts)
    rows = [Row(size, tuple(counts.number((kind,), size=size) for kind in certainties)) for size in _used_sizes(counts)]
    total = Row("total", tuple(counts.number((kind,)) for kind in certainties), True)
    return CountTable("Size", (("", len(certainties)),), certainties, (*rows, total))


def _cells(counts: Counts, regions: Sequence[str] = (), size: str = "") -> tuple[int, ...]:
    return tuple(
        counts.number((kind,), regions=regions, side=side, size=size)
        for kind in shown_certainties(counts)
        for side in _sides(counts)
    )


def _sides(counts: Counts) -> tuple[str, ...]:
    """Right and left always, as readers' forms have them; the others where they occur."""
    present = {cell.side for cell in counts.cells}
    return ("right", "left", *(side for side in ("midline", "") if side in present))


def _used_sizes(counts: Counts) -> tuple[str, ...]:
    present = {cell.size for cell in counts.cells}
    return tuple(size for size in SIZES if size in present or size != LARGER)
