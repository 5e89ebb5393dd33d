"""One key an action, the same as on the desktop; the browser tells which was pressed outside text fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from CMBSegmentationLib.review import ACCEPTED, MIMICS, REJECTED, UNCERTAIN

from .scribbling import ERASE, PAINT, SCRIBBLE_PANEL

if TYPE_CHECKING:
    from ..page.page_session import PageSession


def actions(desk: PageSession) -> dict[str, Callable[[], object]]:
    """Give the action of each key, as the browser names keys."""
    state, views, reviewing, scribbling = desk.state, desk.views, desk.reviewing, desk.scribbling

    def toggle(name: str) -> Callable[[], None]:
        return lambda: setattr(state, name, not state[name])

    def in_scribbling(action: Callable[[], object]) -> Callable[[], object]:
        def act() -> None:
            state.panel = SCRIBBLE_PANEL
            action()

        return act

    def undo() -> None:
        scribbling.undo() if state.panel == SCRIBBLE_PANEL else reviewing.undo()

    return {
        "?": toggle("help_shown"),
        "n": lambda: reviewing.step(1),
        "p": lambda: reviewing.step(-1),
        "ArrowDown": lambda: reviewing.step(1),
        "ArrowUp": lambda: reviewing.step(-1),
        "a": lambda: reviewing.decide(ACCEPTED),
        "r": lambda: reviewing.decide(REJECTED),
        "u": lambda: reviewing.decide(UNCERTAIN),
        **{str(number): _called(reviewing.reject_as, number) for number in range(1, len(MIMICS) + 1)},
        "z": reviewing.zoom,
        "i": reviewing.add_here,
        "Delete": reviewing.delete,
        "h": toggle("outlines"),
        "c": toggle("crosshair"),
        "f": views.reset,
        "b": in_scribbling(lambda: scribbling.choose_brush(PAINT)),
        "e": in_scribbling(lambda: scribbling.choose_brush(ERASE)),
        "g": in_scribbling(scribbling.grow),
        "m": in_scribbling(lambda: scribbling.place("mimics")),
        "o": in_scribbling(lambda: scribbling.place("findings")),
        "Enter": lambda: scribbling.accept() if state.panel == SCRIBBLE_PANEL else None,
        "[": lambda: scribbling.step_tolerance(-1),
        "]": lambda: scribbling.step_tolerance(1),
        "Ctrl+z": undo,
        "Ctrl+y": reviewing.redo,
    }


def _called(action: Callable[[int], object], number: int) -> Callable[[], object]:
    return lambda: action(number)
