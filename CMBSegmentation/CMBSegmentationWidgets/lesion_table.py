"""The list of lesions as a table that sorts by a click and is coloured by decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import qt

from CMBSegmentationLib.vocabulary.columns import PROBABILITY

if TYPE_CHECKING:
    from CMBSegmentationLib.review import ReviewedLesion

COLUMNS = (
    ("No.", "The lesion's number; it stays the same at every threshold"),
    ("Verdict", "accepted, uncertain, rejected; not reviewed or dropped where there is none"),
    ("Ø mm", "Diameter of the sphere of equal volume"),
    ("Prob.", PROBABILITY),
    ("Note", "The mimic, the suspected cause, why it was dropped, or that a reader added, merged or split it"),
    ("Phase", "What the phase image says: blood (paramagnetic), calcium, or unclear"),
    ("Det.", "The first stage's highest probability, where a second stage looked again"),
    ("Region", "Region of MARS"),
    ("Side", "left, right or midline"),
    ("Loss %", "Signal loss against the brain tissue around; empty where there is none"),
    ("Elong.", "Longest over shortest extent; 1 is a sphere"),
    ("mm³", "Volume"),
)
NUMBER_COLUMN, NOTE_COLUMN = 0, 4
DECIMALS = {2: 1, 3: 2, 6: 2, 9: 0, 10: 1, 11: 1}  # of a column's numbers, all the same: 0.70 beside 0.95
OFTEN_EMPTY = (4, 5, 6, 7, 8)  # columns that are left out where no lesion has anything in them
ROW_HEIGHT = 24
SIGNS = {"accepted": "✓", "rejected": "✗", "uncertain": "?", "unreviewed": "•", "dropped": "–"}
CHOSEN_STYLE = "selection-background-color: #1f5f99; selection-color: #ffffff"  # 6.6 : 1; many a palette has 3.5
COLOURED_COLUMNS = (0, 1)  # the whole row would drown the chosen one


class LesionTable:
    """Fills a `QTableWidget`.

    Parameters
    ----------
    widget : QTableWidget
    chosen : callable
        Called with a lesion's id when the reader chooses its row.
    sorted_ : callable
        Called with the ids from top to bottom when the reader sorts anew.
    """

    def __init__(
        self, widget: Any, chosen: Callable[[int], object], sorted_: Callable[[Sequence[int]], object]
    ) -> None:
        self._widget, self._chosen, self._sorted = widget, chosen, sorted_
        widget.setColumnCount(len(COLUMNS))
        widget.setHorizontalHeaderLabels([heading for heading, _ in COLUMNS])
        for column, (_, tip) in enumerate(COLUMNS):
            widget.horizontalHeaderItem(column).setToolTip(tip)
        widget.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        widget.setSelectionMode(qt.QAbstractItemView.ExtendedSelection)
        widget.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        widget.setAlternatingRowColors(True)
        widget.setWordWrap(False)
        widget.setStyleSheet(CHOSEN_STYLE)
        widget.verticalHeader().setVisible(False)
        widget.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = widget.horizontalHeader()
        header.setStretchLastSection(True)
        header.setDefaultAlignment(qt.Qt.AlignLeft | qt.Qt.AlignVCenter)  # seen where a wide column is cut off
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(True)
        header.setSortIndicator(NUMBER_COLUMN, qt.Qt.AscendingOrder)
        widget.connect("currentCellChanged(int,int,int,int)", self._on_cell)
        self._fitted: tuple[bool, ...] = ()  # which columns were left out when the widths were chosen
        self._lesions: Sequence[ReviewedLesion] = ()
        self._order: list[int] = []
        self._is_moved_in = False  # by the reader: Qt has not chosen the row yet
        header.sortIndicatorChanged.connect(self._on_sorted)

    def show(self, lesions: Sequence[ReviewedLesion], current_id: int | None) -> None:
        """List lesions, in the order that the reader has sorted them."""
        table, chosen, self._lesions = self._widget, self.chosen(), lesions
        was_blocked = table.blockSignals(True)
        table.setRowCount(len(lesions))
        rows = self._sorted_rows(lesions)
        for row, (cells, lesion) in enumerate(rows):
            for column, value in enumerate(cells):
                self._fill(row, column, value, lesion)
        for column in OFTEN_EMPTY:
            table.setColumnHidden(column, not any(cells[column] != "" for cells, _ in rows))
        self._fit_columns()
        self._keep_chosen(chosen)
        table.blockSignals(was_blocked)
        self.choose(current_id)
        self._tell_order()

    def _sorted_rows(self, lesions: Sequence[ReviewedLesion]) -> list[tuple[list[Any], ReviewedLesion]]:
        """Sort as the heading's arrow says: numbers by their values, not by their digits; what is empty at one end."""
        header = self._widget.horizontalHeader()
        column, is_down = header.sortIndicatorSection(), header.sortIndicatorOrder() == qt.Qt.DescendingOrder
        rows = sorted(((_cells(one), one) for one in lesions), key=lambda row: row[1].id)
        rows.sort(key=lambda row: (row[0][column] != "", row[0][column]), reverse=is_down)
        return rows

    def _fit_columns(self) -> None:
        """Fit the widths where other columns are shown than before; that of the notes to whatever they say now."""
        table = self._widget
        fitted = tuple(table.isColumnHidden(column) for column in OFTEN_EMPTY)
        if self._lesions and fitted != self._fitted:
            table.resizeColumnsToContents()
            self._fitted = fitted
        elif self._lesions:
            table.resizeColumnToContents(NOTE_COLUMN)

    def _keep_chosen(self, ids: Sequence[int]) -> None:
        """Have no other lesions chosen than before: Qt keeps chosen rows by their place, whatever is in them now."""
        for row in range(self._widget.rowCount):
            is_chosen = self._id(row) in ids
            if self._widget.item(row, NUMBER_COLUMN).isSelected() != is_chosen:
                for column in range(len(COLUMNS)):
                    self._widget.item(row, column).setSelected(is_chosen)

    def choose(self, lesion_id: int | None) -> None:
        """Mark a lesion's row, without telling."""
        table = self._widget
        row = next((row for row in range(table.rowCount) if self._id(row) == lesion_id), -1)
        if row >= 0 and row == table.currentRow() and (self._is_moved_in or table.item(row, 0).isSelected()):
            return
        was_blocked = table.blockSignals(True)
        table.clearSelection()  # else a key with Ctrl, such as undo, would choose one more row, as Ctrl and a click do
        if row < 0:
            table.setCurrentCell(-1, -1)
        else:
            table.setCurrentCell(row, NUMBER_COLUMN)
            table.scrollToItem(table.item(row, NUMBER_COLUMN))
        table.blockSignals(was_blocked)

    def chosen(self) -> list[int]:
        """Give the ids of the chosen rows."""
        table = self._widget
        return [self._id(row) for row in range(table.rowCount) if table.item(row, NUMBER_COLUMN).isSelected()]

    def _fill(self, row: int, column: int, value: Any, lesion: ReviewedLesion) -> None:
        from CMBSegmentationLib.vocabulary.looks import REVIEW_COLOURS, text_on

        item = self._widget.item(row, column)
        if item is None:
            item = qt.QTableWidgetItem()
            self._widget.setItem(row, column, item)
        is_number = column in DECIMALS and value != ""
        item.setText(f"{value:.{DECIMALS[column]}f}" if is_number else str(value))
        item.setTextAlignment(int((qt.Qt.AlignRight if is_number else qt.Qt.AlignLeft) | qt.Qt.AlignVCenter))
        item.setToolTip(str(value) if column == NOTE_COLUMN else "")
        if column in COLOURED_COLUMNS:
            colour = REVIEW_COLOURS[lesion.state]
            item.setBackground(_brush(colour))
            item.setForeground(_brush(text_on(colour)))

    def _id(self, row: int) -> int:
        return int(self._widget.item(row, NUMBER_COLUMN).text())

    def _on_cell(self, row: int, column: int, former_row: int, former_column: int) -> None:
        if row < 0 or row == former_row:
            return
        self._is_moved_in = True
        try:
            self._chosen(self._id(row))
        finally:
            self._is_moved_in = False

    def _on_sorted(self, *_: Any) -> None:
        """Have the rows follow the heading's arrow."""
        row = self._widget.currentRow()
        self.show(self._lesions, self._id(row) if row >= 0 else None)

    def _tell_order(self) -> None:
        order = [self._id(row) for row in range(self._widget.rowCount)]
        if order != self._order:
            self._order = order
            self._sorted(order)


def _brush(colour: tuple[float, float, float]) -> Any:
    return qt.QBrush(qt.QColor(*(round(255 * part) for part in colour)))


def _cells(lesion: ReviewedLesion) -> list[Any]:
    from CMBSegmentationLib.vocabulary.numbers import rounded_down
    from CMBSegmentationLib.vocabulary.verdicts import UNREVIEWED

    m = lesion.as_lesion()
    note = m.mimic or m.cause or ("" if lesion.verdict else m.dropped_because) or (m.origin if m.is_readers else "")
    return [
        lesion.id,
        f"{SIGNS[lesion.state]} {'not reviewed' if lesion.state == UNREVIEWED else lesion.state}",
        round(m.diameter_mm, 1),
        "" if m.probability is None else rounded_down(m.probability, 2),
        note,
        m.phase,
        "" if m.detector in (None, m.probability) else rounded_down(m.detector, 2),
        m.region,
        m.side,
        "" if m.contrast is None else round(100 * m.contrast),
        round(m.elongation, 1),
        round(m.volume_mm3, 1),
    ]
