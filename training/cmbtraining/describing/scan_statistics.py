"""What a set of scans looks like in numbers: how dark its dark voxels are, how large and how marked its microbleeds.

Field-notes.md holds the same figures of real scans; `describe_scans.py` prints both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

DARK_SPACING_MM = 1.0
MEDIAN_VOXELS = 7  # of the cube whose median a voxel is held against
ERODED_MM = 5.0  # off the brain's surface: what is left is mostly tissue, in real heads and in simulated ones
QUANTILES = (0.001, 0.01, 0.05)
DARK_LEVELS = (0.6, 0.75)
SPOT_VOXELS = (4, 60)
MASK_SPACING_MM = 0.5
RING_MM = (1.0, 3.0)  # from a lesion's outline: what its contrast is held against
ROWS_AT_ONCE = 20_000
EVERYWHERE = np.ones((3, 3, 3), bool)


@dataclass(frozen=True)
class DarkVoxels:
    """How dark the darkest of a brain is, against what lies around it.

    Attributes
    ----------
    quantiles : tuple of float
        Of a voxel over the median of its 7 x 7 x 7 cube: the 0.1, 1 and 5 % quantile.
    shares : tuple of float
        Part of the voxels (0 to 1) below 0.6 and below 0.75.
    spots : tuple of int
        Compact dark spots, of 4 to 60 voxels, below 0.6 and below 0.75.
    """

    quantiles: tuple[float, ...]
    shares: tuple[float, ...]
    spots: tuple[int, ...]


@dataclass(frozen=True)
class LesionShape:
    """One microbleed's mask, measured.

    Attributes
    ----------
    volume_mm3, diameter_mm : float
        On a grid of 0.5 mm; the diameter is that of the sphere of equal volume.
    flatness : float
        Square root of the least over the largest eigenvalue of the voxels' spread; 1 for a sphere.
    sphericity : float
        Surface of the sphere of equal volume over the mask's own; 1 for a sphere.
    slices : int
        Height of the mask in slices of 1 mm.
    peak_contrast, mean_contrast : float
        Signal lost against the median of the ring around it, as a share of the brain's maximum.
    """

    volume_mm3: float
    diameter_mm: float
    flatness: float
    sphericity: float
    slices: int
    peak_contrast: float
    mean_contrast: float


def against_surroundings(values: NDArray[np.floating], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Divide voxels by the median of the 7 x 7 x 7 cube around each.

    Parameters
    ----------
    values : float array (z, y, x)
        Magnitude on a grid of 1 mm.
    where : bool array (z, y, x)

    Returns
    -------
    float32 array (n,)
        In the order of ``values[where]``; 1 where the median is 0.
    """
    half = MEDIAN_VOXELS // 2
    cubes = sliding_window_view(np.pad(values.astype(np.float32), half, mode="edge"), (MEDIAN_VOXELS,) * 3)
    index = np.argwhere(where)
    medians = np.empty(len(index), np.float32)
    middle = MEDIAN_VOXELS**3 // 2
    for first in range(0, len(index), ROWS_AT_ONCE):
        z, y, x = index[first : first + ROWS_AT_ONCE].T
        cube = cubes[z, y, x].reshape(len(z), -1)
        medians[first : first + ROWS_AT_ONCE] = np.partition(cube, middle, axis=1)[:, middle]
    own = values[where].astype(np.float32)
    return np.divide(own, medians, out=np.ones_like(own), where=medians > 0)


def dark_voxels(values: NDArray[np.floating], brain: NDArray[np.bool_]) -> DarkVoxels:
    """Measure the dark voxels of a brain.

    Parameters
    ----------
    values : float array (z, y, x)
        Magnitude on a grid of 1 mm.
    brain : bool array (z, y, x)
        Where to look; already eroded.

    Returns
    -------
    DarkVoxels

    Raises
    ------
    ValueError
        `brain` is empty.
    """
    if not brain.any():
        raise ValueError("no voxel of the brain is left to look at")
    ratio = np.ones(values.shape, np.float32)
    ratio[brain] = against_surroundings(values, brain)
    inside = ratio[brain]
    return DarkVoxels(
        tuple(float(q) for q in np.quantile(inside, QUANTILES)),
        tuple(float((inside < level).mean()) for level in DARK_LEVELS),
        tuple(_compact_spots(ratio < level) for level in DARK_LEVELS),
    )


def _compact_spots(dark: NDArray[np.bool_]) -> int:
    components, count = ndimage.label(dark, EVERYWHERE)
    sizes = np.bincount(components.ravel(), minlength=count + 1)[1:]
    return int(((sizes >= SPOT_VOXELS[0]) & (sizes <= SPOT_VOXELS[1])).sum())


def scan_dark_voxels(image: sitk.Image, mask: sitk.Image) -> DarkVoxels:
    """Measure the dark voxels of a scan on a grid of 1 mm, 5 mm off the brain's surface.

    Parameters
    ----------
    image : SimpleITK.Image
        3D magnitude, any geometry.
    mask : SimpleITK.Image
        Brain (0, 1) on the grid of `image`, as `brain_mask` finds it; what a stripped scan leaves out is taken off.

    Returns
    -------
    DarkVoxels
    """
    brain = sitk.GetArrayFromImage(on_cubic_grid(mask, DARK_SPACING_MM, sitk.sitkNearestNeighbor)) > 0
    values = sitk.GetArrayFromImage(on_cubic_grid(sitk.Cast(image, sitk.sitkFloat32), DARK_SPACING_MM, sitk.sitkLinear))
    brain &= ~outside(values)
    inner = ndimage.distance_transform_edt(np.pad(brain, 1))[1:-1, 1:-1, 1:-1]  # the scan's border is a surface too
    return dark_voxels(values, inner > ERODED_MM / DARK_SPACING_MM)


def outside(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Find what a stripped scan leaves out, array (z, y, x): voxels of 0 that hang together with the border."""
    zeros = np.pad(values <= 0, 1, constant_values=True)
    components, _ = ndimage.label(zeros)
    return np.asarray(components == components[0, 0, 0])[1:-1, 1:-1, 1:-1]


def on_cubic_grid(image: sitk.Image, spacing_mm: float, interpolator: int) -> sitk.Image:
    """Cover the same box with cubic voxels.

    Parameters
    ----------
    image : SimpleITK.Image
    spacing_mm : float
    interpolator : int
        SimpleITK's.

    Returns
    -------
    SimpleITK.Image
    """
    old = np.array(image.GetSpacing())
    size = np.maximum(1, np.rint(np.array(image.GetSize()) * old / spacing_mm)).astype(int)
    first = image.TransformContinuousIndexToPhysicalPoint((0.5 * spacing_mm / old - 0.5).tolist())
    return sitk.Resample(
        image, size.tolist(), sitk.Transform(), interpolator, first, [spacing_mm] * 3, image.GetDirection(), 0.0
    )


def lesion_shapes(image: sitk.Image, mask: sitk.Image, brain: NDArray[np.bool_]) -> list[LesionShape]:
    """Measure every microbleed of a scan.

    Parameters
    ----------
    image : SimpleITK.Image
        3D magnitude.
    mask : SimpleITK.Image
        On the grid of `image`; every 26-connected component is a lesion.
    brain : bool array (z, y, x)
        Where the maximum is taken.

    Returns
    -------
    list of LesionShape
    """
    values = sitk.GetArrayFromImage(image).astype(np.float32)
    components, _ = ndimage.label(sitk.GetArrayViewFromImage(mask) > 0, EVERYWHERE)
    spacing = np.array(image.GetSpacing())[::-1]
    highest = float(values[brain].max()) if brain.any() else float(values.max())
    reach = np.ceil(RING_MM[1] / spacing).astype(int) + 1
    shapes = []
    for label, box in enumerate(ndimage.find_objects(components), start=1):
        around = tuple(slice(max(0, s.start - int(r)), s.stop + int(r)) for s, r in zip(box, reach, strict=True))
        own = components[around] == label
        peak, mean = contrast_of(values[around], own, components[around] > 0, spacing.tolist())
        voxels = on_half_millimetre_grid(own, spacing.tolist())
        volume = float(voxels.sum()) * MASK_SPACING_MM**3
        shapes.append(
            LesionShape(
                volume,
                2 * (3 * volume / (4 * np.pi)) ** (1 / 3),
                flatness(voxels),
                sphericity(voxels),
                max(1, round(float(own.any(axis=(1, 2)).sum() * spacing[0]))),
                peak / highest,
                mean / highest,
            )
        )
    return shapes


def contrast_of(
    values: NDArray[np.floating], own: NDArray[np.bool_], lesions: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> tuple[float, float]:
    """Give the signal lost in a lesion: the ring's median less the darkest voxel, and less the mean.

    Parameters
    ----------
    values : float array (z, y, x)
    own, lesions : bool array (z, y, x)
        The lesion, and all lesions: none is part of the ring.
    spacing_mm : sequence of float
        Of z, y, x.

    Returns
    -------
    (peak, mean) : float
        In units of `values`; 0 where there is no ring.
    """
    distance = ndimage.distance_transform_edt(~own, sampling=spacing_mm)
    ring = (distance >= RING_MM[0]) & (distance <= RING_MM[1]) & ~lesions
    if not ring.any():
        return 0.0, 0.0
    level = float(np.median(values[ring]))
    return level - float(values[own].min()), level - float(values[own].mean())


def on_half_millimetre_grid(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
    """Read a mask (z, y, x) on a grid of 0.5 mm, nearest voxel, with an empty rim."""
    counts = [max(1, round(n * s / MASK_SPACING_MM)) for n, s in zip(mask.shape, spacing_mm, strict=True)]
    index = [
        np.minimum(((np.arange(count) + 0.5) * MASK_SPACING_MM / s).astype(int), n - 1)
        for count, s, n in zip(counts, spacing_mm, mask.shape, strict=True)
    ]
    return np.pad(mask[np.ix_(*index)], 1)


def flatness(mask: NDArray[np.bool_]) -> float:
    """Give how flat a mask (z, y, x) of cubic voxels is: 1 for a ball, towards 0 for a disc or a line.

    References
    ----------
    Zwanenburg et al., Radiology 295:328, 2020 (IBSI): square root of the least over the major axis' variance.
    """
    points = np.argwhere(mask).astype(float)
    spread = np.cov(points.T, bias=True).reshape(3, 3) + np.eye(3) / 12  # a voxel is a cube, not a point
    lowest, *_, largest = np.linalg.eigvalsh(spread)
    return float(np.sqrt(lowest / largest))


def sphericity(mask: NDArray[np.bool_]) -> float:
    """Give the surface of the sphere of equal volume over that of a mask (z, y, x) of cubic voxels with an empty rim.

    References
    ----------
    Zwanenburg et al., Radiology 295:328, 2020 (IBSI): surface by marching cubes.
    """
    corners, faces, *_ = measure.marching_cubes(mask.astype(np.float32), 0.5)
    surface = measure.mesh_surface_area(corners, faces)
    edges = corners[faces]
    volume = abs(float(np.einsum("ij,ij->i", edges[:, 0], np.cross(edges[:, 1], edges[:, 2])).sum())) / 6
    return float((36 * np.pi * volume**2) ** (1 / 3) / surface)


def lesions_per_scan(counts: Sequence[int]) -> tuple[float, float, int]:
    """Summarise how many lesions scans have.

    Parameters
    ----------
    counts : sequence of int
        Lesions of every scan.

    Returns
    -------
    share_without : float
        Part of the scans (0 to 1) without any.
    median, largest : float, int
        Of the scans with at least one; 0 where there is none.
    """
    positive = [n for n in counts if n]
    without = 1 - len(positive) / len(counts) if counts else 0.0
    return without, float(np.median(positive)) if positive else 0.0, max(positive, default=0)
