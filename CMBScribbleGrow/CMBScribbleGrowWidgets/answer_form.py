"""Qt widgets that show a record's fields and tell what a reader answers; with no state of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import qt

from CMBScribbleGrowLib.annotation.dependent_answers import is_asked
from CMBSegmentationWidgets.at_hand import allow

Answer = Callable[..., object]
"""Called with one field by name: ``answer(location="thalamus")``."""

YES_NO = {"": None, "yes": True, "no": False}


class AnswerForm:
    """The widgets of one record.

    Parameters
    ----------
    answer : callable
        Called with a field and its new value when the reader changes it, not when the form does.
    instead : QWidget
        Gets the focus when another record is shown, for the next key is not meant for its answers; and from a field
        that is not asked for any more.
    """

    def __init__(self, answer: Answer, instead: Any) -> None:
        self._answer, self._instead = answer, instead
        self._shown: int | None = None
        self._widgets: dict[str, Any] = {}  # by field
        self._setters: dict[str, Callable[[Any], None]] = {}
        self._showing = False

    def words(self, field: str, combo: Any, words: Sequence[str]) -> None:
        """Have a combo box ask for one of the words, or none."""
        combo.addItems(["", *words])

        def show(value: str) -> None:
            combo.setCurrentIndex(max(combo.findText(value), 0))

        combo.connect("currentIndexChanged(int)", lambda index: self._changed(field, combo.itemText(index)))
        self._setters[field] = show
        self._widgets[field] = combo

    def yes_no(self, field: str, combo: Any) -> None:
        """Have a combo box ask for yes, no, or not answered."""
        combo.addItems(list(YES_NO))

        def show(value: bool | None) -> None:
            combo.setCurrentIndex(list(YES_NO.values()).index(value))

        combo.connect("currentIndexChanged(int)", lambda i: self._changed(field, list(YES_NO.values())[i]))
        self._setters[field] = show
        self._widgets[field] = combo

    def text(self, field: str, edit: Any) -> None:
        """Have a line ask for free text."""

        def show(value: str) -> None:
            if edit.text != value:  # else the cursor jumps to the end while one types
                edit.setText(value)

        edit.connect("textEdited(QString)", lambda text: self._changed(field, text))
        self._setters[field] = show
        self._widgets[field] = edit

    def flag(self, field: str, check: Any) -> None:
        """Have a check box ask for yes or no."""
        check.connect("toggled(bool)", lambda checked: self._changed(field, bool(checked)))
        self._setters[field] = check.setChecked
        self._widgets[field] = check

    def count(self, field: str, spin: Any) -> None:
        """Have a spin box ask for a number; 0 is not counted."""

        def show(value: int | None) -> None:
            spin.setValue(value or 0)

        spin.connect("valueChanged(int)", lambda value: self._changed(field, int(value) or None))
        self._setters[field] = show
        self._widgets[field] = spin

    def show(self, record: Any) -> None:
        """Show a record, with what is not asked for disabled; None empties the form and disables it."""
        self._leave_former(getattr(record, "id", None))
        with self._quietly():
            for field, setter in self._setters.items():
                empty = False if field == "uncertain" else None if field in ("included", "smaller_than_5_mm") else ""
                value = empty if record is None else getattr(record, field)
                setter((value or None) if field == "count" else value)
        for field, widget in self._widgets.items():
            allow(widget, record is not None and is_asked(record, field), self._instead)

    def _leave_former(self, shown: int | None) -> None:
        former, self._shown = self._shown, shown
        if shown == former:
            return
        widgets = list(self._widgets.values())
        for widget in widgets:
            if widget.inherits("QComboBox"):
                widget.hidePopup()
        if qt.QApplication.focusWidget() in widgets:
            self._instead.setFocus()

    def _changed(self, field: str, value: Any) -> None:
        if not self._showing:
            self._answer(**{field: value})

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        before, self._showing = self._showing, True
        try:
            yield
        finally:
            self._showing = before


class RecordList:
    """A list of records, of which one is chosen.

    Parameters
    ----------
    widget : QListWidget
    describe : callable
        Gives a record's line.
    chosen : callable
        Called with the record that the reader has chosen.
    """

    def __init__(self, widget: Any, describe: Callable[[Any], str], chosen: Callable[[Any], object]) -> None:
        self._widget, self._describe, self._chosen = widget, describe, chosen
        self._records: list[Any] = []
        widget.connect("currentRowChanged(int)", self._on_row)

    @property
    def current(self) -> Any:
        """The chosen record; None if there is none."""
        row = self._widget.currentRow
        return self._records[row] if 0 <= row < len(self._records) else None

    @property
    def ids(self) -> list[int]:
        """Of the records that are listed."""
        return [record.id for record in self._records]

    def show(self, records: Sequence[Any], current_id: int | None = None) -> None:
        """List records; the one chosen stays so unless another is named."""
        wanted = current_id if current_id is not None else getattr(self.current, "id", None)
        self._records = list(records)
        was_blocked = self._widget.blockSignals(True)
        lines = [self._describe(record) for record in records]
        if [self._widget.item(row).text() for row in range(self._widget.count)] != lines:
            self._widget.clear()
            self._widget.addItems(lines)
        ids = [record.id for record in records]
        self._widget.setCurrentRow(ids.index(wanted) if wanted in ids else -1)
        self._widget.blockSignals(was_blocked)

    def _on_row(self, row: int) -> None:
        if 0 <= row < len(self._records):
            self._chosen(self._records[row])


class FlagList:
    """A list of words that can be ticked.

    Parameters
    ----------
    widget : QListWidget
    words : sequence of str
    answer : callable
        Called with the tuple of ticked words when the reader changes it.
    instead : QWidget
        Gets the focus from the list where nothing can be ticked.
    """

    def __init__(
        self, widget: Any, words: Sequence[str], answer: Callable[[tuple[str, ...]], object], instead: Any
    ) -> None:
        self._widget, self._words, self._answer, self._instead = widget, tuple(words), answer, instead
        widget.addItems(list(words))
        self.show(None)
        widget.connect("itemChanged(QListWidgetItem*)", self._on_item)

    def show(self, ticked: Sequence[str] | None) -> None:
        """Tick these words; None ticks nothing, and nothing can be ticked."""
        was_blocked = self._widget.blockSignals(True)
        for row, word in enumerate(self._words):
            self._widget.item(row).setCheckState(qt.Qt.Checked if word in (ticked or ()) else qt.Qt.Unchecked)
        self._widget.blockSignals(was_blocked)
        allow(self._widget, ticked is not None, self._instead)

    def _on_item(self, item: Any) -> None:
        rows = range(len(self._words))
        self._answer(tuple(self._words[row] for row in rows if self._widget.item(row).checkState() == qt.Qt.Checked))
