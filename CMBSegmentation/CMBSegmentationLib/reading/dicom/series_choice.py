"""What is asked where only the user can say which series is meant; needs no pydicom, as whoever asks reads no DICOM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InputError


@dataclass(frozen=True)
class OfferedSeries:
    """A series that a user may ask for.

    Attributes
    ----------
    uid, name, why : str
        `why` says what it shows, or why it was not taken.
    """

    uid: str
    name: str
    why: str


class SeriesChoiceError(InputError):
    """Which series is meant only the user can say.

    Parameters
    ----------
    message, hint : str
    offered : sequence of OfferedSeries
    """

    def __init__(self, message: str, hint: str = "", offered: Sequence[OfferedSeries] = ()) -> None:
        super().__init__(message, hint)
        self.offered = tuple(offered)
