"""What a reader is asked who rejects a lesion: what is it?"""

from __future__ import annotations

from ..signal import Signal


class Question:
    """Open about one lesion, or closed.

    Attributes
    ----------
    changed : Signal
        Called with whether it is open, when that changes.
    """

    def __init__(self) -> None:
        self.changed = Signal()
        self._about: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether an answer is waited for."""
        return self._about is not None

    def ask(self, lesion_id: int) -> None:
        """Ask about a lesion."""
        self._set(lesion_id)

    def close(self) -> None:
        """Ask no more."""
        self._set(None)

    def close_unless_about(self, lesion_id: int | None) -> None:
        """Ask no more if the reader looks at another lesion now."""
        if lesion_id != self._about:
            self.close()

    def _set(self, about: int | None) -> None:
        was_open, self._about = self.is_open, about
        if self.is_open != was_open:
            self.changed(self.is_open)
