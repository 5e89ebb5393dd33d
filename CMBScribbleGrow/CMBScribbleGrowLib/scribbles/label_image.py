"""An image of numbered labels, as scribbles and masks are stored, told from a scan that was given by mistake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.apart import read_label_image_apart

MOST_LABELS = 10_000
SCAN_LABELS, SCAN_SHARE = 100, 0.05  # more labels than this in more of the voxels than this: an intensity image
PAINTED_SHARE = 0.25  # more than this of all voxels: a mask of the brain, not of lesions


def read_labels(path: Path) -> sitk.Image:
    """Read a label image, in a process of its own.

    Parameters
    ----------
    path : Path
        NIfTI, NRRD or MetaImage.

    Returns
    -------
    SimpleITK.Image
        3D, Int32, 0 where nothing is painted.

    Raises
    ------
    InputError
        It cannot be read, its values are not 0, 1, 2 …, or it is a scan or a mask of the brain.
    """
    image = read_label_image_apart(path)
    values = sitk.GetArrayViewFromImage(image)
    if not np.isfinite(values).all() or values.min() < 0 or (values != np.rint(values)).any():
        raise InputError(f"{path.name} is not a label image: its values are not 0, 1, 2 …", "Give the scribbles.")
    labels = len(np.setdiff1d(np.unique(values), [0]))
    painted = np.count_nonzero(values) / values.size
    if labels > MOST_LABELS or (labels > SCAN_LABELS and painted > SCAN_SHARE):
        raise InputError(
            f"{path.name} is not a label image: {100 * painted:.0f} % of its voxels hold {labels} different values.",
            "Give the scribbles, not a scan.",
        )
    if painted > PAINTED_SHARE:
        raise InputError(
            f"{100 * painted:.0f} % of {path.name} is painted: that is more than lesions can be.",
            "Give the scribbles, not a mask of the brain.",
        )
    return sitk.Cast(image, sitk.sitkInt32)
