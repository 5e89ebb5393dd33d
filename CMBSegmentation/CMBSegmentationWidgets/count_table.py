"""The counts of BOMBS and MARS as a table: definite and possible, by region, side and size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt

if TYPE_CHECKING:
    from CMBSegmentationLib.results.counts import Counts

HEADINGS = ("Region", "left", "right", "other", "< 5", "5–10", "all")
TIPS = {3: "On the midline, or no side was given", 4: "Smaller than 5 mm", 5: "5–10 mm"}
ROW_HEIGHT = 22
NARROWEST_PX = 30
CELL_PADDING_PX = 8
NOTHING = "–"


class CountTable:
    """Fills a `QTableWidget` with the regions that have microbleeds; each cell is definite / possible.

    Parameters
    ----------
    widget : QTableWidget
    caption : QLabel
        Says what a cell is; shown with the table.
    """

    def __init__(self, widget: Any, caption: Any) -> None:
        self._widget, self._caption = widget, caption
        widget.setColumnCount(len(HEADINGS))
        widget.setHorizontalHeaderLabels(list(HEADINGS))
        for column, tip in TIPS.items():
            widget.horizontalHeaderItem(column).setToolTip(tip)
        widget.setHorizontalScrollBarPolicy(qt.Qt.ScrollBarAlwaysOff)
        widget.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        widget.setSelectionMode(qt.QAbstractItemView.NoSelection)
        widget.setFocusPolicy(qt.Qt.NoFocus)
        widget.verticalHeader().setVisible(False)
        header = widget.horizontalHeader()
        header.setFixedHeight(ROW_HEIGHT)
        header.setMinimumSectionSize(NARROWEST_PX)
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(0, qt.QHeaderView.Stretch)  # a long name takes two lines: no column is cut off
        header.sectionResized.connect(lambda *_: qt.QTimer.singleShot(0, self._fit))  # once the layout has settled
        widget.setVisible(False)
        caption.setVisible(False)

    def show(self, counts: Counts) -> None:
        """Show a review's counts; hidden where there is none yet."""
        from CMBSegmentationLib.results.counts import LARGE, SMALL, UNKNOWN_REGION
        from CMBSegmentationLib.vocabulary.regions import ASSIGNABLE

        def sizes(**where: Any) -> list[str]:
            return [_pair(counts, size=size, **where) for size in (SMALL, LARGE, "")]

        lines = []
        for name in (*ASSIGNABLE, UNKNOWN_REGION):
            here = {"regions": (name,)}
            if _pair(counts, **here) != NOTHING:
                sides = [_pair(counts, side=side, **here) for side in ("left", "right")]
                lines.append([name, *sides, _pair(counts, sides=("midline", ""), **here), *sizes(**here)])
        if lines:
            lines.append(["all", "", "", "", *sizes()])
        table = self._widget
        table.setVisible(bool(lines))
        self._caption.setVisible(bool(lines))
        table.setRowCount(len(lines))
        for row, line in enumerate(lines):
            for column, text in enumerate(line):
                item = qt.QTableWidgetItem(text)
                if column == 0:
                    item.setToolTip(text)
                item.setTextAlignment(int(qt.Qt.AlignVCenter) if column == 0 else int(qt.Qt.AlignCenter))
                table.setItem(row, column, item)
        self._fit()

    def _fit(self, *_: Any) -> None:
        """Give each region's name its lines, however wide the panel is made, and the table the height of its rows.

        Where not even its words have room side by side with the numbers, a region has its short name.
        """
        from CMBSegmentationLib.vocabulary.regions import brief

        table = self._widget
        room, metrics = table.columnWidth(0) - CELL_PADDING_PX, qt.QFontMetrics(table.font)
        for row in range(table.rowCount):
            item = table.item(row, 0)
            name = item.toolTip()
            has_room = all(metrics.horizontalAdvance(word) <= room for word in name.split())
            item.setText(name if has_room else brief(name))
        table.resizeRowsToContents()
        heights = [table.rowHeight(row) for row in range(table.rowCount)]
        table.setFixedHeight(ROW_HEIGHT + sum(heights) + 2 * table.frameWidth)


def _pair(counts: Counts, sides: tuple[str, ...] = (), **where: Any) -> str:
    """Word definite and possible ones, of several sides together where some are given."""
    from CMBSegmentationLib.vocabulary.verdicts import DEFINITE, POSSIBLE

    each = [where | {"side": side} for side in sides] or [where]
    definite, possible = (sum(counts.number((kind,), **one) for one in each) for kind in (DEFINITE, POSSIBLE))
    return f"{definite} / {possible}" if definite or possible else NOTHING
