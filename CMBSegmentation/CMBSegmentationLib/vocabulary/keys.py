"""Which key each action has, after a reader has changed some."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from ..errors import InputError
from .actions import ACTIONS, BOTH, BOTH_SAID, DESKTOP, FRONT_ENDS, PAGE, PLACES, QUESTION, READ, Action

SLICER_KEYS = {
    "Ctrl+O": "Add Data", "Ctrl+S": "Save Data", "Ctrl+W": "Close Scene", "Ctrl+F": "find a module",
    "Ctrl+H": "Home", "Ctrl+X": "Cut", "Ctrl+C": "Copy", "Ctrl+V": "Paste", "Ctrl+G": "run a Python script",
    "Ctrl+B": "tilt lock", "Ctrl+0": "Error Log", "Ctrl+1": "Help", "Ctrl+2": "Application Settings",
    "Ctrl+3": "Python Console", "Ctrl+`": "Python Console", "Ctrl+4": "Extensions Manager",
    "Ctrl+5": "Module Panel", "Ctrl+6": "Maximize View",
}  # fmt: skip
"""Keys of 3D Slicer's main window: with two owners of one key, Qt gives it to neither.

References
----------
Slicer's user guide, "Mouse & Keyboard Shortcuts", and Base/QTApp/Resources/UI/qSlicerMainWindow.ui. Its undo and redo
(Ctrl+Z, Ctrl+Y) are left out: Slicer's own Segment Editor takes these keys, too.
"""

SLICE_VIEW_KEYS = ("B", "F", "G", "R", "T", "V", "[", "]", "{", "}")
"""Of a slice view that was clicked in; a panel that is open has those of its own first (`Docs/keys.md` names them)."""

PAGE_CTRL_KEYS = ("Ctrl+Z", "Ctrl+Y")  # all others are the browser's
THREE_D_VIEW_KEYS = ("PgDown", "Home", "End")
"""Of a 3D view that was clicked in, where they turn the head (Slicer's user guide, "Mouse & Keyboard Shortcuts")."""

MOVING_KEYS = {
    **dict.fromkeys(("Up", "Down", "Left", "Right"), "moves in lists and sliders"),
    **dict.fromkeys(("Home", "End"), "goes to the first or last in a list"),
    "Space": "ticks or presses what has the focus",
    "Tab": "goes to the next control",
}
"""Keys of whatever has the focus, with or without Shift: those who use no mouse need them."""

BROWSER_KEYS = ("F1", "F3", "F5", "F6", "F7", "F10", "F11", "F12")

MODIFIERS = ("Ctrl", "Alt", "Shift")
LONG_KEYS = {
    "Del": "Delete", "Return": "Enter", "Esc": "Escape", "PgUp": "Page Up", "PgDown": "Page Down", "Space": "Space",
    "Tab": "Tab", "Home": "Home", "End": "End", "Ins": "Insert", "Backspace": "Backspace",
    "Up": "Up", "Down": "Down", "Left": "Left", "Right": "Right", **{f"F{n}": f"F{n}" for n in range(1, 13)},
}  # fmt: skip
"""Qt's name of a key, and what is written on it."""


def in_words(key: str) -> str:
    """Say a key as it is written on a keyboard: ``Del`` is Delete."""
    *modifiers, last = _parts(key)
    return "+".join((*modifiers, LONG_KEYS.get(last, last)))


def key_named(text: str) -> str:
    """Give a key in Qt's words, however it was typed: ``ctrl+z``, ``Delete``, ``page up``.

    Raises
    ------
    InputError
        There is no such key.
    """
    *before, last = _parts(text.strip())
    modifiers = [one.strip().capitalize() for one in before]
    by_word = {word.lower(): name for name, said in LONG_KEYS.items() for word in (name, said)}
    key = last.strip().upper() if len(last.strip()) == 1 else by_word.get(last.strip().lower(), "")
    if not key or not key.isprintable() or not set(modifiers) <= set(MODIFIERS):
        raise InputError(f"There is no key {text!r}.", "Type one such as A, Ctrl+Z or Delete.")
    return "+".join((*(one for one in MODIFIERS if one in modifiers), key))


def _parts(key: str) -> list[str]:
    """Split off modifiers; the last part may itself be a plus sign."""
    before, plus, last = key[:-1].rpartition("+")
    return [*before.split("+"), last + key[-1:]] if plus else [key]


class Keys:
    """The keys of one front end.

    Parameters
    ----------
    front_end : str
        Of `actions.FRONT_ENDS`.
    changed : mapping, optional
        Key by the name of an action, where it is not that of the table. Actions that are not this front end's are
        left out.

    Raises
    ------
    InputError
        There is no such key, it is not free, or it is 3D Slicer's, the browser's or the focused control's own.
    """

    def __init__(self, front_end: str, changed: Mapping[str, str] | None = None) -> None:
        self.front_end = front_end
        self.actions = tuple(one for one in ACTIONS if front_end in one.front_ends)
        wanted = {name: key_named(key) for name, key in (changed or {}).items()}
        self._keys = {one.name: wanted.get(one.name, one.key) for one in self.actions}
        self._check()

    @classmethod
    def kept(cls, front_end: str, changed: object) -> Keys:
        """Take changes that were kept in settings.

        A key that cannot be chosen (any more) is left out; where two of the others meet, all are.
        """
        try:
            known = {str(name): str(key) for name, key in dict(changed).items()}  # type: ignore[call-overload]
            return cls(front_end, {name: key for name, key in known.items() if _can_be_chosen(front_end, key)})
        except (InputError, TypeError, ValueError):
            return cls(front_end)

    @property
    def changed(self) -> dict[str, str]:
        """Keys that are not those of the table, by the name of the action."""
        return {one.name: self._keys[one.name] for one in self.actions if self._keys[one.name] != one.key}

    def of(self, name: str) -> str:
        """Give the key of an action."""
        return self._keys[name]

    def in_words(self) -> dict[str, str]:
        """Give what is written on the key of each action, by its name."""
        return {name: in_words(key) for name, key in self._keys.items()}

    def action(self, key: str, place: str) -> Action | None:
        """Find what a key does in one of `actions.PLACES`; None if nothing."""
        return next((one for one in self.actions if place in one.places and self._keys[one.name] == key), None)

    def with_key(self, name: str, key: str) -> Keys:
        """Give an action another key; raises as the class does."""
        if name not in self._keys:
            raise InputError(f"There is no action {name!r}.", f"There are {', '.join(self._keys)}.")
        wanted, own = key_named(key), next(one for one in self.actions if one.name == name)
        for other in self.actions:
            if other is not own and self._keys[other.name] == wanted and _meet(own, other):
                raise InputError(
                    f"{in_words(wanted)} is taken: {other.says}.", "Choose another key, or change that one first."
                )
        return Keys(self.front_end, {**self.changed, name: key})

    def _check(self) -> None:
        for one in self.actions:
            _check_own(self.front_end, self._keys[one.name])
        for one, other in combinations(self.actions, 2):
            if self._keys[one.name] == self._keys[other.name] and _meet(one, other):
                raise InputError(
                    f"{in_words(self._keys[one.name])} has two meanings: {one.says}; {other.says}.",
                    "Choose another key for one of them.",
                )


def _check_own(front_end: str, key: str) -> None:
    """Refuse a key that Slicer, the browser or the control with the focus needs."""
    *modifiers, last = _parts(key)
    if last in MOVING_KEYS and set(modifiers) <= {"Shift"}:
        raise InputError(f"{in_words(last)} {MOVING_KEYS[last]}.", "Choose another key.")
    if front_end == PAGE and modifiers and key not in PAGE_CTRL_KEYS:
        raise InputError(f"{key} belongs to the browser.", "Choose a key without Ctrl, Alt or Shift.")
    if front_end == PAGE and key in BROWSER_KEYS:
        raise InputError(f"{key} belongs to the browser.", "Choose another key.")
    if key in SLICER_KEYS:  # which a key that both have must not be, either
        raise InputError(f"{key} is 3D Slicer's own: {SLICER_KEYS[key]}.", "Choose another key.")


def _can_be_chosen(front_end: str, key: str) -> bool:
    try:
        _check_own(front_end, key_named(key))
    except InputError:
        return False
    return True


def _meet(one: Action, other: Action) -> bool:
    """Whether two actions can be meant at the same time: the question is asked while reading."""
    places, others = ({READ if place == QUESTION else place for place in action.places} for action in (one, other))
    return bool(places & others)


def as_markdown() -> str:
    """Write all keys as a page of the guide: ``Docs/keys.md``."""
    lines = [
        "# Keys",
        "",
        "A key means the same in the page and in 3D Slicer. It acts in the tab or the panel that is open, not while",
        "you type into a field or a dialog is open. You can change keys: in the page in the help (?), in Slicer in the",
        "panel's section *Keys*. (`make keys` writes this page from `CMBSegmentationLib/vocabulary/actions.py`.)",
    ]
    sections = {title: [one for one in ACTIONS if one.places == (place,)] for place, title in PLACES.items()}
    sections[BOTH_SAID] = [one for one in ACTIONS if one.places == BOTH]
    for title, actions in sections.items():
        lines += ["", f"## {title}", "", "| key | what it does | page | Slicer |", "| --- | --- | --- | --- |"]
        for one in actions:
            marks = " | ".join("✓" if end in one.front_ends else "" for end in FRONT_ENDS)
            lines.append(f"| {in_words(one.key)} | {one.says} | {marks} |")
    desktop = [one for one in ACTIONS if DESKTOP in one.front_ends]
    slices = ", ".join(one.key for one in desktop if one.key in SLICE_VIEW_KEYS)
    volumes = ", ".join(in_words(one.key) for one in desktop if one.key in THREE_D_VIEW_KEYS)
    lines += [
        "",
        f"No key is one of Slicer's main window. Of those of a slice view, the open panel takes {slices}; of those of",
        f"a 3D view, {volumes}. All are Slicer's again when another module is opened, and while you type elsewhere in",
        "Slicer, such as in its Python console.",
        "",
    ]
    return "\n".join(lines)
