"""Other ways from a scribble to a mask, for comparison: the random walker and ITK's confidence-connected."""

from __future__ import annotations

import warnings

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib.errors import InputError

from .scan import ScanToGrow

MULTIPLIERS = np.arange(0.5, 5.01, 0.25)  # standard deviations around the region's mean; ITK's default is 2.5


def random_walk(scan: ScanToGrow, seeds: NDArray[np.integer], largest_diameter_mm: float) -> NDArray[np.intp]:
    """Label each voxel by where a random walker from it is most likely to end: at a seed or too far away for a lesion.

    Parameters
    ----------
    scan : ScanToGrow
    seeds : int array (n, 3)
    largest_diameter_mm : float
        What is further than half of it from all seeds is not lesion.

    Returns
    -------
    int array (m, 3)

    Raises
    ------
    InputError
        scikit-image is not installed.

    References
    ----------
    Grady, IEEE Trans Pattern Anal Mach Intell 28:1768, 2006; scikit-image's implementation.
    """
    try:
        from skimage.segmentation import random_walker
    except ImportError as error:
        raise InputError(
            "The mode random-walker needs scikit-image.", "Install it (pip install scikit-image) or use another mode."
        ) from error
    box, origin, local = _crop(scan, seeds, largest_diameter_mm / 2 + 2 * scan.spacing_mm.max())
    is_seed = np.zeros(box.shape, bool)
    is_seed[tuple(local.T)] = True
    far = scipy.ndimage.distance_transform_edt(~is_seed, sampling=scan.spacing_mm) > largest_diameter_mm / 2
    markers = np.where(is_seed, 1, np.where(far, 2, 0)).astype(np.int32)
    if not far.any():
        return seeds.astype(np.intp)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on its choice of solver
        # beta stays at its default of 130: none from 0.3 to 20,000 did better on all of VALDO's geometries
        labels = random_walker(box / scan.intensity_range, markers, mode="cg_j", spacing=scan.spacing_mm)
    return np.argwhere(labels == 1) + origin


def confidence_connected(scan: ScanToGrow, seeds: NDArray[np.integer], limit_voxels: int) -> NDArray[np.intp]:
    """Grow by ITK's filter with the widest interval that stays within the size limit.

    Parameters
    ----------
    scan : ScanToGrow
    seeds : int array (n, 3)
    limit_voxels : int

    Returns
    -------
    int array (m, 3)

    References
    ----------
    ITK Software Guide, "Confidence Connected"; itk::ConfidenceConnectedImageFilter.
    """
    reach_mm = 2 * (6 / np.pi * limit_voxels * scan.voxel_volume_mm3) ** (1 / 3)
    box, origin, local = _crop(scan, seeds, reach_mm)
    image = sitk.GetImageFromArray(box)
    best = local
    for multiplier in MULTIPLIERS:
        grown = sitk.ConfidenceConnected(
            image,
            seedList=[tuple(int(i) for i in seed[::-1]) for seed in local],
            numberOfIterations=2,
            multiplier=float(multiplier),
            initialNeighborhoodRadius=1,
            replaceValue=1,
        )
        region = np.argwhere(sitk.GetArrayViewFromImage(grown))
        if len(region) > limit_voxels:
            break
        if len(region) >= len(best):
            best = region
    return best + origin


def _crop(
    scan: ScanToGrow, seeds: NDArray[np.integer], reach_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Cut a box around the seeds: intensities, its first voxel's index, the seeds in it."""
    reach = np.ceil(reach_mm / scan.spacing_mm).astype(int)
    low = np.maximum(seeds.min(axis=0) - reach, 0)
    high = np.minimum(seeds.max(axis=0) + reach + 1, scan.array.shape)
    box = scan.array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].astype(np.float64)
    return box, low, seeds - low
