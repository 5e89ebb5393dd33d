"""Why a microbleed was missed, and what a false one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from CMBSegmentationLib.detecting.candidates.listing import Candidates
from CMBSegmentationLib.detecting.lesions import Lesion, LesionRules
from CMBSegmentationLib.vocabulary.reasons import Rule
from CMBSegmentationLib.vocabulary.verdicts import KEPT

from .score_files import PREDICTED, TRUE, LesionScore

NEAR_MM = 3.0  # as a match
FAINT = 0.2  # a spot that is darker than its surroundings by less
RING_MM = (1.0, 3.0)  # of the surroundings, from the lesion's edge
EDGE_MM = 3.0  # from the brain's edge
BESIDE_MM = 8.0  # from a microbleed
WHY_DROPPED = {
    Rule.BELOW_THRESHOLD: "score below the threshold",
    Rule.TOO_SMALL: "too small",
    Rule.TOO_LARGE: "too large",
    Rule.OUTSIDE_BRAIN: "taken for outside the brain",
    Rule.OUTSIDE_TISSUE: "taken for outside tissue",
}


@dataclass(frozen=True)
class ErrorCause:
    """An error and why.

    Attributes
    ----------
    lesion : LesionScore
    missed : bool
        Else it is a false one.
    cause : str
        What errors are grouped by.
    detail : str
        What tells this one from others of its cause.
    """

    lesion: LesionScore
    missed: bool
    cause: str
    detail: str


def error_causes(
    lesions: Sequence[LesionScore], candidates: Candidates, rules: LesionRules, image: sitk.Image, truth: sitk.Image
) -> list[ErrorCause]:
    """Sort the errors of one scan by cause; centres within 3 mm are matches.

    Parameters
    ----------
    lesions : sequence of LesionScore
        Of this scan, as `scoring.score_subject` gives them.
    candidates : Candidates
        All that were found.
    rules : LesionRules
        Those that `lesions` were listed by.
    image, truth : SimpleITK.Image
        The scan, outside the brain 0, and the mask of true microbleeds on its grid.
    """
    voxels = sitk.GetArrayFromImage(image).astype(np.float32)
    brain = ndimage.binary_closing(voxels > 0, iterations=3)
    depth = ndimage.distance_transform_edt(np.pad(brain, 1), sampling=image.GetSpacing()[::-1])[1:-1, 1:-1, 1:-1]
    labels = ndimage.label(sitk.GetArrayFromImage(truth) > 0, np.ones((3, 3, 3)))[0]
    true = _centres([one for one in lesions if one.role == TRUE])
    found = [one.lesion for one in candidates.at(rules)]
    places = _centres(found)
    errors = []
    for one in lesions:
        at = (one.r_mm, one.a_mm, one.s_mm)
        if one.role == TRUE and not one.within_3_mm:
            contrast = _contrast(voxels, labels == one.id, brain, image)
            detail = f"{one.diameter_mm:.1f} mm, signal loss {contrast:.0%}"
            near = [found[k] for k in np.flatnonzero(_distances(places, at) <= NEAR_MM)]
            errors.append(ErrorCause(one, True, _why_missed(near, contrast), detail))
        elif one.role == PREDICTED and not one.within_3_mm:
            edge = _at(depth, image, at)
            cause = one.kind or _what_false(float(_distances(true, at).min(initial=np.inf)), edge)
            errors.append(ErrorCause(one, False, cause, f"{one.diameter_mm:.1f} mm, score {one.probability or 0:.2f}"))
    return errors


def _why_missed(near: Sequence[Lesion], contrast: float) -> str:
    """Give the cause, from what the program found within 3 mm of the microbleed."""
    if not near:
        return "no candidate, faint" if contrast < FAINT else "no candidate, plain to see"
    best = max(near, key=lambda one: one.probability or 0.0)
    if best.status == KEPT:
        return "found as one with a neighbour"
    return "dropped" if best.reason is None else WHY_DROPPED.get(best.reason.rule, "dropped by another rule")


def _what_false(to_microbleed_mm: float, edge_mm: float) -> str:
    if to_microbleed_mm <= NEAR_MM:
        return "second one on a microbleed"
    if to_microbleed_mm <= BESIDE_MM:
        return "beside a microbleed"
    return "dark spot at the brain's edge" if edge_mm <= EDGE_MM else "dark spot within the brain"


def _contrast(voxels: NDArray, lesion: NDArray[np.bool_], brain: NDArray[np.bool_], image: sitk.Image) -> float:
    """Signal loss of a lesion against the tissue around it: 0 none, 1 black."""
    spacing = np.array(image.GetSpacing()[::-1])
    room = np.ceil(RING_MM[1] / spacing).astype(int) + 1
    box = ndimage.find_objects(lesion.astype(np.int8))[0]
    around = tuple(slice(max(0, one.start - r), one.stop + r) for one, r in zip(box, room, strict=True))
    distance = ndimage.distance_transform_edt(~lesion[around], sampling=spacing)
    ring = (distance > RING_MM[0]) & (distance <= RING_MM[1]) & brain[around]
    if not ring.any():
        return 0.0
    return float(1 - voxels[lesion].mean() / max(float(np.median(voxels[around][ring])), 1e-6))


def _at(values: NDArray, image: sitk.Image, ras_mm: tuple[float, float, float]) -> float:
    index = image.TransformPhysicalPointToIndex((-ras_mm[0], -ras_mm[1], ras_mm[2]))
    inside = np.clip(index[::-1], 0, np.array(values.shape) - 1)
    return float(values[tuple(inside)])


def _centres(lesions: Sequence[Lesion | LesionScore]) -> NDArray[np.float64]:
    return np.array([(one.r_mm, one.a_mm, one.s_mm) for one in lesions]).reshape(-1, 3)


def _distances(places_mm: NDArray[np.float64], at_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(places_mm - np.array(at_mm), axis=1))
