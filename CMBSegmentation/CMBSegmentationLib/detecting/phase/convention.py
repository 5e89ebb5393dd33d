"""Which sign of the phase is paramagnetic in a scan: that of what is known to be, its veins and deep grey matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from .iron import deep_grey, iron_boxes, iron_correlation
from .source_field import BoxOffer, Geometry, Radians
from .veins import vein_boxes, vein_correlation

BATCH = 16  # of boxes
THREADS = 2
FEWEST_BOXES = 4  # of a witness
SURE = 0.005  # chance of a mean so far from 0, one-sided, from which a sign is believed
DOUBT = 0.05  # from which what speaks against it leaves the sign open
VEINS, DEEP_GREY, MANUFACTURER = "veins", "deep grey matter", "manufacturer"
MANUFACTURERS = {"SIEMENS": 1, "GE": -1}
"""Docs/phase.md, "Scale and sign": of others both signs are known."""


@dataclass(frozen=True)
class Convention:
    """Sign of a scan's phase.

    Attributes
    ----------
    sign : int
        1 or -1: what a paramagnetic body's dipole is multiplied by in the image; 0: not known.
    by : str
        `VEINS`, `DEEP_GREY`, both, `MANUFACTURER` or empty.
    said : str
        For the user.
    """

    sign: int
    by: str
    said: str

    @property
    def is_seen(self) -> bool:
        """Whether the scan itself shows its sign: a header may lie, and a converter may have turned it."""
        return self.sign != 0 and self.by != MANUFACTURER


@dataclass(frozen=True)
class Witness:
    """What something paramagnetic says of the sign.

    Attributes
    ----------
    name : str
    values : tuple of float
        Correlations of its field with the phase, one a box; no two boxes overlap.
    """

    name: str
    values: tuple[float, ...]

    @property
    def score(self) -> float:
        """Mean over its standard error, as a normal score: few boxes count less (Student's t); 0 for too few."""
        if len(self.values) < FEWEST_BOXES:
            return 0.0
        count, mean = len(self.values), float(np.mean(self.values))
        error = max(float(np.std(self.values, ddof=1)) / count**0.5, 1e-9)
        chance = float(np.clip(scipy.special.stdtr(count - 1, -abs(mean) / error), 1e-15, 0.5))
        return float(np.copysign(NormalDist().inv_cdf(1 - chance), mean))

    def agrees(self, sign: int) -> int:
        """In how many places it says that sign."""
        return int(np.sum(np.sign(self.values) == sign))


def settled(witnesses: Sequence[Witness], manufacturer: str = "") -> Convention:
    """Settle the sign of a scan's phase.

    The witnesses together have to be sure of it, and none of them may speak against it.

    Parameters
    ----------
    witnesses : sequence of Witness
    manufacturer : str
        As DICOM has it, for where they do not tell.

    Returns
    -------
    Convention
    """
    sure, doubt = (NormalDist().inv_cdf(1 - chance) for chance in (SURE, DOUBT))
    heard = [one for one in witnesses if one.score != 0]
    together = sum(one.score for one in heard) / max(len(heard), 1) ** 0.5
    strongest = max((one.score for one in heard), key=abs, default=0.0)
    if max(abs(together), abs(strongest)) > sure:
        sign = 1 if (together if abs(together) > abs(strongest) else strongest) > 0 else -1
        against = [one for one in heard if sign * one.score < -doubt]
        if against:
            names = " and ".join(one.name for one in heard)
            return Convention(0, "", f"{names} contradict one another, so blood and calcium are not told apart")
        with_it = [one for one in heard if sign * one.score > 0]
        counted = ", ".join(f"{one.name}: {one.agrees(sign)} of {len(one.values)} places agree" for one in with_it)
        return Convention(
            sign, " and ".join(one.name for one in with_it), f"its sign was found in the scan ({counted})"
        )
    unclear = "the scan does not show its sign"
    for name, sign in MANUFACTURERS.items():
        if manufacturer.upper().startswith(name) and not any(sign * one.score < -doubt for one in heard):
            said = f"{unclear}; that of {name} was taken, and what looks like calcium stays on the list"
            return Convention(sign, MANUFACTURER, said)
    return Convention(0, "", f"{unclear}, so blood and calcium are not told apart")


def sign_of(
    radians: Radians,
    magnitude: NDArray[Any],
    brain: NDArray[Any],
    mapped: bool,
    geometry: Geometry,
    spots: NDArray[np.float64],
    manufacturer: str = "",
) -> Convention:
    """Settle the sign of a scan's phase.

    Parameters
    ----------
    radians : callable
        Gives the phase in a part of the image (slices along z, y, x).
    magnitude, brain : arrays (z, y, x)
        Signal; above 0 in the brain.
    mapped : bool
        Whether `brain` is a map of regions.
    geometry : Geometry
    spots : array (n, 3)
        Indices x, y, z of the candidates, which have no say.
    manufacturer : str
        As DICOM has it, for where neither veins nor deep grey matter tell.

    Returns
    -------
    Convention
    """

    def vein(box: BoxOffer) -> float | None:
        return vein_correlation(radians(box.where), magnitude[box.where], geometry)

    asked = [Witness(VEINS, _heard(vein_boxes(magnitude, brain, geometry.spacing_mm, spots), vein))]
    if mapped:
        deep = deep_grey(brain)

        def iron(box: BoxOffer) -> float | None:
            return iron_correlation(radians(box.where), magnitude[box.where], deep[box.where], geometry)

        asked.append(Witness(DEEP_GREY, _heard(iron_boxes(deep, geometry.spacing_mm, spots), iron)))
    return settled(asked, manufacturer)


def _heard(boxes: Sequence[BoxOffer], ask: Callable[[BoxOffer], float | None]) -> tuple[float, ...]:
    """Ask boxes, those with most to say first, until it is clear what they say."""
    found: list[float] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(boxes), BATCH):
            found += [value for value in pool.map(ask, boxes[start : start + BATCH]) if value is not None]
            if len(found) >= BATCH and _is_clear(found):
                break
    return tuple(found)


def _is_clear(values: Sequence[float]) -> bool:
    """Whether no more boxes need to be looked at."""
    return abs(Witness("", tuple(values)).score) > 2 * NormalDist().inv_cdf(1 - SURE)
