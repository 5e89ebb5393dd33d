"""Where in the brain: tissue, regions of MARS, and the plane between left and right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import ModelError
from ..models.model_file import Model
from ..vocabulary.regions import ASSIGNABLE, REGIONS
from .lesions import LARGEST_DIAMETER_MM, Lesion
from .region_input import region_input

CLASSES = ("background", "CSF", *REGIONS)
FLUID, FIRST_TISSUE = 1, 2  # classes from here on are brain tissue
NAMES = (*ASSIGNABLE, "")
"""Of the classes of tissue, from `FIRST_TISSUE` on. The last two are of parcellations only: lobar tissue in an unknown
lobe, and tissue to which MARS gives no region."""
TISSUE_MARGIN_MM = 2.0  # a voxel of the map: at the border, and for a dark lesion there, it may be wrong by that
LARGEST_HOLE_MM3 = 4 / 3 * np.pi * (LARGEST_DIAMETER_MM / 2) ** 3
SMALLEST_BRAIN_MM3 = 2e5  # less than this is no brain, and no map is better than a wrong one
MIDLINE_MM = 3.0
MAY_BE_MIDLINE = ("brainstem", "cerebellum", "corpus callosum")
SYMMETRY_POINTS = 4000
ASIDE_MM = 1e-3  # far more than headers' rounding, far less than a voxel
AROUND_MM = 4.0  # of a lesion: what lies there says which region it is in


@dataclass(frozen=True)
class Regions:
    """A scan's map.

    Attributes
    ----------
    tissue : SimpleITK.Image
        UInt8 on the scan's grid: 0 outside brain tissue, else ``FIRST_TISSUE + k`` for ``NAMES[k]``; each
        region reaches 2 mm into what is around it.
    midplane : tuple of 4 floats
        Unit normal (R, A, S), pointing right, and offset d: ``normal . point - d`` is the distance in
        mm to the right of the plane.
    fluid, parenchyma : SimpleITK.Image
        Float32 on the map's own grid: the probabilities of fluid, and of all regions together, 0 to 1.
    """

    tissue: sitk.Image
    midplane: tuple[float, float, float, float]
    fluid: sitk.Image
    parenchyma: sitk.Image


def find_regions(scan: sitk.Image, model: Model) -> Regions | None:
    """Map the brain of a scan.

    Parameters
    ----------
    scan : SimpleITK.Image
        3D magnitude image, any geometry, finite values.
    model : Model
        Of the task ``"regions"``.

    Returns
    -------
    Regions or None
        None where no brain of a plausible size is found.

    Raises
    ------
    ModelError
        The model's classes are not the regions of MARS.
    """
    if model.manifest.classes != CLASSES:
        raise ModelError(
            f"{model.path.name} tells other regions apart than MARS' ({', '.join(model.manifest.classes[:4])}, …).",
            "Give a model made by training/export.py.",
        )
    given = region_input(scan, model.manifest.axes, model.manifest.spacing_mm)
    logits = model.logits(given.voxels[None, ..., None])[0]
    coarse = _largest_tissue(given.image_of(logits.argmax(axis=-1).astype(np.uint8)))
    voxel_mm3 = float(np.prod(coarse.GetSpacing()))
    values = sitk.GetArrayViewFromImage(coarse)
    if np.count_nonzero(values >= FIRST_TISSUE) * voxel_mm3 < SMALLEST_BRAIN_MM3:
        return None
    shares = scipy.special.softmax(logits, axis=-1)
    return Regions(
        tissue=on_grid_of(scan, roomy(coarse)),
        midplane=_midplane(coarse),
        fluid=given.image_of(shares[..., FLUID]),
        parenchyma=given.image_of(shares[..., FIRST_TISSUE:].sum(axis=-1)),
    )


def region_name(tissue_value: int) -> str:
    """Name the region of a voxel of `Regions.tissue`; empty outside."""
    return NAMES[tissue_value - FIRST_TISSUE] if tissue_value >= FIRST_TISSUE else ""


def side_of(position_ras_mm: tuple[float, float, float], region: str, midplane: tuple[float, ...]) -> str:
    """Say on which side of the midplane a position lies; midline only where a structure crosses it."""
    right_mm = float(np.dot(midplane[:3], position_ras_mm) - midplane[3])
    if region in MAY_BE_MIDLINE and abs(right_mm) < MIDLINE_MM:
        return "midline"
    return "right" if right_mm > 0 else "left"


def placing(midplane: Sequence[float] | None, tissue: sitk.Image | None) -> Callable[[Lesion], Lesion] | None:
    """Give the function that places lesions (`placed`); None where regions were not mapped, or the map is not there."""
    if midplane is None or tissue is None:
        return None
    return partial(placed, tissue=tissue, midplane=midplane)


def placed(lesion: Lesion, tissue: sitk.Image, midplane: Sequence[float]) -> Lesion:
    """Fill in ``region`` and ``side``: the region that most of the lesion's surroundings belong to.

    Parameters
    ----------
    lesion : Lesion
    tissue : SimpleITK.Image
        `Regions.tissue`.
    midplane : sequence of 4 float
        `Regions.midplane`.
    """
    index = np.array(tissue.TransformPhysicalPointToContinuousIndex((-lesion.r_mm, -lesion.a_mm, lesion.s_mm)))
    spacing, size = np.array(tissue.GetSpacing()), np.array(tissue.GetSize())
    reach_mm = lesion.diameter_mm / 2 + AROUND_MM
    reach = np.maximum(1, np.ceil(reach_mm / spacing)).astype(int)
    low = np.clip(np.rint(index).astype(int) - reach, 0, size - 1)
    high = np.clip(np.rint(index).astype(int) + reach + 1, low + 1, size)
    values = sitk.GetArrayViewFromImage(tissue)[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
    where = np.argwhere(values >= FIRST_TISSUE)
    offsets = (where[:, ::-1] + low - index) * spacing
    apart = np.linalg.norm(offsets, axis=1)
    near = where[apart <= max(reach_mm, spacing.max())]
    if len(near) == 0:
        return lesion
    # the lesion itself may look like another region to the network: what lies around it decides
    around = where[(apart > lesion.diameter_mm / 2) & (apart <= max(reach_mm, spacing.max()))]
    near = around if len(around) else near
    region = region_name(int(np.bincount(values[tuple(near.T)]).argmax()))
    side = side_of((lesion.r_mm, lesion.a_mm, lesion.s_mm), region, tuple(midplane))
    return replace(lesion, region=region, side=side)


def _largest_tissue(classes: sitk.Image) -> sitk.Image:
    """Keep the largest piece of tissue: an eye or a muscle is no region."""
    tissue = sitk.BinaryThreshold(classes, FIRST_TISSUE, 255, 1, 0)
    largest = sitk.RelabelComponent(sitk.ConnectedComponent(tissue), sortByObjectSize=True) == 1
    fluid = classes == FLUID
    return classes * sitk.Cast(sitk.Or(largest, fluid), sitk.sitkUInt8)


def roomy(classes: sitk.Image) -> sitk.Image:
    """Let each region reach a little further, and into holes no larger than a microbleed, which may be one."""
    tissue = sitk.BinaryThreshold(classes, FIRST_TISSUE, 255, 1, 0)
    smallest = round(LARGEST_HOLE_MM3 / float(np.prod(classes.GetSpacing())))
    outside = sitk.RelabelComponent(sitk.ConnectedComponent(tissue == 0), smallest) > 0
    distance = sitk.SignedMaurerDistanceMap(tissue, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    seeds = sitk.Mask(classes, tissue)
    spread = sitk.MorphologicalWatershedFromMarkers(distance, seeds, markWatershedLine=False, fullyConnected=True)
    reached = sitk.Or(distance <= TISSUE_MARGIN_MM, outside == 0)
    return sitk.Mask(sitk.Cast(spread, sitk.sitkUInt8), reached)


def on_grid_of(scan: sitk.Image, classes: sitk.Image) -> sitk.Image:
    """Give each voxel of the scan the class of the map's nearest voxel.

    Half-way between two, as every third slice of 4 mm is in a map of 1.5 mm, the numbers' rounding would decide, which
    is another in DICOM than in NIfTI: a thousandth of a millimetre decides.
    """
    aside = np.array(classes.GetDirection()).reshape(3, 3) @ np.full(3, ASIDE_MM)
    return sitk.Resample(classes, scan, sitk.TranslationTransform(3, aside.tolist()), sitk.sitkNearestNeighbor, 0)


def _midplane(classes: sitk.Image) -> tuple[float, float, float, float]:
    """Find the plane that mirrors the map onto itself best."""
    values = sitk.GetArrayViewFromImage(classes)
    where = np.argwhere(values >= FIRST_TISSUE)
    chosen = where[np.random.default_rng(0).permutation(len(where))[:SYMMETRY_POINTS]]
    own = values[tuple(chosen.T)]
    spacing = np.array(classes.GetSpacing())
    axes = np.array(classes.GetDirection()).reshape(3, 3)
    index_to_ras = np.diag([-1.0, -1.0, 1.0]) @ axes * spacing
    origin = np.diag([-1.0, -1.0, 1.0]) @ np.array(classes.GetOrigin())
    ras_to_index = np.linalg.inv(index_to_ras)
    points = chosen[:, ::-1] @ index_to_ras.T + origin
    middle = points.mean(axis=0)
    start = np.array([-1.0, -1.0, 1.0]) * axes[:, 0]  # the network's axes are R, A, S, however oblique

    def normal_of(turn: NDArray[np.float64]) -> NDArray[np.float64]:
        normal = start + np.array([0.0, turn[0], turn[1]]) / 100
        return normal / np.linalg.norm(normal)

    def unlike(turn: NDArray[np.float64]) -> float:
        normal = normal_of(turn)
        mirrored = points - 2 * ((points - middle) @ normal - turn[2])[:, None] * normal
        index = np.rint((mirrored - origin) @ ras_to_index.T).astype(int)
        inside = np.all((index >= 0) & (index < values.shape[::-1]), axis=1)
        x, y, z = index[inside].T
        return 1 - float(np.count_nonzero(values[z, y, x] == own[inside])) / len(own)

    found = scipy.optimize.minimize(
        unlike, np.zeros(3), method="Powell", options={"xtol": 0.2, "ftol": 1e-3, "maxfev": 300}
    )
    normal = normal_of(found.x)
    offset = float(normal @ middle + found.x[2])
    return (*(round(float(n), 5) for n in normal), round(offset, 2))  # type: ignore[return-value]
