"""The keys of a panel: shortcuts while it is open, tooltips that name them, and the table in which they are changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import qt
import slicer

from CMBSegmentationLib.vocabulary.actions import DESKTOP, QUESTION
from CMBSegmentationLib.vocabulary.keys import Keys, in_words

from .at_hand import FOCUS_CHANGED
from .key_table import KeyTable

SETTING = "CMBSegmentation/Keys"  # of both panels: a key means the same in each
TYPED_INTO = ("QLineEdit", "QPlainTextEdit", "QTextEdit", "QAbstractSpinBox")


class PanelKeys:
    """Listens to the keyboard for one panel.

    Parameters
    ----------
    actions : mapping
        What to call, which gives nothing back, by the name of the action in `vocabulary.actions`.
    tooltips : mapping
        Widget whose tooltip names the key, by the name of the action.
    captions : mapping
        Button whose text begins with the key, by the name of the action.
    table : QTableWidget
        All keys, to look them up and to change them.
    tell : callable
        Called with why a key was refused; with an empty text when one was taken.

    Attributes
    ----------
    actions : dict
    keys : Keys
    """

    def __init__(
        self,
        actions: Mapping[str, Callable[[], None]],
        tooltips: Mapping[str, Any],
        captions: Mapping[str, Any],
        table: Any,
        tell: Callable[[str], object],
    ) -> None:
        self.actions = dict(actions)
        self._tips: dict[Any, tuple[str, list[str]]] = {}
        for name, widget in tooltips.items():
            self._tips.setdefault(widget, (widget.toolTip, []))[1].append(name)
        self._captions = {name: (button, button.text) for name, button in captions.items()}
        self._table, self._tell = KeyTable(table, self.change, tell), tell
        self._shortcuts: list[Any] = []
        self._of_question: list[Any] = []
        self._is_question_open = self._is_listening = False
        self.keys = _kept()
        self._show()

    def listen(self) -> None:
        """Take the keys, as they are chosen now: the other panel may have changed them."""
        self.ignore()
        self.keys = _kept()
        self._show()
        for action in self.keys.actions:
            if action.name not in self.actions:
                continue
            shortcut = qt.QShortcut(slicer.util.mainWindow())
            shortcut.setKey(qt.QKeySequence(self.keys.of(action.name)))
            shortcut.connect("activated()", self.actions[action.name])
            (self._of_question if QUESTION in action.places else self._shortcuts).append(shortcut)
        slicer.app.connect(FOCUS_CHANGED, self._on_focus)
        self._is_listening = True
        self._on_focus(None, qt.QApplication.focusWidget())

    def ignore(self) -> None:
        """Give the keys back."""
        if self._is_listening:
            slicer.app.disconnect(FOCUS_CHANGED, self._on_focus)
            self._is_listening = False
        for shortcut in (*self._shortcuts, *self._of_question):
            shortcut.setEnabled(False)
            shortcut.setParent(None)
        self._shortcuts, self._of_question = [], []

    def set_question_open(self, is_open: bool) -> None:
        """Take the keys of the question while it is open only."""
        self._is_question_open = is_open
        self._on_focus(None, qt.QApplication.focusWidget())

    def _on_focus(self, former: Any = None, widget: Any = None) -> None:
        """Leave all keys to a field that is typed into, such as Slicer's Python console: a shortcut would take them."""
        is_field = widget is not None and any(widget.inherits(kind) for kind in TYPED_INTO)
        is_typed = is_field and not widget.property("readOnly")
        for shortcut in self._shortcuts:
            shortcut.setEnabled(not is_typed)
        for shortcut in self._of_question:
            shortcut.setEnabled(self._is_question_open and not is_typed)

    def change(self, keys: Keys) -> None:
        """Use other keys from now on, in this panel and in the other."""
        qt.QSettings().setValue(SETTING, json.dumps(keys.changed))
        self.listen()

    def reset(self) -> None:
        """Use the keys of the table again."""
        self.change(Keys(DESKTOP))
        self._tell("")  # an earlier refusal is settled

    def _show(self) -> None:
        for widget, (tip, names) in self._tips.items():
            widget.setToolTip(f"{tip} ({' and '.join(in_words(self.keys.of(name)) for name in names)})")
        for name, (button, text) in self._captions.items():
            button.setText(f"{in_words(self.keys.of(name))}  {text}")
        self._table.show(self.keys)


def _kept() -> Keys:
    try:
        return Keys.kept(DESKTOP, json.loads(qt.QSettings().value(SETTING, "") or "{}"))
    except ValueError:
        return Keys(DESKTOP)
