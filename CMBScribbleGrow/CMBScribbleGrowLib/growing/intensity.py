"""What 100 % of tolerance means: the scan's intensities in the brain, outliers left out."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from CMBSegmentationLib.detecting.brain_mask import brain_mask

PERCENTILES = (1.0, 99.0)


def robust_range(scan: sitk.Image, brain: sitk.Image | None = None) -> float:
    """Give the width of the intensities in the brain, from the 1st to the 99th percentile.

    Scanners' units differ by orders of magnitude (VALDO's cohorts reach from 258 to 72,845), so a
    tolerance is told in per cent of this.

    Parameters
    ----------
    scan : SimpleITK.Image
        Finite intensities.
    brain : SimpleITK.Image, optional
        Mask (0, 1) on the grid of `scan`; found if not given.

    Returns
    -------
    float
        In the scan's intensities; 0 for a constant brain.
    """
    mask = sitk.GetArrayFromImage(brain_mask(scan) if brain is None else brain) > 0
    low, high = np.percentile(sitk.GetArrayViewFromImage(scan)[mask], PERCENTILES)
    return float(high - low)
