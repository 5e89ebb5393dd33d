"""A head around a brain: what label maps of the brain alone lack, by where it lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .anatomy import Anatomy
from .covers import closed, smooth_noise
from .vessels import distance_mm

ROOM_VOXELS = 26
HULL_MM = 12.0
CSF, SINUS, BONE, MARROW, SOFT, SKIN = 24, 514, 515, 516, 507, 511
CHOROID_PLEXUS, UNDETERMINED, LATERAL_VENTRICLE = 31, 29, 4
RIGHT_OF_LEFT = {
    2: 41,
    3: 42,
    4: 43,
    5: 44,
    7: 46,
    8: 47,
    10: 49,
    11: 50,
    12: 51,
    13: 52,
    17: 53,
    18: 54,
    26: 58,
    28: 60,
}
MIDDLE_LABELS = (14, 15, 16)  # third and fourth ventricle, brainstem
SKULL_FROM = 500


def is_brain_only(anatomy: Anatomy) -> bool:
    """Tell a label map that holds nothing outside the brain."""
    return not bool((anatomy.labels >= SKULL_FROM).any())


def with_head(anatomy: Anatomy, rng: np.random.Generator) -> Anatomy:
    """Complete a brain to a head: sides told apart, fluid, dural sinuses, skull, soft tissue, air-filled cells.

    Parameters
    ----------
    anatomy : Anatomy
        Brain only (`is_brain_only`), FreeSurfer values, of one side for both or of both.
    rng : numpy.random.Generator
        Decides on thicknesses and on the size of the air cells.

    Returns
    -------
    Anatomy
        On a grid with room for the head on all sides.
    """
    labels = np.pad(anatomy.labels, ROOM_VOXELS)
    labels[labels == CHOROID_PLEXUS] = LATERAL_VENTRICLE
    labels[labels == UNDETERMINED] = CSF
    middle = midline(labels)
    labels = two_sided(labels, middle)
    hull = closed(labels > 0, HULL_MM)
    outward = distance_mm(hull) + 0.5 * smooth_noise(labels.shape, rng)
    depth = distance_mm(~hull)
    fluid_mm, bone_mm, soft_mm = rng.uniform(1, 3), rng.uniform(5, 8), rng.uniform(4, 8)
    empty = labels == 0
    head = np.select(
        [
            hull | (outward <= fluid_mm),
            outward <= fluid_mm + 0.3 * bone_mm,
            outward <= fluid_mm + 0.6 * bone_mm,
            outward <= fluid_mm + bone_mm,
            outward <= fluid_mm + bone_mm + soft_mm,
            outward <= fluid_mm + bone_mm + soft_mm + 2,
        ],
        [CSF, BONE, MARROW, BONE, SOFT, SKIN],
        0,
    )
    labels = np.where(empty, head, labels).astype(np.int16)
    near_skull = empty & (outward <= fluid_mm + 2) & (depth <= 5)
    labels[near_skull & _sinuses(labels, hull, middle, rng)] = SINUS
    labels[~hull & (outward > fluid_mm) & _air_cells(labels, hull, middle, rng)] = 0
    return Anatomy(labels, anatomy.origin_mm - ROOM_VOXELS)


def midline(labels: NDArray[np.int16]) -> float:
    """Column (x) of the middle of the head: of ventricles and brainstem, else of the brain."""
    where = np.isin(labels, MIDDLE_LABELS)
    return float(np.argwhere(where if where.any() else labels > 0)[:, 2].mean())


def two_sided(labels: NDArray[np.int16], middle: float) -> NDArray[np.int16]:
    """Give what lies right of the middle (lower x in LPS) the right side's values, unless both sides are there."""
    if np.isin(labels, list(RIGHT_OF_LEFT.values())).any():
        return labels
    table = np.arange(max(int(labels.max()), *RIGHT_OF_LEFT.values()) + 1, dtype=np.int16)
    table[list(RIGHT_OF_LEFT)] = list(RIGHT_OF_LEFT.values())
    right = np.arange(labels.shape[2]) < middle
    return np.where(right, table[labels], labels)


def _sinuses(
    labels: NDArray[np.int16], hull: NDArray[np.bool_], middle: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Columns of the sagittal sinus over the top and back, and of the transverse sinuses along the tentorium."""
    z, y, x = np.ogrid[tuple(slice(n) for n in labels.shape)]
    brain_z, brain_y, _ = (np.flatnonzero(hull.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    cerebellum = np.argwhere(np.isin(labels, (8, 47)))
    tentorium = np.percentile(cerebellum[:, 0], 80) if len(cerebellum) else np.percentile(brain_z, 30)
    centre_y = float(brain_y.mean())
    sagittal = (
        (np.abs(x - middle) <= rng.uniform(2.5, 4.5))
        & (z > tentorium)
        & ((z > np.percentile(brain_z, 60)) | (y > centre_y))
    )
    transverse = (np.abs(z - tentorium) <= rng.uniform(2.5, 4.0)) & (y > centre_y + 0.15 * len(brain_y))
    return np.asarray(sagittal | transverse)


def _air_cells(
    labels: NDArray[np.int16], hull: NDArray[np.bool_], middle: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Frontal sinus, sphenoid and ethmoid cells, mastoids: ellipsoids placed by the brain's outline and brainstem."""
    z, y, x = np.ogrid[tuple(slice(n) for n in labels.shape)]
    stem = np.argwhere(labels == 16)
    low, stem_y, _ = stem.mean(axis=0) if len(stem) else np.argwhere(hull).mean(axis=0)
    front = np.argwhere(hull[:, :, round(middle)].any(axis=0)).min()
    column = np.flatnonzero(hull[:, front + 6, round(middle)])
    brow = float(column[0]) if len(column) else low + 25
    scale = rng.uniform(0.6, 1.3, 4)
    cells = (
        ((brow - 2, front - 5, middle), (11, 7, 16), scale[0]),
        ((low + 4, stem_y - 36, middle), (10, 16, 11), scale[1]),
        ((low - 2, stem_y + 6, middle - 50), (11, 11, 9), scale[2]),
        ((low - 2, stem_y + 6, middle + 50), (11, 11, 9), scale[3]),
    )
    air = np.zeros(labels.shape, bool)
    for (cz, cy, cx), (rz, ry, rx), size in cells:
        air |= ((z - cz) / rz) ** 2 + ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= size**2
    return air
