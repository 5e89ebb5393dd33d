"""Protocols for region growing in a review; the front end passes in CMB Scribble Grow's."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray


class GrowsFrom(Protocol):
    """A scan that is ready to grow in."""

    def __call__(self, seed: NDArray[np.int64], /) -> NDArray[np.int64]:
        """Give the voxels (n, 3) of the lesion at a voxel (3,), both z, y, x."""


class Grower(Protocol):
    """Makes a scan ready to grow in."""

    def __call__(self, scan: sitk.Image, brain: sitk.Image | None, /) -> GrowsFrom:
        """Take a scan, and its brain's mask on the same grid; None has the brain found."""
