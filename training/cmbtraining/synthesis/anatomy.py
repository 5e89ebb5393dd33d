"""A head from a label map: read, turned to a common orientation, and warped so that no two are alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

WARP_KNOT_MM = 14.0
WARP_STANDARD_DEVIATION_MM = 3.0
HEAD_MARGIN_VOXELS = 4


@dataclass(frozen=True)
class Anatomy:
    """A warped label map on an axis-aligned LPS grid of 1 mm.

    Attributes
    ----------
    labels : int16 array (z, y, x)
        FreeSurfer label values.
    origin_mm : array (3,)
        LPS position (x, y, z) of voxel (0, 0, 0).
    """

    labels: NDArray[np.int16]
    origin_mm: NDArray[np.float64]

    def image_of(self, values: NDArray[np.generic]) -> sitk.Image:
        """Give an array on this grid its place in the patient."""
        image = sitk.GetImageFromArray(values)
        image.SetOrigin(self.origin_mm.tolist())
        return image

    def lookup(self, points_mm: NDArray[np.floating], values: NDArray[Any]) -> NDArray[Any]:
        """Read an array (z, y, x, ...) on this grid at LPS points (n, 3), nearest voxel, clamped to the border."""
        index = np.rint(points_mm - self.origin_mm).astype(np.intp)
        shape = np.array(self.labels.shape[::-1])
        x, y, z = np.clip(index, 0, shape - 1).T
        return values[z, y, x]

    def points(self, where: NDArray[np.bool_]) -> NDArray[np.float64]:
        """LPS points (n, 3) of all voxels in `where`."""
        return self.origin_mm + np.argwhere(where)[:, ::-1]

    def random_points(self, where: NDArray[np.bool_], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw LPS points (n, 3) uniformly from the voxels in `where`."""
        flat = np.flatnonzero(where)
        if flat.size == 0 or count == 0:
            return np.empty((0, 3))
        z, y, x = np.unravel_index(rng.choice(flat, count), where.shape)
        return self.origin_mm + np.column_stack([x, y, z]) + rng.uniform(-0.5, 0.5, (count, 3))


def read_anatomy(path: Path, rng: np.random.Generator) -> Anatomy:
    """Read a label map and draw a new head from it.

    Parameters
    ----------
    path : Path
        Label map with FreeSurfer values, about 1 mm, any orientation.
    rng : numpy.random.Generator
        Decides on flip, scale, shear and elastic warp.

    Returns
    -------
    Anatomy
    """
    labels = read_labels(path)
    if rng.random() < 0.5:
        labels = _mirrored(labels)
    warped = _warped(labels, rng)
    return Anatomy(sitk.GetArrayFromImage(warped), np.array(warped.GetOrigin()))


def read_labels(path: Path) -> sitk.Image:
    """Read a label map, LPS orientation, cut to the head; Int16."""
    return _cropped_to_head(sitk.Cast(sitk.DICOMOrient(sitk.ReadImage(str(path)), "LPS"), sitk.sitkInt16))


def _cropped_to_head(labels: sitk.Image) -> sitk.Image:
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(labels != 0)
    box = statistics.GetBoundingBox(1)
    low = [max(0, box[k] - HEAD_MARGIN_VOXELS) for k in range(3)]
    high = [min(labels.GetSize()[k], box[k] + box[k + 3] + HEAD_MARGIN_VOXELS) for k in range(3)]
    return sitk.RegionOfInterest(labels, [h - w for h, w in zip(high, low, strict=True)], low)


def _mirrored(labels: sitk.Image) -> sitk.Image:
    mirrored = sitk.GetImageFromArray(sitk.GetArrayViewFromImage(labels)[:, :, ::-1])
    mirrored.CopyInformation(labels)
    return mirrored


def _warped(labels: sitk.Image, rng: np.random.Generator) -> sitk.Image:
    """Scale by up to 10 %, shear a little, and move by a smooth random field."""
    linear = sitk.AffineTransform(3)
    matrix = np.diag(rng.uniform(0.9, 1.1, 3)) + rng.normal(0, 0.015, (3, 3))
    linear.SetMatrix(matrix.ravel().tolist())
    centre = labels.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in labels.GetSize()])
    linear.SetCenter(centre)

    size = [max(3, int(np.ceil(n / WARP_KNOT_MM)) + 1) for n in labels.GetSize()]
    knots = rng.normal(size=(*size[::-1], 3))
    knots = ndimage.gaussian_filter(knots, (1.5, 1.5, 1.5, 0))
    knots *= WARP_STANDARD_DEVIATION_MM / knots.std()
    field = sitk.GetImageFromArray(knots, isVector=True)
    field.SetSpacing([WARP_KNOT_MM] * 3)
    field.SetOrigin(labels.GetOrigin())
    elastic = sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64))

    both = sitk.CompositeTransform([linear, elastic])
    return sitk.Resample(labels, labels, both, sitk.sitkNearestNeighbor, 0)
