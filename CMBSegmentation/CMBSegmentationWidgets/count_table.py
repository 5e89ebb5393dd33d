"""The counts of BOMBS and MARS as a table: definite and possible, by region, side and size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt

if TYPE_CHECKING:
    from CMBSegmentationLib.review import Count, Counts

HEADINGS = ("", "left", "right", "midline / –", "< 5 mm", "5–10 mm", "all")
ROW_HEIGHT = 22


class CountTable:
    """Fills a `QTableWidget` with the regions that have microbleeds; each cell is definite / possible.

    Parameters
    ----------
    widget : QTableWidget
    """

    def __init__(self, widget: Any) -> None:
        self._widget = widget
        widget.setColumnCount(len(HEADINGS))
        widget.setHorizontalHeaderLabels(list(HEADINGS))
        widget.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        widget.setSelectionMode(qt.QAbstractItemView.NoSelection)
        widget.setFocusPolicy(qt.Qt.NoFocus)
        widget.verticalHeader().setVisible(False)
        widget.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        widget.horizontalHeader().setStretchLastSection(True)
        widget.setVisible(False)

    def show(self, counts: Counts) -> None:
        """Show a review's counts; hidden where there is none yet."""
        lines = [_line(one.region, one) for one in counts.regions if one.total.definite or one.total.possible]
        total = counts.total
        if lines:
            sizes = list(counts.sizes.values())[:2]
            lines.append(["all", "", "", "", *(_worded(size) for size in sizes), _worded(total)])
        table = self._widget
        table.setVisible(bool(lines))
        table.setRowCount(len(lines))
        for row, line in enumerate(lines):
            for column, text in enumerate(line):
                item = qt.QTableWidgetItem(text)
                item.setTextAlignment(int(qt.Qt.AlignVCenter) if column == 0 else int(qt.Qt.AlignCenter))
                table.setItem(row, column, item)
        table.resizeColumnsToContents()
        table.setFixedHeight(ROW_HEIGHT * (len(lines) + 1) + 12)


def _line(name: str, one: Any) -> list[str]:
    left, right, midline, unsaid = one.by_side.values()
    middle = type(midline)(midline.definite + unsaid.definite, midline.possible + unsaid.possible)
    small, large, _ = one.by_size.values()
    return [name, *(_worded(count) for count in (left, right, middle, small, large, one.total))]


def _worded(count: Count) -> str:
    return f"{count.definite} / {count.possible}" if count.definite or count.possible else "–"
