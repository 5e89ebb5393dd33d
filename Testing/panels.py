"""Fixtures: a module's panel in a window, on a scene of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # there is no display where the tests run


@pytest.fixture
def open_panel(a_scene: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Opens a module's panel; it is closed when the test ends."""
    from qt_harness.desktop import Desktop

    opened = []

    def make(module: str, scene: Any = None) -> Any:
        opened.append(Desktop(module, scene or a_scene, monkeypatch))
        return opened[-1]

    yield make
    for desktop in opened:
        desktop.close()
