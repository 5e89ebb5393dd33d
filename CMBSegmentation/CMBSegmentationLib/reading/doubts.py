"""What a scan that can be read may still be wrong for: a label map, voxels larger than a microbleed."""

from __future__ import annotations

import SimpleITK as sitk
from numpy.typing import NDArray

LARGE_VOXEL_MM = 2.5  # in plane; half of VALDO's microbleeds are smaller (Docs/simulation.md)
SLICES_LOOKED_AT = 24
SAME_AS_NEIGHBOUR = 0.8  # share of voxels; 8-bit scans have a few percent, scans enlarged twofold half


def doubts(image: sitk.Image) -> tuple[str, ...]:
    """Say what makes a scan unfit, worded for the user.

    Parameters
    ----------
    image : SimpleITK.Image
        3D, scalar, finite.

    Returns
    -------
    tuple of str
        Empty where there is no doubt.
    """
    found = []
    if is_label_map(sitk.GetArrayViewFromImage(image)):
        found.append(
            "This looks like a mask or a label map, not like a scan: most voxels have exactly the value of their "
            "neighbour. Open the T2*-weighted or SWI magnitude."
        )
    in_plane_mm = sorted(image.GetSpacing())[1]
    if in_plane_mm > LARGE_VOXEL_MM:
        found.append(
            f"Voxels are {in_plane_mm:.1f} mm wide in plane: most microbleeds, which are 2 to 5 mm, cannot be seen. "
            "Open the scan as it was acquired."
        )
    return tuple(found)


def is_label_map(values: NDArray) -> bool:
    """Whether areas of one value fill an image (z, y, x), background aside."""
    step = max(1, values.shape[0] // SLICES_LOOKED_AT)
    looked_at = values[::step]
    one, other = looked_at[:, :, :-1], looked_at[:, :, 1:]
    counted = (one != looked_at.min()) & (other != looked_at.min())
    return bool(counted.any()) and bool((one == other)[counted].mean() >= SAME_AS_NEIGHBOUR)
