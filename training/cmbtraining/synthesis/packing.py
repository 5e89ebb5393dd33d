"""Stage five, packing: scan and truth as images of the whole matrix, with the tables that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .bodies import Shown
from .echoes import Echo
from .plan import Plan, Scanner
from .received import Acquired
from .truth import rows_of


@dataclass(frozen=True)
class SimulatedScan:
    """A scan, its truth and how it was made.

    Attributes
    ----------
    image : SimpleITK.Image
        Int16 magnitude.
    mask : SimpleITK.Image
        UInt8, label k = lesion k, on the grid of `image`.
    mimics : SimpleITK.Image
        UInt8, value k = `mimics.KINDS` k - 1, on the grid of `image`.
    lesions : list of dict
        ``r_mm, a_mm, s_mm, diameter_mm`` (sphere of the mask's volume), in the order of the labels; ``place``
        (one of `placement.PLACES`) where the scan is calibrated.
    settings : dict
        Label map, seed, protocol, sequence, stripped or not; with phase, what its receiver does.
    echoes : tuple of Echo
        With phase: earlier echoes first; the last is the one that `image` shows.
    substances : list of dict
        With phase: as `truth.substances_of`.
    """

    image: sitk.Image
    mask: sitk.Image
    mimics: sitk.Image
    lesions: list[dict[str, Any]]
    settings: dict[str, Any]
    echoes: tuple[Echo, ...] = ()
    substances: list[dict[str, Any]] = field(default_factory=list)


def packed(
    plan: Plan,
    scanner: Scanner,
    acquired: Acquired,
    magnitude: NDArray[np.float32],
    kept: Sequence[Shown],
    settings: dict[str, Any],
) -> SimulatedScan:
    """Make images of the imaged part's arrays; where a lesion lies, no mimic does.

    Parameters
    ----------
    plan, scanner, acquired
    magnitude : float32 array (z, y, x)
        Of the imaged part.
    kept : sequence of Shown
        The lesions of the truth, in the order of its labels.
    settings : dict
    """
    values = np.rint(np.clip(magnitude, 0, plan.top)).astype(np.int16)
    kinds = np.where(acquired.truth > 0, np.uint8(0), acquired.kinds)
    image, mask, mimics = (scanner.whole(one) for one in (values, acquired.truth, kinds))
    return SimulatedScan(image, mask, mimics, rows_of(mask, [one.place for one in kept]), settings)
