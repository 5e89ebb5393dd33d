"""Heads of any contrast with their regions, at the network's 2 mm: what the regions network learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from CMBSegmentationLib.region_input import head_box, normalised

from ..synthesis.acquisition import PROTOCOLS, draw_sequence, shading
from ..synthesis.contrast import TISSUE_OF_LABEL, signal_map, susceptibility_map
from ..synthesis.susceptibility import dipole_field

SPACING_MM = 2.0
KNOT_MM = 18.0
WARP_MM = 3.5
PHYSICAL_SHARE = 0.9  # the rest gets grey levels that no scanner gives: shapes must do
LABELS_PER_CLASS = 1024


@dataclass(frozen=True)
class RegionSample:
    """One head.

    Attributes
    ----------
    voxels : float32 array (i, j, k), RAS
        Normalised as in use.
    classes : uint8 array (i, j, k)
        Indices into `atlas.CLASSES`.
    """

    voxels: NDArray[np.float32]
    classes: NDArray[np.uint8]


def draw_sample(labels: sitk.Image, classes: sitk.Image, rng: np.random.Generator) -> RegionSample:
    """Draw a head from a label map and its regions.

    Parameters
    ----------
    labels, classes : SimpleITK.Image
        FreeSurfer labels and `atlas.region_map` of them, one grid of about 1 mm, LPS.
    rng : numpy.random.Generator

    Returns
    -------
    RegionSample

    References
    ----------
    Billot et al., Med Image Anal 86:102789, 2023 (SynthSeg): random contrasts from label maps.
    """
    both = sitk.Cast(classes, sitk.sitkInt32) * LABELS_PER_CLASS + sitk.Cast(labels, sitk.sitkInt32)
    warped = sitk.GetArrayFromImage(_warped(both, rng))
    if rng.random() < 0.5:
        warped = warped[:, :, ::-1]
    truth = (warped // LABELS_PER_CLASS).astype(np.uint8)
    inside = (warped % LABELS_PER_CLASS).astype(np.int16)

    image = _physical(inside, rng) if rng.random() < PHYSICAL_SHARE else _random_contrast(inside, rng)
    image = _spots(image, truth, rng)
    stripped = rng.random() < 0.45
    if stripped:
        brain = ndimage.binary_closing(truth > 1, iterations=3) | (truth > 1)
        if rng.random() < 0.5:
            brain = ndimage.binary_dilation(brain, iterations=int(rng.integers(1, 3)))
        image = image * brain
    image = image * shading(image.shape, rng, 0.3)
    image, truth = _acquired(image, truth, rng)
    level = float(np.percentile(image, 95))
    image = np.abs(
        image + level * rng.uniform(0.005, 0.06) * rng.standard_normal(image.shape, np.float32) * (image > 0)
    )
    image, truth = _ras(image), _ras(truth)
    start, size = head_box(image, (SPACING_MM,) * 3)
    box = tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))
    return RegionSample(normalised(image[box]), np.ascontiguousarray(truth[box]))


def _ras(values: NDArray) -> NDArray:
    """From (z, y, x) of an LPS image to (i, j, k) along R, A, S."""
    return np.ascontiguousarray(values.transpose(2, 1, 0)[::-1, ::-1])


def _warped(labels: sitk.Image, rng: np.random.Generator) -> sitk.Image:
    rotation = sitk.Euler3DTransform()
    rotation.SetRotation(*np.deg2rad(rng.normal(0, [9.0, 6.0, 6.0])).tolist())
    scale = np.diag(rng.uniform(0.85, 1.15) * rng.uniform(0.93, 1.07, 3))
    linear = sitk.AffineTransform(3)
    matrix = np.array(rotation.GetMatrix()).reshape(3, 3) @ scale + rng.normal(0, 0.02, (3, 3))
    linear.SetMatrix(matrix.ravel().tolist())
    centre = labels.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in labels.GetSize()])
    linear.SetCenter(centre)

    knots = [max(4, int(np.ceil(n / KNOT_MM)) + 1) for n in labels.GetSize()]
    moves = ndimage.gaussian_filter(rng.normal(size=(*knots[::-1], 3)), (1, 1, 1, 0))
    moves *= rng.uniform(0.3, 1.0) * WARP_MM / moves.std()
    field = sitk.GetImageFromArray(moves, isVector=True)
    field.SetSpacing([KNOT_MM] * 3)
    field.SetOrigin(labels.GetOrigin())
    elastic = sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64))

    # the head may stick out of the scan: top, chin or neck are often cut
    size = [round(n * s / SPACING_MM) for n, s in zip(labels.GetSize(), labels.GetSpacing(), strict=True)]
    filter_ = sitk.ResampleImageFilter()
    filter_.SetSize(size)
    filter_.SetOutputSpacing([SPACING_MM] * 3)
    filter_.SetOutputOrigin(labels.GetOrigin())
    filter_.SetTransform(sitk.CompositeTransform([linear, elastic]))
    filter_.SetInterpolator(sitk.sitkNearestNeighbor)
    return filter_.Execute(labels)


def _physical(labels: NDArray[np.int16], rng: np.random.Generator) -> NDArray[np.float32]:
    """A gradient echo: tissue contrast, and signal lost where the field changes within a voxel."""
    protocol = list(PROTOCOLS.values())[int(rng.integers(len(PROTOCOLS)))]
    sequence = draw_sequence(protocol, rng)
    image = signal_map(labels, sequence, rng)
    field = dipole_field(susceptibility_map(labels, rng), [SPACING_MM] * 3, np.array([0.0, 0.0, 1.0]), pad=16)
    thickness = rng.uniform(0.5, 2.0)  # of a slice, against the 2 mm here
    spread = sum(np.abs(step) * (thickness if axis == 0 else 0.5) for axis, step in enumerate(np.gradient(field)))
    return image * np.abs(np.sinc(spread * sequence.radians_per_ppm / (2 * np.pi))).astype(np.float32)


def _random_contrast(labels: NDArray[np.int16], rng: np.random.Generator) -> NDArray[np.float32]:
    """Every tissue its own grey level; structures of one tissue mostly share it."""
    table = np.zeros(int(labels.max()) + 1, np.float32)
    level = {id(tissue): rng.uniform(0.1, 1.0) for tissue in TISSUE_OF_LABEL.values()}
    for label in np.unique(labels):
        tissue = TISSUE_OF_LABEL.get(int(label))
        table[label] = rng.uniform(0.1, 1.0) if tissue is None else level[id(tissue)] * np.exp(rng.normal(0, 0.1))
    if rng.random() < 0.8:
        table[0] = rng.uniform(0, 0.05)
    coarse = ndimage.zoom(rng.normal(0, 1, [max(2, n // 4) for n in labels.shape]), 4, order=1, mode="nearest")
    texture = np.zeros(labels.shape, np.float32)
    part = tuple(slice(min(a, b)) for a, b in zip(coarse.shape, labels.shape, strict=True))
    texture[part] = coarse[part]
    return np.clip(table[labels] * (1 + rng.uniform(0, 0.08) * texture), 0, None).astype(np.float32)


def _spots(image: NDArray[np.float32], truth: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Microbleeds, veins and white-matter lesions must not make holes in the regions."""
    image = image.copy()
    where = np.argwhere(truth > 0)
    for z, y, x in where[rng.integers(len(where), size=int(rng.integers(0, 60)))]:
        reach = tuple(int(r) for r in rng.integers(0, 2, 3))
        box = tuple(slice(max(0, c - r), c + r + 1) for c, r in zip((z, y, x), reach, strict=True))
        image[box] *= rng.uniform(0.1, 1.4)
    return image


def _acquired(
    image: NDArray[np.float32], truth: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Blur, thick slices, and a field of view that cuts the head."""
    image = ndimage.gaussian_filter(image, rng.uniform(0.0, 0.7, 3))
    if rng.random() < 0.6:
        thick = rng.uniform(1.0, 3.0)
        axis = 0 if rng.random() < 0.9 else int(rng.integers(1, 3))
        factor = [1.0 / thick if k == axis else 1.0 for k in range(3)]
        image = ndimage.uniform_filter1d(image, max(1, round(thick)), axis=axis)
        coarse = ndimage.zoom(image, factor, order=1)
        image = ndimage.zoom(coarse, np.array(image.shape) / coarse.shape, order=1)
    if rng.random() < 0.6:
        height = image.shape[0]
        low = int(rng.uniform(0, 0.3) * height)
        high = height - int(rng.uniform(0, 0.12) * height)
        image, truth = image[low:high], truth[low:high]
    return np.clip(image, 0, None).astype(np.float32), truth
