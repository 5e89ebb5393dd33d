"""Connecting Qt's widgets: without what a signal brings along, and without hearing of one's own changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class unheard:  # noqa: N801
    """Widgets that are set here, not by the user: nobody is to hear of it."""

    def __init__(self, *widgets: Any) -> None:
        self._widgets = widgets

    def __enter__(self) -> None:
        self._were = [widget.blockSignals(True) for widget in self._widgets]

    def __exit__(self, *error: object) -> None:
        for widget, was_blocked in zip(self._widgets, self._were, strict=True):
            widget.blockSignals(was_blocked)


def called_alone(action: Callable[[], object]) -> Callable[..., None]:
    """Leave out what a signal hands over, and what the action gives."""

    def alone(*ignored: object) -> None:
        action()

    return alone
