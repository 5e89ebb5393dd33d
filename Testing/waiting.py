"""Waiting for what happens elsewhere, with a deadline: the only place where a test may pause."""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_SECONDS = 0.01


def wait_until(is_so: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something is so.

    Parameters
    ----------
    is_so : callable
        Asked again and again; what it gives counts as true or false.
    seconds : float
        The deadline: generous, for machines that do other things too.

    Raises
    ------
    AssertionError
        It was not so in time.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"it did not happen within {seconds:g} s"
        time.sleep(LOOK_SECONDS)
