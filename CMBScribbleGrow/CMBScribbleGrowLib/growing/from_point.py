"""Growing a lesion from a single voxel with the default settings, as a review does for a missed one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .lesion import grow
from .scan import scan_to_grow
from .settings import GrowSettings


def grower(scan: sitk.Image, brain: sitk.Image | None = None) -> Callable[[NDArray[np.int64]], NDArray[np.int64]]:
    """Make a scan ready to grow in.

    Parameters
    ----------
    scan : SimpleITK.Image
        As `CMBSegmentationLib.reading.scan.checked_scan` gives it.
    brain : SimpleITK.Image, optional
        Mask on the same grid; found if not given (some seconds).

    Returns
    -------
    callable
        Takes a voxel (3,) and gives the voxels (n, 3) of its lesion, both z, y, x.

    Raises
    ------
    InputError
        The brain has no contrast.
    """
    ready = scan_to_grow(scan, brain)
    return lambda seed: grow(ready, seed[None], GrowSettings()).mask
