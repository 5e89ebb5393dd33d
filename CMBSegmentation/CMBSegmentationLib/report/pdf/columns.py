"""Widths of a table's columns on paper: no word is broken while all fit beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .fonts import PLAIN

ONE_LINE_PT = 10_000.0  # wider than any cell


def fitted_widths(rows: Sequence[Sequence[Any]], paddings: Sequence[float], width: float, size: float) -> list[float]:
    """Share a page's width among columns: each has room for its longest word, the rest goes to those with long texts.

    Parameters
    ----------
    rows : sequence of sequences
        Paragraphs, which may break into lines, and strings, which may not.
    paddings : sequence of float
        Left and right of each column's texts together, in points.
    width : float
        Of all columns together, in points.
    size : float
        Of the strings' font, in points.

    Returns
    -------
    list of float
        In points; less than the words need where all together are too wide for the page.
    """
    from reportlab.pdfbase.pdfmetrics import stringWidth

    def needed(cell: Any) -> tuple[float, float]:
        if isinstance(cell, str):
            return (stringWidth(cell, PLAIN, size),) * 2
        cell.wrap(ONE_LINE_PT, ONE_LINE_PT)
        return cell.minWidth(), max(cell.getActualLineWidths0(), default=0.0)

    least, most = [], []
    for column, padding in zip(zip(*rows, strict=True), paddings, strict=True):
        words, lines = zip(*map(needed, column), strict=True)
        least.append(max(words) + padding + 0.5)  # as much as ReportLab rounds
        most.append(max(lines) + padding + 0.5)
    spare = width - sum(least)
    if spare <= 0:
        return [one * width / sum(least) for one in least]
    wanted = [m - n for m, n in zip(most, least, strict=True)]
    share = spare / max(sum(wanted), 1e-6)
    return (
        [n + share * w for n, w in zip(least, wanted, strict=True)]
        if share < 1
        else [m + (width - sum(most)) / len(most) for m in most]
    )
