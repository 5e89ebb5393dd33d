"""A made-up parcellation of a ball of brain with FreeSurfer's numbers, on whatever grid."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

RADIUS_MM = 35.0
FRONTAL, PARIETAL, TEMPORAL, OCCIPITAL = 1028, 1029, 1030, 1011


def labels_at(points_mm: np.ndarray, lobes: bool = True) -> np.ndarray:
    """Labels of points (n, 3), R, A, S mm from the ball's middle: cortex, below it white matter, thalamus and fluid.

    The lowest part is cerebellum, with brainstem in its middle.
    """
    r, a, s = points_mm.T
    away = np.linalg.norm(points_mm, axis=1)
    cortex = (
        np.select([a > 8, a < -15, s > 0], [FRONTAL, OCCIPITAL, PARIETAL], TEMPORAL) if lobes else np.full(len(r), 3)
    )
    left = np.select([away > RADIUS_MM, away > 27, away > 14, away > 6], [0, cortex, 2, 10], 4)
    low = (s < -18) & (away <= RADIUS_MM)
    left = np.where(low, 8, left)
    other = {0: 0, 2: 41, 3: 42, 4: 43, 8: 47, 10: 49}
    right = np.array([other.get(int(label), int(label) + 1000) for label in left])
    sided = np.where(r > 0, right, left)
    return np.where(low & (np.hypot(r, a) < 8), 16, sided).astype(np.int32)


def middle_of(scan: sitk.Image) -> np.ndarray:
    """Middle of an image, RAS mm."""
    return np.array(scan.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in scan.GetSize()])) * [-1, -1, 1]


def made_up_parcellation(
    middle_ras: np.ndarray,
    *,
    spacing: tuple[float, float, float] = (2.0, 2.0, 2.0),
    orientation: str = "LPS",
    turned: sitk.Transform | None = None,
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    lobes: bool = True,
) -> sitk.Image:
    """Int32 labels around a place, on a grid of its own.

    Parameters
    ----------
    middle_ras : array (3,)
        Of the ball, mm.
    spacing, orientation
        Of the grid, which does not begin at a voxel of any other.
    turned : SimpleITK.Transform, optional
        Turns the grid, not what it shows.
    shift_mm : tuple of float
        R, A, S: puts the head elsewhere.
    lobes : bool
        Cortex by lobe, as aparc+aseg has it; else one label a side, as aseg has it.
    """
    size = [round(84 / s) for s in spacing]
    image = sitk.Image(size, sitk.sitkInt32)
    image.SetSpacing(spacing)
    if turned is not None:
        image.SetDirection(turned.GetMatrix())
    wanted = (np.array(middle_ras) + shift_mm) * [-1, -1, 1] + [0.7, -0.4, 0.9]
    here = np.array(image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in size]))
    image.SetOrigin((wanted - here).tolist())
    index = np.indices(size[::-1]).reshape(3, -1)[::-1].T
    axes = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    points = (index @ axes.T + image.GetOrigin()) * [-1, -1, 1]
    values = labels_at(points - middle_ras - shift_mm, lobes).reshape(size[::-1])
    filled = sitk.GetImageFromArray(values)
    filled.CopyInformation(image)
    return sitk.DICOMOrient(filled, orientation)
