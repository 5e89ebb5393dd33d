"""How well a lesion is grown from one voxel, in every mode: Dice against the true mask (paper Fig. 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from CMBScribbleGrowLib.growing.lesion import GrownLesion, grow
from CMBScribbleGrowLib.growing.scan import ScanToGrow, scan_to_grow
from CMBScribbleGrowLib.growing.settings import METHODS, GrowSettings
from CMBSegmentationLib.reading.scan import read_scan

from ..data.dataset import Subject
from ..data.masks import read_mask
from .bootstrap import intervals
from .breakdown import cohort_of

# raw voxels: the median lesion of VALDO's cohorts has 4, 13 and 40 (Docs/simulation.md)
SIZE_CLASSES = ((1, 4), (4, 8), (8, 16), (16, 40), (40, 10**9))
SMALLEST = 4  # voxels; below, a mask is one voxel more or less


@dataclass(frozen=True)
class GrownDice:
    """One true lesion, grown from its centre voxel in one mode.

    Attributes
    ----------
    subject, cohort : str
    lesion : int
        Component of the true mask, from 1.
    true_voxels, grown_voxels : int
    mode : str
        As asked for; `used_mode` is what "auto" chose.
    tolerance_percent : float or None
    dice : float
    """

    subject: str
    cohort: str
    lesion: int
    true_voxels: int
    mode: str
    used_mode: str
    tolerance_percent: float | None
    grown_voxels: int
    dice: float


@dataclass(frozen=True)
class TrueLesion:
    """A component of a true mask: its voxels (n, 3) z, y, x, and the one to grow from."""

    number: int
    voxels: NDArray[np.intp]
    seed: NDArray[np.intp]


def true_lesions(mask: NDArray[np.generic], spacing_mm: NDArray[np.floating]) -> list[TrueLesion]:
    """List the lesions of a mask (z, y, x), 26-connected, with the seeds of Docs/paper.md, section 7.

    The seed is the voxel of the lesion nearest to its centre of mass.
    """
    components, _ = ndimage.label(mask, ndimage.generate_binary_structure(3, 3))
    found = []
    for number, box in enumerate(ndimage.find_objects(components), 1):
        voxels = np.argwhere(components[box] == number) + [side.start for side in box]
        away_mm = (voxels - voxels.mean(axis=0)) * spacing_mm
        found.append(TrueLesion(number, voxels, voxels[np.argmin((away_mm**2).sum(axis=1))][None]))
    return found


def evaluate_subject(subject: Subject, modes: Sequence[str] = METHODS) -> list[GrownDice]:
    """Grow every lesion of a subject in every mode.

    Parameters
    ----------
    subject : Subject
    modes : sequence of str

    Returns
    -------
    list of GrownDice
    """
    scan, lesions = scan_and_lesions(subject)
    rows = []
    for lesion in lesions:
        for mode in modes:
            grown = grow(scan, lesion.seed, GrowSettings(mode=mode))
            rows.append(
                GrownDice(
                    subject.name,
                    cohort_of(subject.name),
                    lesion.number,
                    len(lesion.voxels),
                    mode,
                    grown.mode,
                    grown.tolerance_percent,
                    len(grown.mask),
                    dice_of(lesion, grown),
                )
            )
    return rows


def scan_and_lesions(subject: Subject) -> tuple[ScanToGrow, list[TrueLesion]]:
    """Read a subject: its scan, ready to grow in, and its true lesions."""
    image = read_scan(subject.image).image
    mask, _ = read_mask(subject.mask)
    scan = scan_to_grow(image)
    return scan, true_lesions(sitk.GetArrayFromImage(mask), scan.spacing_mm)


def dice_of(lesion: TrueLesion, grown: GrownLesion) -> float:
    """Dice of a grown mask and the true one."""
    shared = len({*map(tuple, lesion.voxels.tolist())} & {*map(tuple, grown.mask.tolist())})
    return 2 * shared / (len(lesion.voxels) + len(grown.mask))


@dataclass(frozen=True)
class _DiceBySubject:
    """Dice of each subject's lesions, so that a bootstrap can draw whole subjects."""

    by_subject: tuple[NDArray[np.float64], ...]

    def __len__(self) -> int:
        return len(self.by_subject)

    def at(self, subjects: NDArray[np.integer]) -> _DiceBySubject:
        return _DiceBySubject(tuple(self.by_subject[int(n)] for n in subjects))


def median_dice(rows: Sequence[GrownDice]) -> tuple[float, tuple[float, float]]:
    """Give the median Dice over lesions and its 95 % bootstrap interval over subjects; NaN without any."""
    subjects = sorted({row.subject for row in rows})
    if not subjects:
        return float("nan"), (float("nan"), float("nan"))
    by_subject = _DiceBySubject(tuple(np.array([r.dice for r in rows if r.subject == name]) for name in subjects))

    def measure(drawn: _DiceBySubject) -> dict[str, float]:
        return {"median": float(np.median(np.concatenate(drawn.by_subject)))}

    return measure(by_subject)["median"], intervals(measure, by_subject)["median"]


def size_class(low: int, high: int) -> str:
    """Name a class of raw voxels, such as ``4-7``."""
    return f"{low}-{high - 1}" if high < SIZE_CLASSES[-1][1] else f"{low} and more"
