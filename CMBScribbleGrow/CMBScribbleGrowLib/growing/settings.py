"""How a scribble is to be grown."""

from __future__ import annotations

from dataclasses import dataclass

from CMBSegmentationLib.errors import InputError

from .region import CONNECTIVITIES, MODES

AUTO = "auto"
COMPARISONS = ("random-walker", "confidence-connected")
METHODS = (AUTO, *MODES, *COMPARISONS)
LARGEST_DIAMETERS_MM = (1.0, 60.0)


@dataclass(frozen=True)
class GrowSettings:
    """Settings of one lesion.

    Attributes
    ----------
    mode : str
        One of `METHODS`: "auto" chooses between running-mean and parent (`growing.lesion.grow`).
    tolerance_percent : float or None
        Of the scan's robust intensity range, 0 to 100; None finds it.
    largest_diameter_mm : float
        A region that is larger than this sphere has leaked. 10 mm is the largest microbleed.
    connectivity : {6, 18, 26}

    Raises
    ------
    InputError
        A value is out of range.
    """

    mode: str = AUTO
    tolerance_percent: float | None = None
    largest_diameter_mm: float = 10.0
    connectivity: int = 6

    def __post_init__(self) -> None:
        if self.mode not in METHODS:
            raise InputError(f"Unknown mode {self.mode!r}.", f"Choose one of: {', '.join(METHODS)}.")
        if self.tolerance_percent is not None and not 0 <= self.tolerance_percent <= 100:
            raise InputError(
                f"Tolerance must be between 0 and 100 %, not {self.tolerance_percent:g} %.",
                "Without one, it is found automatically.",
            )
        if self.tolerance_percent is not None and self.mode in COMPARISONS:
            raise InputError(f"The mode {self.mode} has no tolerance.", "Leave the tolerance out.")
        low, high = LARGEST_DIAMETERS_MM
        if not low <= self.largest_diameter_mm <= high:
            raise InputError(
                f"The largest diameter must be between {low:g} and {high:g} mm, not {self.largest_diameter_mm:g} mm.",
                "10 mm is usual.",
            )
        if self.connectivity not in CONNECTIVITIES:
            raise InputError(f"Unknown connectivity {self.connectivity}.", "Give 6, 18 or 26.")
