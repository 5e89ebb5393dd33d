"""Ctrl-C and termination become `Cancelled`, even where a library swallows the first exception."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Cancelled


class Interrupts:
    """Whether the user asked to stop: an interrupted import, say, shows up as an ImportError."""

    def __init__(self) -> None:
        self.requested = False

    def stop(self, *_: object) -> None:
        """Handle a signal."""
        self.requested = True
        raise Cancelled


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Turn SIGINT and SIGTERM into `Cancelled` while the block runs (in the main thread only)."""
    asked = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, asked.stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
