"""A scan as the regions network sees it: canonical axes, about 2 mm, the head's box, intensities evened out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

SIDE_MULTIPLE = 16  # the network halves its input up to four times
BRIGHTEST_PERCENTILE = 99.5
AIR_SHARE = 0.1  # of the brightest: what is darker everywhere around the head is cut off
BOX_MARGIN_MM = 6.0


@dataclass(frozen=True)
class RegionInput:
    """The network's input and where it lies.

    Attributes
    ----------
    voxels : float32 array (i, j, k)
        Padded to a multiple of 16 along every axis.
    grid : SimpleITK.Image
        UInt8, without content: the unpadded grid in the patient.
    """

    voxels: NDArray[np.float32]
    grid: sitk.Image

    def image_of(self, values: NDArray[np.generic]) -> sitk.Image:
        """Give an array (i, j, k) on the padded grid its place in the patient."""
        ni, nj, nk = self.grid.GetSize()
        image = sitk.GetImageFromArray(np.ascontiguousarray(values[:ni, :nj, :nk].transpose(2, 1, 0)))
        image.CopyInformation(self.grid)
        return image


def region_input(scan: sitk.Image, axes: str, spacing_mm: tuple[float, float, float]) -> RegionInput:
    """Prepare a scan for the regions network.

    Parameters
    ----------
    scan : SimpleITK.Image
        3D magnitude image, any geometry, finite values.
    axes : str
        Directions of the array's axes, such as ``"RAS"``.
    spacing_mm : tuple of float
        Voxel size along them.

    Returns
    -------
    RegionInput
    """
    canonical = sitk.DICOMOrient(scan, axes)
    shrink = [max(1, int(want / have)) for want, have in zip(spacing_mm, canonical.GetSpacing(), strict=True)]
    shrink = [min(factor, n) for factor, n in zip(shrink, canonical.GetSize(), strict=True)]
    coarse = sitk.BinShrink(sitk.Cast(canonical, sitk.sitkFloat32), shrink)
    box_mm = [n * s for n, s in zip(coarse.GetSize(), coarse.GetSpacing(), strict=True)]
    filter_ = sitk.ResampleImageFilter()
    filter_.SetSize([max(1, round(b / s)) for b, s in zip(box_mm, spacing_mm, strict=True)])
    filter_.SetOutputSpacing(list(spacing_mm))
    filter_.SetOutputDirection(coarse.GetDirection())
    first = [(want / have - 1) / 2 for want, have in zip(spacing_mm, coarse.GetSpacing(), strict=True)]
    filter_.SetOutputOrigin(coarse.TransformContinuousIndexToPhysicalPoint(first))
    filter_.SetInterpolator(sitk.sitkLinear)
    filter_.SetUseNearestNeighborExtrapolator(True)
    even = filter_.Execute(coarse)
    start, size = head_box(sitk.GetArrayViewFromImage(even).transpose(2, 1, 0), spacing_mm)
    head = sitk.RegionOfInterest(even, size, start)
    voxels = normalised(sitk.GetArrayFromImage(head).transpose(2, 1, 0))
    grid = sitk.Image(head.GetSize(), sitk.sitkUInt8)
    grid.CopyInformation(head)
    return RegionInput(padded(voxels), grid)


def normalised(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Clip the brightest, then zero mean and unit variance over what is not air."""
    top = float(np.percentile(values, BRIGHTEST_PERCENTILE))
    low = float(values.min())
    scaled = (np.clip(values, low, top) - low) / max(top - low, 1e-6)
    there = scaled[scaled > AIR_SHARE]
    mean, deviation = (float(there.mean()), float(there.std())) if there.size else (0.0, 1.0)
    return ((scaled - mean) / max(deviation, 1e-3)).astype(np.float32)


def padded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill up to a multiple of 16 with the darkest value."""
    room = [(0, -n % SIDE_MULTIPLE) for n in values.shape]
    return np.pad(values, room, constant_values=float(values.min()))


def head_box(values: NDArray[np.floating], spacing_mm: tuple[float, float, float]) -> tuple[list[int], list[int]]:
    """Find the box (start, size) of what is not air, with a margin."""
    head = values > values.min() + AIR_SHARE * (np.percentile(values, BRIGHTEST_PERCENTILE) - values.min())
    start, size = [], []
    for axis, spacing in enumerate(spacing_mm):
        # a plane counts once a thousandth of it is head: noise and ghosts do not make it larger
        share = head.mean(axis=tuple(k for k in range(3) if k != axis))
        used = np.flatnonzero(share > 1e-3)
        margin = round(BOX_MARGIN_MM / spacing)
        low = max(0, int(used[0]) - margin) if used.size else 0
        high = min(values.shape[axis], int(used[-1]) + 1 + margin) if used.size else values.shape[axis]
        start.append(low)
        size.append(high - low)
    return start, size
