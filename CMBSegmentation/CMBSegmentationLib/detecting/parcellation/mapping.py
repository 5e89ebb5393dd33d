"""From a parcellation to the map of regions of a scan: MARS' regions, sides and fluid."""

from __future__ import annotations

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray

from ...errors import InputError
from ...vocabulary.published.freesurfer import (
    CORTEX,
    DEEP_GREY,
    DEEP_WHITE,
    FLUID,
    LEFT,
    REGION_OF,
    RIGHT,
    SIDE_OF,
    WHITE_MATTER,
)
from ..regions import FIRST_TISSUE, NAMES, Regions, on_grid_of, roomy
from ..regions import FLUID as FLUID_CLASS
from .given import Parcellation

LEAST_RIGHTWARD = 0.5  # cosine: a head is turned by less than 60 degrees
FINEST_MM = 1.0  # finer parcellations are thinned out: lesions and regions are larger
SHARES_MM = 2.0  # voxels of the shares of fluid and tissue: those of the map of regions
SUBCORTICAL_MM = 5.0  # as far from the cortex as wmparc counts white matter to a lobe (mri_aparc2aseg --labelwm)
LEAST_INSIDE, LEAST_COVERED = 0.93, 0.35
"""Shares of the parcellation that lie in the brain found in the scan, and of that brain that is covered. Where the two
belong together the former is 0.98 and more, and 0.93 at a shift of 11 mm (the sample scan) to 17 mm (a whole head with
neck); the latter is 0.62 for that head, whose mask takes in muscle."""


def map_parcellation(given: Parcellation, scan: sitk.Image, brain: sitk.Image) -> Regions:
    """Make a parcellation the map of regions of a scan.

    White matter within 5 mm of the cortex, and nearer to it than to deep grey matter, belongs to the cortex' lobe, the
    rest is deep; FreeSurfer has no internal or external capsule, which are deep white matter here.

    Parameters
    ----------
    given : Parcellation
        In the scan's own frame, on any grid.
    scan : SimpleITK.Image
    brain : SimpleITK.Image
        Mask on the scan's grid, of brain that was found without the parcellation.

    Returns
    -------
    Regions

    Raises
    ------
    InputError
        The parcellation does not lie on the scan's brain.
    """
    labels = _thinned(given.labels)
    classes = sitk.GetImageFromArray(_classes(sitk.GetArrayViewFromImage(labels), labels.GetSpacing()[::-1]))
    classes.CopyInformation(labels)
    tissue = sitk.BinaryThreshold(classes, FIRST_TISSUE, 255, 1, 0)
    _check_place(given.name, tissue, scan, brain)
    return Regions(
        tissue=on_grid_of(scan, roomy(classes)),
        midplane=_midplane(labels, given.name),
        fluid=_shares(classes == FLUID_CLASS),
        parenchyma=_shares(tissue),
    )


def _thinned(labels: sitk.Image) -> sitk.Image:
    """Take the nearest voxel on a grid of 1 mm, where the parcellation's is finer."""
    factors = [min(1.0, spacing / FINEST_MM) for spacing in labels.GetSpacing()]
    if min(factors) > 0.8:
        return labels
    size = [max(1, round(n * factor)) for n, factor in zip(labels.GetSize(), factors, strict=True)]
    spacing = [n * s / m for n, s, m in zip(labels.GetSize(), labels.GetSpacing(), size, strict=True)]
    first = [(new / old - 1) / 2 for new, old in zip(spacing, labels.GetSpacing(), strict=True)]
    origin = labels.TransformContinuousIndexToPhysicalPoint(first)
    nearest = sitk.sitkNearestNeighbor
    return sitk.Resample(labels, size, sitk.Transform(), nearest, origin, spacing, labels.GetDirection(), 0)


def _classes(labels: NDArray[np.int32], spacing_zyx: tuple[float, ...]) -> NDArray[np.uint8]:
    """Give each voxel its class: 0 outside, 1 fluid, from 2 on the places of `detecting.regions.NAMES`."""
    class_of = {name: FIRST_TISSUE + k for k, name in enumerate(NAMES)}
    class_of |= {FLUID: FLUID_CLASS, WHITE_MATTER: class_of[DEEP_WHITE]}
    table = np.zeros(max(REGION_OF) + 1, np.uint8)
    for label, region in REGION_OF.items():
        table[label] = class_of[region]
    classes = table[labels]
    white = np.isin(labels, [label for label, region in REGION_OF.items() if region == WHITE_MATTER])
    cortex = np.isin(labels, list(CORTEX))
    near = cortex | np.isin(labels, list(DEEP_GREY))
    if white.any() and cortex.any():
        apart, at = scipy.ndimage.distance_transform_edt(~near, sampling=spacing_zyx, return_indices=True)
        places = tuple(axis[white] for axis in at)
        subcortical = (apart[white] <= SUBCORTICAL_MM) & cortex[places]
        classes[white] = np.where(subcortical, classes[places], classes[white])
    return classes


def _check_place(name: str, tissue: sitk.Image, scan: sitk.Image, brain: sitk.Image) -> None:
    on_scan = sitk.GetArrayFromImage(on_grid_of(scan, tissue)) > 0
    found = sitk.GetArrayViewFromImage(brain) > 0
    both = int(np.count_nonzero(on_scan & found))
    inside = both / max(1, int(np.count_nonzero(on_scan)))
    covered = both / max(1, int(np.count_nonzero(found)))
    if inside >= LEAST_INSIDE and covered >= LEAST_COVERED:
        return
    if not found.any():
        raise InputError(
            "No brain was found in the scan, on which the parcellation could lie.", "Check the brain mask."
        )
    apart = float(np.linalg.norm(np.subtract(_middle(tissue), _middle(brain))))
    where = (
        "does not lie in the scan"
        if both == 0
        else f"does not fit the scan's brain: {100 * inside:.0f} % of it lies in it"
    )
    if both and inside >= LEAST_INSIDE:
        where = f"covers only {100 * covered:.0f} % of the scan's brain"
    raise InputError(
        f"{name} {where} (their centres are {apart:.0f} mm apart).",
        "Give the parcellation of this patient in this scan's space; one of another session's T1, or in a template's "
        "space, must be registered first. Without --parcellation the program maps the regions itself.",
    )


def _middle(mask: sitk.Image) -> tuple[float, ...]:
    """Centre of mass, LPS mm."""
    index = np.argwhere(sitk.GetArrayViewFromImage(mask)).mean(axis=0)[::-1]
    return mask.TransformContinuousIndexToPhysicalPoint(index.tolist())


def _midplane(labels: sitk.Image, name: str) -> tuple[float, float, float, float]:
    """Find the plane that parts left labels from right ones best: Fisher's discriminant of their voxels."""
    values = sitk.GetArrayViewFromImage(labels)
    groups = []
    for side in (LEFT, RIGHT):
        where = np.argwhere(np.isin(values, [label for label, its in SIDE_OF.items() if its == side]))[:, ::-1]
        axes = np.array(labels.GetDirection()).reshape(3, 3) * labels.GetSpacing()
        groups.append((where @ axes.T + labels.GetOrigin()) * [-1.0, -1.0, 1.0])
    left, right = (group.mean(axis=0) for group in groups)
    within = sum(np.cov(group.T) for group in groups)
    normal = np.linalg.solve(within, right - left)
    normal /= np.linalg.norm(normal)
    if not normal[0] > LEAST_RIGHTWARD:
        raise InputError(
            f"{name}: its left labels do not lie on the patient's left.",
            "Its orientation is wrong, or its labels were mirrored: make it anew from the scan in its own frame.",
        )
    offset = float(normal @ (left + right) / 2)
    return (*(round(float(n), 5) for n in normal), round(offset, 2))  # type: ignore[return-value]


def _shares(mask: sitk.Image) -> sitk.Image:
    """Average a mask to voxels of about 2 mm, Float32."""
    shrink = [max(1, round(SHARES_MM / spacing)) for spacing in mask.GetSpacing()]
    shrink = [min(factor, n) for factor, n in zip(shrink, mask.GetSize(), strict=True)]
    return sitk.BinShrink(sitk.Cast(mask, sitk.sitkFloat32), shrink)
