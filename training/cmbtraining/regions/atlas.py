"""The regions of MARS on a brain label map: structures from the map itself, lobes and capsules from the atlas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib.vocabulary.regions import REGIONS

CSF_CLASS = 1
CLASSES = ("background", "CSF", *REGIONS)
"""What the network's outputs mean; region k of the atlas is class k + 1."""

BRAINSTEM, CEREBELLUM, BASAL_GANGLIA, THALAMUS = 1, 2, 3, 4
WHITE_MATTER_REGIONS = tuple(range(5, 14))
LOBES = tuple(range(9, 14))
CSF_LABELS = (4, 43, 5, 44, 14, 15, 24, 72, 25, 57, 30, 62)
MAY_BE: dict[tuple[int, ...], tuple[int, ...]] = {
    (16,): (BRAINSTEM,),
    (7, 46, 8, 47): (CEREBELLUM,),
    (11, 50, 12, 51, 13, 52, 26, 58): (BASAL_GANGLIA,),
    (10, 49): (THALAMUS,),
    (3, 42, 17, 53, 18, 54): LOBES,
    (2, 41): WHITE_MATTER_REGIONS,
    (28, 60): (BRAINSTEM, THALAMUS, 5),
    (85, 136, 137, 163, 164): tuple(range(1, 14)),
}
"""FreeSurfer labels and the atlas' regions that their voxels may get: the nearest of them."""

WORKING_MM = 2.0
# a grey level for each structure that both the maps and the atlas know: what the registration sees
LEVELS = {BRAINSTEM: 2.0, CEREBELLUM: 0.6, BASAL_GANGLIA: 2.5, THALAMUS: 3.2}
CEREBRUM_LEVEL = 1.2


def read_atlas(path: Path) -> sitk.Image:
    """Read the MARS parcellation; UInt8, 0 outside, region k as in `REGIONS`.

    Notes
    -----
    The file stores the square of the region's number, with rounding errors.
    """
    squared = sitk.ReadImage(str(path), sitk.sitkFloat32)
    regions = sitk.GetImageFromArray(np.rint(np.sqrt(np.maximum(sitk.GetArrayViewFromImage(squared), 0))))
    regions.CopyInformation(squared)
    return sitk.DICOMOrient(sitk.Cast(regions, sitk.sitkUInt8), "LPS")


def region_map(labels: sitk.Image, atlas: sitk.Image) -> sitk.Image:
    """Name the region of every voxel of a label map.

    Parameters
    ----------
    labels : SimpleITK.Image
        FreeSurfer label values, LPS orientation, whole head.
    atlas : SimpleITK.Image
        As `read_atlas` gives it.

    Returns
    -------
    SimpleITK.Image
        UInt8, indices into `CLASSES`, on the grid of `labels`.
    """
    onto = _registered(labels, atlas)
    warped = sitk.GetArrayFromImage(sitk.Resample(atlas, labels, onto, sitk.sitkNearestNeighbor, 0))
    values = sitk.GetArrayViewFromImage(labels)
    classes = np.where(np.isin(values, CSF_LABELS), CSF_CLASS, 0).astype(np.uint8)
    distances: dict[int, NDArray[np.float32]] = {}
    for group, allowed in MAY_BE.items():
        where = np.isin(values, group)
        classes[where] = 1 + _nearest(warped, where, allowed, distances)
    image = sitk.GetImageFromArray(classes)
    image.CopyInformation(labels)
    return image


def _nearest(
    warped: NDArray[np.uint8],
    where: NDArray[np.bool_],
    allowed: tuple[int, ...],
    distances: dict[int, NDArray[np.float32]],
) -> NDArray[np.uint8]:
    if len(allowed) == 1:
        return np.full(int(where.sum()), allowed[0], np.uint8)
    for region in allowed:
        if region not in distances:
            mask = sitk.GetImageFromArray((warped == region).astype(np.uint8))
            distance = sitk.SignedMaurerDistanceMap(mask, insideIsPositive=False, squaredDistance=False)
            distances[region] = sitk.GetArrayFromImage(distance)
    stack = np.stack([distances[region][where] for region in allowed])
    return np.array(allowed, np.uint8)[stack.argmin(axis=0)]


def _registered(labels: sitk.Image, atlas: sitk.Image) -> sitk.Transform:
    """Bring the atlas onto the label map by the structures that both show: affine, then diffeomorphic demons."""
    fixed = _smooth(_levels_of_labels(labels))
    moving = _smooth(_levels_of_atlas(atlas))
    start = sitk.CenteredTransformInitializer(
        fixed, moving, sitk.AffineTransform(3), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 200, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([3.0, 1.5, 0.0])
    method.SetInitialTransform(start, inPlace=False)
    affine = method.Execute(fixed, moving)

    demons = sitk.DiffeomorphicDemonsRegistrationFilter()
    demons.SetNumberOfIterations(120)
    demons.SetSmoothDisplacementField(True)
    demons.SetStandardDeviations(1.5)
    field = demons.Execute(fixed, sitk.Resample(moving, fixed, affine, sitk.sitkLinear, 0.0))
    elastic = sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64))
    return sitk.CompositeTransform([affine, elastic])


def _levels_of_labels(labels: sitk.Image) -> sitk.Image:
    levels = np.zeros(labels.GetSize()[::-1], np.float32)
    values = sitk.GetArrayViewFromImage(labels)
    for group, allowed in MAY_BE.items():
        levels[np.isin(values, group)] = LEVELS.get(allowed[0], CEREBRUM_LEVEL) if len(allowed) == 1 else CEREBRUM_LEVEL
    image = sitk.GetImageFromArray(levels)
    image.CopyInformation(labels)
    return image


def _levels_of_atlas(atlas: sitk.Image) -> sitk.Image:
    table = np.full(len(REGIONS) + 1, CEREBRUM_LEVEL, np.float32)
    table[0] = 0.0
    for region, level in LEVELS.items():
        table[region] = level
    image = sitk.GetImageFromArray(table[sitk.GetArrayViewFromImage(atlas)])
    image.CopyInformation(atlas)
    return image


def _smooth(levels: sitk.Image) -> sitk.Image:
    shrink = [max(1, round(WORKING_MM / s)) for s in levels.GetSpacing()]
    return sitk.BinShrink(sitk.SmoothingRecursiveGaussian(levels, 1.0), shrink)
