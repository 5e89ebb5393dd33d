"""The sign of a scan's phase, asked of its veins and of its deep grey matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .convention import DEEP_GREY, VEINS, Convention, Witness, is_clear, settled
from .iron import deep_grey, iron_boxes, iron_correlation
from .source_field import BoxOffer, Geometry, Radians
from .veins import vein_boxes, vein_correlation

BATCH = 16  # of boxes
THREADS = 2


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
            if len(found) >= BATCH and is_clear(found):
                break
    return tuple(found)
