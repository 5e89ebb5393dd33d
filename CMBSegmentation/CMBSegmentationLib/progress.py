"""Progress reporting and cancellation for long-running work."""

from __future__ import annotations

import time
from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called with the fraction done (0 to 1) and what is being done; raises `Cancelled` to stop the work."""


def no_progress(fraction: float, message: str) -> None:
    """Report to nobody."""


def part_of(progress: Progress, start: float, stop: float, what: str = "") -> Progress:
    """Map a step's own 0 to 1 onto `start` to `stop` of the whole, its messages led by `what`."""

    def report(fraction: float, message: str) -> None:
        progress(start + (stop - start) * fraction, what + message)

    return report


class Clock:
    """Times the stages of a run: ``laps`` holds seconds by stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Book the time since the last lap under `stage`."""
        now = time.perf_counter()
        self.laps[stage] = round(now - self._since, 3)
        self._since = now
