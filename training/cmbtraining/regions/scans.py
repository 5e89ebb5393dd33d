"""Heads of any contrast with their regions and their fluid, at the network's 1.5 mm: what it learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from CMBSegmentationLib.detecting.region_input import head_box, normalised

from ..synthesis.acquisition import PROTOCOLS, draw_sequence, shading
from ..synthesis.contrast import TISSUE_OF_LABEL, signal_map, susceptibility_map
from ..synthesis.susceptibility import dipole_field
from .atlas import CSF_CLASS, CSF_LABELS

SPACING_MM = 1.5
PARTS = 2  # of a voxel along each axis: signal is averaged over them, fluid and background are counted
ALL_PARTS = PARTS**3
KNOT_MM = 18.0
WARP_MM = 3.5
PHYSICAL_SHARE = 0.9  # the rest gets grey levels that no scanner gives: shapes must do
LABELS_PER_CLASS = 1024
IN_VENTRICLES = tuple(label for label in CSF_LABELS if label != 24)  # 24 is the fluid around the brain
REGION, FLUID, BACKGROUND = range(3)
"""What the truth of a voxel holds: its region, and how many of its parts are fluid and are neither fluid nor brain."""


@dataclass(frozen=True)
class RegionSample:
    """One head.

    Attributes
    ----------
    voxels : float32 array (i, j, k), RAS
        Normalised as in use.
    truth : uint8 array (i, j, k, 3)
        By `REGION` the region of a voxel's brain tissue, an index into `atlas.CLASSES` from 2 on, 0 where it has
        none; by `FLUID` and `BACKGROUND` the number of its `ALL_PARTS` parts.
    ventricle : bool array (i, j, k)
        Where fluid lies in the ventricles, not in sulci.
    """

    voxels: NDArray[np.float32]
    truth: NDArray[np.uint8]
    ventricle: NDArray[np.bool_]

    @property
    def classes(self) -> NDArray[np.uint8]:
        """What most of a voxel is, an index into `atlas.CLASSES`; array (i, j, k)."""
        fluid, background = self.truth[..., FLUID], self.truth[..., BACKGROUND]
        tissue = ALL_PARTS - fluid - background
        most = np.where(fluid >= background, CSF_CLASS, 0)
        return np.where(tissue >= np.maximum(fluid, background), self.truth[..., REGION], most).astype(np.uint8)


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
    parts = sitk.GetArrayFromImage(_warped(both, rng))
    parts = parts[tuple(slice(n - n % PARTS) for n in parts.shape)]
    if rng.random() < 0.5:
        parts = parts[:, :, ::-1]
    of_class = (parts // LABELS_PER_CLASS).astype(np.uint8)
    inside = (parts % LABELS_PER_CLASS).astype(np.int16)
    truth = _counted(of_class)
    ventricle = _per_voxel(np.isin(inside, IN_VENTRICLES).astype(np.float32)) >= 0.5

    image = _physical(inside, rng) if rng.random() < PHYSICAL_SHARE else _random_contrast(inside, rng)
    tissue = truth[..., REGION] > 0
    image = _spots(image, tissue, rng)
    stripped = rng.random() < 0.45
    if stripped:
        brain = ndimage.binary_closing(tissue, iterations=4) | tissue
        if rng.random() < 0.5:
            brain = ndimage.binary_dilation(brain, iterations=int(rng.integers(1, 4)))
        image = image * brain
    image = image * shading(image.shape, rng, 0.3)
    image, kept = _acquired(image, rng)
    level = float(np.percentile(image, 95))
    image = np.abs(
        image + level * rng.uniform(0.005, 0.06) * rng.standard_normal(image.shape, np.float32) * (image > 0)
    )
    image, truth, ventricle = (_ras(values) for values in (image, truth[kept], ventricle[kept]))
    start, size = head_box(image, (SPACING_MM,) * 3)
    box = tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))
    return RegionSample(normalised(image[box]), np.ascontiguousarray(truth[box]), np.ascontiguousarray(ventricle[box]))


def _counted(of_class: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Truth (z, y, x, 3) of every voxel from the classes of its parts."""
    fluid, background = (
        np.rint(_per_voxel((of_class == one).astype(np.float32)) * ALL_PARTS).astype(np.uint8) for one in (CSF_CLASS, 0)
    )
    region = np.zeros(fluid.shape, np.uint8)
    for part in _parts(of_class):  # of several regions in a voxel any may stand for all: they meet in few
        region = np.where(part > CSF_CLASS, part, region)
    return np.stack([region, fluid, background], axis=-1)


def _parts(values: NDArray) -> list[NDArray]:
    steps = range(PARTS)
    return [values[k::PARTS, j::PARTS, i::PARTS] for k in steps for j in steps for i in steps]


def _per_voxel(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over a voxel's parts."""
    return np.mean(_parts(values), axis=0, dtype=np.float32)


def _ras(values: NDArray) -> NDArray:
    """From (z, y, x) of an LPS image to (i, j, k) along R, A, S."""
    return np.ascontiguousarray(values.transpose(2, 1, 0, *range(3, values.ndim))[::-1, ::-1])


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
    part_mm = SPACING_MM / PARTS
    size = [round(n * s / part_mm) for n, s in zip(labels.GetSize(), labels.GetSpacing(), strict=True)]
    filter_ = sitk.ResampleImageFilter()
    filter_.SetSize(size)
    filter_.SetOutputSpacing([part_mm] * 3)
    filter_.SetOutputOrigin(labels.GetOrigin())
    filter_.SetTransform(sitk.CompositeTransform([linear, elastic]))
    filter_.SetInterpolator(sitk.sitkNearestNeighbor)
    return filter_.Execute(labels)


def _physical(labels: NDArray[np.int16], rng: np.random.Generator) -> NDArray[np.float32]:
    """A gradient echo: tissue contrast, and signal lost where the field changes within a voxel."""
    protocol = list(PROTOCOLS.values())[int(rng.integers(len(PROTOCOLS)))]
    sequence = draw_sequence(protocol, rng)
    image = _per_voxel(signal_map(labels, sequence, rng))
    ppm = _per_voxel(susceptibility_map(labels, rng))
    field = dipole_field(ppm, [SPACING_MM] * 3, np.array([0.0, 0.0, 1.0]), pad=16)
    thickness = rng.uniform(0.7, 3.0)  # of a slice, against the voxel here
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
    return _per_voxel(np.clip(table[labels] * (1 + rng.uniform(0, 0.08) * texture), 0, None).astype(np.float32))


def _spots(image: NDArray[np.float32], tissue: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float32]:
    """Microbleeds, veins and white-matter lesions must not make holes in the regions."""
    image = image.copy()
    where = np.argwhere(tissue)
    for z, y, x in where[rng.integers(len(where), size=int(rng.integers(0, 60)))]:
        reach = tuple(int(r) for r in rng.integers(0, 2, 3))
        box = tuple(slice(max(0, c - r), c + r + 1) for c, r in zip((z, y, x), reach, strict=True))
        image[box] *= rng.uniform(0.1, 1.4)
    return image


def _acquired(
    image: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], tuple[slice, slice, slice]]:
    """Blur, thick slices, and a field of view that cuts the head: what was kept of it."""
    image = ndimage.gaussian_filter(image, rng.uniform(0.0, 0.7, 3))
    if rng.random() < 0.6:
        thick = rng.uniform(1.0, 4.0)
        axis = 0 if rng.random() < 0.9 else int(rng.integers(1, 3))
        factor = [1.0 / thick if k == axis else 1.0 for k in range(3)]
        image = ndimage.uniform_filter1d(image, max(1, round(thick)), axis=axis)
        coarse = ndimage.zoom(image, factor, order=1)
        image = ndimage.zoom(coarse, np.array(image.shape) / coarse.shape, order=1)
    kept = slice(0, image.shape[0])
    if rng.random() < 0.6:
        height = image.shape[0]
        kept = slice(int(rng.uniform(0, 0.3) * height), height - int(rng.uniform(0, 0.12) * height))
    return np.clip(image[kept], 0, None).astype(np.float32), (kept, slice(None), slice(None))
