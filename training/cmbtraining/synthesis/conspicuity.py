"""Whether a reader could tell a lesion from what lies around it: only such lesions are truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

RING_MM = (0.9, 3.0)  # in plane, from the lesion's outline: microbleeds are read slice by slice
LEAST_CONTRAST = 0.4  # of the brain's standard deviation: looked at, fainter ones could not be made out
LEAST_CNR = 5.0  # Rose's criterion
QUARTER = 25
NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)[None]


def told_by_a_reader(
    scan: NDArray[np.float32], lesions: NDArray[np.uint8], brain: NDArray[np.bool_], spacing_mm: NDArray[np.float64]
) -> list[int]:
    """List the lesions that are darker than all but a quarter of their surroundings, by enough.

    A lesion's darkest quarter is held against the darkest quarter of the ring around it. A faint lesion
    drops out, and so does one beside a sulcus, a sinus or air as dark as itself, which readers do not mark.

    Parameters
    ----------
    scan : float32 array (z, y, x)
    lesions : uint8 array (z, y, x)
        Label k = lesion k.
    brain : bool array (z, y, x)
    spacing_mm : float array (3,)
        Of x, y, z.

    Returns
    -------
    list of int
        Labels, ascending.

    References
    ----------
    Rose, J Opt Soc Am 38:196, 1948: what is to be told from noise must exceed it some five times.
    """
    least = max(LEAST_CONTRAST * float(scan[brain].std()), LEAST_CNR * noise_level(scan, brain))
    in_plane_mm = spacing_mm[1::-1]
    reach = np.ceil(RING_MM[1] / in_plane_mm).astype(int) + 1
    told = []
    for label, box in enumerate(ndimage.find_objects(lesions), start=1):
        if box is None:
            continue
        around = (
            box[0],
            *(slice(max(0, s.start - int(r)), s.stop + int(r)) for s, r in zip(box[1:], reach, strict=True)),
        )
        own = lesions[around] == label
        from_outline = ndimage.distance_transform_edt(~own.any(axis=0), sampling=in_plane_mm)
        ring = (from_outline > RING_MM[0]) & (from_outline <= RING_MM[1]) & (lesions[around] == 0)
        values = scan[around]
        if np.percentile(values[ring], QUARTER) - np.percentile(values[own], QUARTER) >= least:
            told.append(label)
    return told


def noise_level(scan: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    """Estimate the noise's standard deviation from second differences in plane (Immerkaer, CVIU 64:300, 1996).

    The median in place of the mean keeps edges out.
    """
    differences = ndimage.convolve(scan, NOISE_MASK)
    return float(1.4826 * np.median(np.abs(differences[where])) / 6)
