"""Phase in radians from whatever range it is stored in, and what can be said of an image that is given as phase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

KNOWN_RANGES = {  # lowest stored value, and what one more than a full turn is
    "-4096 to 4095 (Siemens, Canon)": (-4096.0, 4096.0),
    "0 to 4095 (Siemens, UIH)": (0.0, 4096.0),
    "-3142 to 3141, thousandths of a radian (GE, Philips)": (-1000 * np.pi, 1000 * np.pi),
    "-2048 to 2047": (-2048.0, 2048.0),
    "-32768 to 32767": (-32768.0, 32768.0),
    "0 to 65535": (0.0, 65536.0),
    "-π to π": (-np.pi, np.pi),
    "0 to 2π": (0.0, 2 * np.pi),
    "-180 to 180 degrees": (-180.0, 180.0),
    "0 to 360 degrees": (0.0, 360.0),
}
"""Docs/phase.md, "Scale and sign"."""
NEAR = 0.005  # of the range: stored values may end this far short of it
FILLED = 0.3  # of an even spread's density at both ends, from which values fill their range
END = 0.03  # of the range
MOST_SAMPLES = 400_000
LEAST_RADIANS = 1.0  # from lowest to highest: below it, values are no radians
MOST_UNWRAPPED = 300.0  # radians from lowest to highest
LIKE_MAGNITUDE = 0.6  # rank correlation with the scan's values in the head
PASSED = 0.8  # mean cosine in the head, from which the phase has no background left


@dataclass(frozen=True)
class PhaseScale:
    """How stored values become radians: ``(value - zero) * per_value``.

    Attributes
    ----------
    zero, per_value : float
    said : str
        For the user.
    """

    zero: float
    per_value: float
    said: str


def scale_of(values: NDArray[Any], name: str) -> PhaseScale:
    """Find the scale of a phase image; any multiple of a turn may be added to a voxel's phase without harm.

    Parameters
    ----------
    values : array
        Finite.
    name : str
        Of the image, for messages.

    Returns
    -------
    PhaseScale

    Raises
    ------
    InputError
        The image is the same everywhere, or its values are no phase.
    """
    some = _some(values)
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise InputError(f"The phase image {name} is the same everywhere (value {low:g}).", "Export it again.")
    span = high - low
    for words, (start, stop) in KNOWN_RANGES.items():
        turn = stop - start
        if abs(low - start) <= NEAR * turn and abs(high - stop) <= NEAR * turn:
            return PhaseScale((start + stop) / 2, 2 * np.pi / turn, f"stored as {words}")
    for words, (start, stop) in KNOWN_RANGES.items():  # the difference of two phases, not wrapped again
        turn = stop - start
        if start < 0 and abs(low - 2 * start) <= NEAR * turn and abs(high - 2 * stop) <= NEAR * turn:
            return PhaseScale(0.0, 2 * np.pi / turn, f"stored over two turns of {words}")
    at_ends = min(float(np.mean(some < low + END * span)), float(np.mean(some > high - END * span))) / END
    whole = bool((some == np.rint(some)).all())
    if not whole and 1.02 * 2 * np.pi < span < MOST_UNWRAPPED:
        return PhaseScale(0.0, 1.0, f"already unwrapped, {low:.1f} to {high:.1f} radians")
    if at_ends >= FILLED:
        middle = (low + high) / 2
        return PhaseScale(middle, 2 * np.pi / span, f"its range of {low:.4g} to {high:.4g} was taken as one turn")
    if not whole and span > LEAST_RADIANS and max(-low, high) <= 1.01 * np.pi:
        return PhaseScale(0.0, 1.0, f"{low:.2f} to {high:.2f} radians")
    if whole and low < 0 < high and max(-low, high) <= 4096:
        per_turn = 4096.0 if max(-low, high) > 3142 else 1000 * np.pi
        return PhaseScale(0.0, np.pi / per_turn, f"{low:.0f} to {high:.0f} in steps of a vendor's scale")
    if span <= LEAST_RADIANS:
        middle = (low + high) / 2
        return PhaseScale(middle, 2 * np.pi / span, f"its range of {low:.4g} to {high:.4g} was taken as one turn")
    raise InputError(
        f"The values of {name} ({low:.4g} to {high:.4g}) are not those of a phase image.",
        "Give the phase series itself, in its original scale.",
    )


def check_is_phase(values: NDArray[Any], magnitude: NDArray[Any], name: str) -> None:
    """Refuse a magnitude that is given as phase; both arrays (z, y, x) are of the same grid."""
    inside, other = _in_head(values, magnitude)
    if len(inside) < 100:
        return
    ranks = np.corrcoef(_ranks(inside), _ranks(other))[0, 1]
    if ranks > LIKE_MAGNITUDE:
        raise InputError(
            f"{name} looks like a magnitude, not like phase: it is bright where the scan is.",
            "Give the phase series (image type P or PHASE).",
        )


def is_high_passed(values: NDArray[Any], scale: PhaseScale, magnitude: NDArray[Any]) -> bool:
    """Whether a phase has hardly any background left, as a vendor's SWI filter leaves it."""
    inside, _ = _in_head(values, magnitude)
    return len(inside) > 0 and float(np.mean(np.cos((inside - scale.zero) * scale.per_value))) > PASSED


def _in_head(values: NDArray[Any], magnitude: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    step = max(1, magnitude.size // MOST_SAMPLES)
    some, other = values.reshape(-1)[::step], magnitude.reshape(-1)[::step]
    bright = other > 0.4 * np.percentile(other, 95)
    return some[bright], other[bright]


def _some(values: NDArray[Any]) -> NDArray[Any]:
    return values.reshape(-1)[:: max(1, values.size // MOST_SAMPLES)]


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(float)
