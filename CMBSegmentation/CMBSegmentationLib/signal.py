"""Signals without a toolkit: whoever wants to know hands in a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Signal:
    """Something that happens, and the functions to call when it does.

    Examples
    --------
    >>> changed = Signal()
    >>> changed.connect(print)
    >>> changed("threshold", 0.4)
    threshold 0.4
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[..., object]] = []

    def connect(self, listener: Callable[..., object]) -> None:
        """Call `listener` from now on; once, however often it is connected."""
        if listener not in self._listeners:
            self._listeners.append(listener)

    def disconnect(self, listener: Callable[..., object]) -> None:
        """Stop calling `listener`."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def __call__(self, *values: Any) -> None:
        """Tell all listeners, in the order in which they connected."""
        for listener in tuple(self._listeners):
            listener(*values)
