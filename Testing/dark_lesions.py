"""A scan of a noisy grey ball with dark lesions in it, and scribbles in their middles."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

SPACING_MM = (0.8, 0.8, 1.6)  # x, y, z
CENTRES = ((20, 40, 40), (20, 55, 60), (12, 38, 62))  # z, y, x
RADIUS_MM = 2.6


def lesion_masks() -> list[NDArray[np.bool_]]:
    """One mask (z, y, x) a lesion."""
    z, y, x = (np.arange(n).reshape([-1 if a == axis else 1 for a in range(3)]) for axis, n in enumerate((36, 96, 96)))
    masks = []
    for k, j, i in CENTRES:
        distance = ((z - k) * SPACING_MM[2]) ** 2 + ((y - j) * SPACING_MM[1]) ** 2 + ((x - i) * SPACING_MM[0]) ** 2
        masks.append(distance <= RADIUS_MM**2)
    return masks


def head_with_lesions(direction: NDArray | None = None) -> sitk.Image:
    """A float image: air 0, brain about 500, lesions about 150."""
    z, y, x = np.ogrid[:36, :96, :96]
    ball = ((z - 18) / 17) ** 2 + ((y - 48) / 44) ** 2 + ((x - 48) / 44) ** 2 <= 1
    rng = np.random.default_rng(5)
    values = np.where(ball, 500.0, 0.0) + rng.normal(0, 8, ball.shape)
    for mask in lesion_masks():
        values[mask] = 150 + rng.normal(0, 8, int(mask.sum()))
    image = sitk.GetImageFromArray(values.astype(np.float32))
    image.SetSpacing(SPACING_MM)
    image.SetOrigin((-30.0, 12.0, -20.0))
    if direction is not None:
        image.SetDirection(direction.ravel().tolist())
    return image


def scribbles_in(image: sitk.Image) -> sitk.Image:
    """Two voxels in each lesion, labels 1, 2, 3."""
    labels = np.zeros(image.GetSize()[::-1], np.uint8)
    for number, (k, j, i) in enumerate(CENTRES, 1):
        labels[k, j, i : i + 2] = number
    painted = sitk.GetImageFromArray(labels)
    painted.CopyInformation(image)
    return painted
