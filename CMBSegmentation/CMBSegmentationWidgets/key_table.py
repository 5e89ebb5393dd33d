"""All keys of the panels as a table; a key is changed by typing another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.vocabulary.actions import PLACES
from CMBSegmentationLib.vocabulary.keys import Keys, in_words

HEADINGS = ("Key", "What it does", "Where")
KEY_COLUMN = 0
ROW_HEIGHT = 22


class KeyTable:
    """Fills a `QTableWidget`.

    Parameters
    ----------
    widget : QTableWidget
    changed : callable
        Called with the new `Keys` when the reader has typed another key.
    tell : callable
        Called with why a key was refused; with an empty text when one was taken.
    """

    def __init__(self, widget: Any, changed: Callable[[Keys], object], tell: Callable[[str], object]) -> None:
        self._widget, self._changed, self._tell = widget, changed, tell
        self._keys: Keys | None = None
        widget.setColumnCount(len(HEADINGS))
        widget.setHorizontalHeaderLabels(list(HEADINGS))
        widget.setSelectionMode(qt.QAbstractItemView.NoSelection)
        widget.verticalHeader().setVisible(False)
        widget.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        widget.horizontalHeader().setStretchLastSection(True)
        widget.connect("cellChanged(int,int)", self._on_cell)

    def show(self, keys: Keys) -> None:
        """Show which key each action has."""
        self._keys = keys
        table = self._widget
        was_blocked = table.blockSignals(True)
        table.setRowCount(len(keys.actions))
        for row, action in enumerate(keys.actions):
            where = " · ".join(PLACES[place] for place in action.places)
            for column, text in enumerate((in_words(keys.of(action.name)), action.says, where)):
                item = qt.QTableWidgetItem(text)
                if column != KEY_COLUMN:
                    item.setFlags(qt.Qt.ItemIsEnabled)  # to read only
                table.setItem(row, column, item)
        table.resizeColumnsToContents()
        table.blockSignals(was_blocked)

    def _on_cell(self, row: int, column: int) -> None:
        if self._keys is None or column != KEY_COLUMN:
            return
        action = self._keys.actions[row]
        try:
            self._changed(self._keys.with_key(action.name, self._widget.item(row, KEY_COLUMN).text()))
            self._tell("")  # an earlier refusal is settled
        except InputError as error:
            self._tell(str(error))
            self.show(self._keys)
