"""Tidy a grown region: close it, fill its holes, keep what hangs together with the seeds (paper section V-A)."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

CLOSING_ITERATIONS = 2  # dilations, then as many erosions


def refine(region: NDArray[np.integer], seeds: NDArray[np.integer], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Close, fill and keep the component with the seeds.

    Parameters
    ----------
    region, seeds : int arrays (n, 3)
        Indices in a volume of `shape`.
    shape : tuple of int

    Returns
    -------
    int array (m, 3)
        The mask's voxels, within the volume.
    """
    margin = CLOSING_ITERATIONS + 1
    low = np.minimum(region.min(axis=0), seeds.min(axis=0)) - margin
    size = np.maximum(region.max(axis=0), seeds.max(axis=0)) + margin + 1 - low
    box = np.zeros(size, bool)
    box[tuple((region - low).T)] = True
    box[tuple((seeds - low).T)] = True
    box = scipy.ndimage.binary_closing(box, iterations=CLOSING_ITERATIONS)
    box = scipy.ndimage.binary_fill_holes(box)
    components, count = scipy.ndimage.label(box, scipy.ndimage.generate_binary_structure(3, 3))
    if count > 1:
        with_seeds = np.unique(components[tuple((seeds - low).T)])
        box = np.isin(components, with_seeds[with_seeds > 0])
    mask = np.argwhere(box) + low
    inside = ((mask >= 0) & (mask < np.array(shape))).all(axis=1)
    return mask[inside]
