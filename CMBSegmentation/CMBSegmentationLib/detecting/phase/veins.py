"""What a scan's veins say of the sign of its phase: dark tubes in the brain are veins, and veins are paramagnetic."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .source_field import BoxOffer, Geometry, beside_one_another, centres_of, field_correlation, half_of, has_spot

HALF_MM = 6.0  # of a box
MOST_BOXES = 250
DARK = 0.75  # of the box's median signal
DARK_SHARE = (0.002, 0.10)  # of a box: some vein, and no border of the brain
LENGTH_MM = 5.0  # what is dark over at least this length is a vessel, not a spot
THICKEST_MM = 3.0  # veins are thinner
DARKER = 0.12  # than what is on both sides, of the box's median signal
FEWEST_VOXELS = 5  # of a tube: fewer are noise
SOLID = 0.25  # of the cube of its length: what fills more is no tube
FROM_EDGE_MM = 6.0  # where air bends the field


def vein_boxes(
    magnitude: NDArray[Any],
    brain: NDArray[Any],
    spacing_mm: tuple[float, float, float],
    spots: NDArray[np.float64],
) -> list[BoxOffer]:
    """Choose boxes inside the brain in which something is dark, those with most of it first.

    Parameters
    ----------
    magnitude, brain : arrays (z, y, x)
        Signal; above 0 in the brain.
    spacing_mm : (x, y, z)
    spots : array (n, 3)
        Indices x, y, z of the candidates, whose boxes are left out.

    Returns
    -------
    list of BoxOffer
        None overlap.
    """
    from scipy import ndimage

    spacing = np.array(spacing_mm[::-1])
    stride = np.maximum(1, np.floor(3.0 / spacing)).astype(int)
    coarse = np.pad(brain[tuple(slice(None, None, n) for n in stride)] > 0, 1)
    depth = ndimage.distance_transform_edt(ndimage.binary_closing(coarse), sampling=spacing * stride)[1:-1, 1:-1, 1:-1]
    half = half_of(magnitude.shape, spacing_mm, HALF_MM)
    if np.any(half < 1):
        return []
    offers = []
    for centre in centres_of(magnitude.shape, half):
        offer = BoxOffer(0.0, centre - half, centre + half + 1)
        if depth[tuple(centre // stride)] <= FROM_EDGE_MM or has_spot(offer, spots):
            continue
        values = magnitude[offer.where][:, ::2, ::2]  # a share needs no more
        share = float(np.mean(values < DARK * np.median(values)))
        if DARK_SHARE[0] <= share <= DARK_SHARE[1]:
            offers.append(offer._replace(share=share))
    return beside_one_another(offers, MOST_BOXES)


def vein_correlation(radians: NDArray[np.float32], magnitude: NDArray[Any], geometry: Geometry) -> float | None:
    """Correlate the field of what is dark, long and thin in a box with its local phase.

    Parameters
    ----------
    radians, magnitude : arrays (z, y, x)
    geometry : Geometry

    Returns
    -------
    float or None
        Above 0 where veins are paramagnetic in the image's own sign; None where there are none.
    """
    values = magnitude.astype(np.float32)
    level = float(np.median(values))
    if level <= 0:
        return None
    darker = (_closed(values, geometry.spacing_mm) - values) / level
    tubes = _tubes(darker > DARKER, geometry.spacing_mm)
    if not tubes.any():
        return None
    weight = np.clip(values / level, 0, 1) ** 2
    return field_correlation(radians, darker * tubes, weight.astype(np.float32), geometry)


def _closed(values: NDArray[np.float32], spacing_mm: tuple[float, float, float]) -> NDArray[np.float32]:
    """Fill in, slice by slice, what is dark and thinner than `THICKEST_MM`; slices are thick along any axis."""
    from scipy import ndimage

    width = [2 * max(1, round(THICKEST_MM / 2 / size)) + 1 for size in spacing_mm[::-1]]
    width[int(np.argmax(spacing_mm[::-1]))] = 1
    return ndimage.grey_closing(values, size=width)


def _tubes(dark: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Keep the dark components that are long and thin."""
    from scipy import ndimage

    components, count = ndimage.label(dark, np.ones((3, 3, 3)))
    keep = np.zeros(count + 1, bool)
    sizes = np.bincount(components.ravel(), minlength=count + 1)
    volumes = sizes * float(np.prod(spacing_mm))
    parts = ndimage.find_objects(components)
    for number in np.flatnonzero(sizes[1:] >= FEWEST_VOXELS) + 1:
        part = parts[number - 1]
        length = max((p.stop - p.start) * s for p, s in zip(part, spacing_mm[::-1], strict=True))
        keep[number] = length >= LENGTH_MM and volumes[number] < SOLID * length**3
    return keep[components]
