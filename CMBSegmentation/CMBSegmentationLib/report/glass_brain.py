"""All lesions of a scan at one glance: the brain's outline in three projections, a circle for each lesion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy
import SimpleITK as sitk

from ..detecting.lesions import Lesion
from .crops import PLANES, Plane, png_uri

PIXEL_MM = 1.0
MARGIN_MM = 6.0
SMALLEST_CIRCLE_MM = 4.0  # a 2 mm lesion is still seen in a picture of 200 mm
EDGE, INSIDE = 150, 235  # grey of the outline, and of the thickest brain; paper is 255


@dataclass(frozen=True)
class Mark:
    """A lesion in a projection; millimetres from the upper left corner."""

    id: int
    certainty: str
    x_mm: float
    y_mm: float
    radius_mm: float


@dataclass(frozen=True)
class Projection:
    """One view of the glass brain.

    Attributes
    ----------
    plane : Plane
    png : str
        Data URI, 8-bit grey: white paper, the brain as a pale shade with its outline.
    width_mm, height_mm : float
    marks : tuple of Mark
        In the order of the lesions given.
    """

    plane: Plane
    png: str
    width_mm: float
    height_mm: float
    marks: tuple[Mark, ...]


def glass_brain(brain: sitk.Image, lesions: Sequence[Lesion]) -> tuple[Projection, ...]:
    """Project a brain mask along the patient's axes, and place lesions in it.

    Parameters
    ----------
    brain : SimpleITK.Image
        Mask, not 0 inside; any geometry, oblique too.
    lesions : sequence of Lesion

    Returns
    -------
    tuple of Projection
        Axial (from below), coronal (from the front) and sagittal, in radiological convention.
    """
    mask, first = _along_the_patient(brain)
    return tuple(_projection(plane, mask, first, lesions) for plane in PLANES)


def _along_the_patient(brain: sitk.Image) -> tuple[np.ndarray, np.ndarray]:
    """The mask on a grid of `PIXEL_MM` along L, P, S, and its first voxel's centre there."""
    ends = product(*[(0, n - 1) for n in brain.GetSize()])
    corners = np.array([brain.TransformIndexToPhysicalPoint(end) for end in ends])
    low = corners.min(axis=0) - MARGIN_MM
    size = np.ceil((corners.max(axis=0) + MARGIN_MM - low) / PIXEL_MM).astype(int) + 1
    grid = sitk.Image(size.tolist(), sitk.sitkUInt8)
    grid.SetOrigin(low.tolist())
    grid.SetSpacing((PIXEL_MM,) * 3)
    plain = sitk.Cast(brain > 0, sitk.sitkUInt8)
    values = sitk.GetArrayFromImage(sitk.Resample(plain, grid, sitk.Transform(), sitk.sitkNearestNeighbor)) > 0
    inside = np.argwhere(values)
    if not len(inside):
        return values, low[::-1]
    margin = int(MARGIN_MM / PIXEL_MM)
    start = np.maximum(inside.min(axis=0) - margin, 0)
    stop = inside.max(axis=0) + margin + 1
    return values[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))], low[::-1] + start * PIXEL_MM


def _projection(plane: Plane, mask: np.ndarray, first: np.ndarray, lesions: Sequence[Lesion]) -> Projection:
    """Axes of `mask` are z, y, x of the L, P, S frame; pictures have superior on top."""
    depth = mask.sum(axis=plane.normal).astype(np.float32)
    depth = scipy.ndimage.gaussian_filter(depth, 1.5)
    if plane.down == 0:
        depth = depth[::-1]
    shade = 255 - (255 - INSIDE) * np.sqrt(depth / max(float(depth.max()), 1.0))
    silhouette = depth > 0.1 * float(depth.max())
    outline = silhouette & ~scipy.ndimage.binary_erosion(silhouette, iterations=1)
    shade[~silhouette] = 255
    shade[outline] = EDGE
    height, width = shade.shape
    marks = []
    for one in lesions:
        at = np.array((one.s_mm, -one.a_mm, -one.r_mm))  # z, y, x in LPS
        place = (at - first) / PIXEL_MM + 0.5
        down = height - place[plane.down] if plane.down == 0 else place[plane.down]
        radius = max(one.diameter_mm, SMALLEST_CIRCLE_MM) / 2
        x_mm, y_mm = (round(float(pixels * PIXEL_MM), 1) for pixels in (place[plane.across], down))
        marks.append(Mark(one.id, one.certainty, x_mm, y_mm, radius))
    return Projection(plane, png_uri(shade.astype(np.uint8)), width * PIXEL_MM, height * PIXEL_MM, tuple(marks))
