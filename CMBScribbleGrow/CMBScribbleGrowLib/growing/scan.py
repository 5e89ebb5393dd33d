"""A scan made ready to grow in: what every lesion of it needs, worked out once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib.errors import InputError

from .intensity import robust_range
from .region import CONNECTIVITIES, Voxels


@dataclass(frozen=True)
class ScanToGrow:
    """A scan's intensities and what a tolerance in per cent refers to.

    Attributes
    ----------
    image : SimpleITK.Image
        3D, scalar, finite.
    array : array (z, y, x)
    voxels : dict
        `growing.region.Voxels` by connectivity.
    spacing_mm : float array (3,)
        In array order z, y, x.
    intensity_range : float
        100 % of tolerance (`growing.intensity.robust_range`).
    """

    image: sitk.Image
    array: NDArray[np.generic]
    voxels: dict[int, Voxels]
    spacing_mm: NDArray[np.float64]
    intensity_range: float

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel."""
        return float(self.spacing_mm.prod())

    def limit_voxels(self, largest_diameter_mm: float) -> int:
        """Give the size limit: a sphere of the largest diameter, in voxels of this scan (Docs/paper.md, section 7)."""
        return max(1, int(np.pi / 6 * largest_diameter_mm**3 / self.voxel_volume_mm3))

    def ras_mm(self, index: NDArray[np.floating]) -> NDArray[np.float64]:
        """Turn an index (z, y, x) into a position in the patient (RAS mm)."""
        lps = self.image.TransformContinuousIndexToPhysicalPoint([float(i) for i in index[::-1]])
        return np.array([-lps[0], -lps[1], lps[2]])


def scan_to_grow(image: sitk.Image, brain: sitk.Image | None = None) -> ScanToGrow:
    """Make a scan ready.

    Parameters
    ----------
    image : SimpleITK.Image
        As `CMBSegmentationLib.reading.scan.checked_scan` gives it.
    brain : SimpleITK.Image, optional
        Mask on the same grid; found if not given (some seconds).

    Returns
    -------
    ScanToGrow

    Raises
    ------
    InputError
        The brain has no contrast.
    """
    array = sitk.GetArrayFromImage(image)
    width = robust_range(image, brain)
    if width <= 0:
        raise InputError("The brain has the same intensity everywhere.", "Check that this is the T2* or SWI image.")
    return ScanToGrow(
        image,
        array,
        {connectivity: Voxels(array, connectivity) for connectivity in CONNECTIVITIES},
        np.array(image.GetSpacing()[::-1]),
        width,
    )
