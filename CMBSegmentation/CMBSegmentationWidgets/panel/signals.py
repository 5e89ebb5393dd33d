"""Where a panel meets the session: what is refused is told, and nobody hears of what the panel sets itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from CMBSegmentationLib.errors import CMBError, told


class unheard:  # noqa: N801
    """Widgets that are set here, not by the user: nobody is to hear of it."""

    def __init__(self, *widgets: Any) -> None:
        self._widgets = widgets

    def __enter__(self) -> None:
        self._were = [widget.blockSignals(True) for widget in self._widgets]

    def __exit__(self, *error: object) -> None:
        for widget, was_blocked in zip(self._widgets, self._were, strict=True):
            widget.blockSignals(was_blocked)


class Edge:
    """Calls the session for the panel; what it refuses is told here, once.

    Parameters
    ----------
    tell : callable
        Called with why an action was refused, and what to do.
    begin : callable, optional
        Called before an action that no other action calls; what it gives is called once the action is done: what was
        told of the action before may no longer be so.

    Attributes
    ----------
    is_acting : bool
        Whether an action is being done.
    """

    def __init__(self, tell: Callable[[str], object], begin: Callable[[], Callable[[], object]] | None = None) -> None:
        self._tell, self._begin = tell, begin
        self.is_acting = False

    def do(self, action: Callable[..., object], *args: Any, **kwargs: Any) -> bool:
        """Call an action; tell whether it was done."""
        is_within, self.is_acting = self.is_acting, True
        done = None if is_within or self._begin is None else self._begin()
        try:
            action(*args, **kwargs)
        except (CMBError, MemoryError, OSError) as error:
            self._tell(str(told(error)))
            return False
        finally:
            self.is_acting = is_within
        if done is not None:
            done()
        return True

    def on(self, action: Callable[[], object]) -> Callable[..., None]:
        """Give what a signal can call: without what it hands over, and without what the action gives."""

        def act(*ignored: object) -> None:
            self.do(action)

        return act
