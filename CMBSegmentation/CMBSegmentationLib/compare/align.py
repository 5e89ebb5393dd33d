"""Two scans of one patient: brought together, and each lesion called by what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..detecting.lesions import Lesion, listed
from ..errors import InputError
from ..vocabulary.reasons import Rule
from ..vocabulary.verdicts import REJECTED
from .match import MATCH_MM, match_centres
from .signal_at import signal_loss_at

STABLE, NEW, GONE, NOT_SEEN = "stable", "new", "gone", "not seen"
THERE_BEFORE, STILL_THERE = "there before, not detected", "still there, not detected"
STATUSES = (NEW, GONE, STABLE, THERE_BEFORE, STILL_THERE, NOT_SEEN)
VISIBLE_LOSS, VISIBLE_SHARE = 0.15, 0.4
"""A spot is plainly visible in a scan from this signal loss on, and from this share of its loss in the scan where it
was detected. In the bundled sample scan eight of the ten lesions reach the former, and 4 of 739 random places in its
brain do; in a copy that was moved, resampled to 1 x 1 x 2 mm and given noise, seven of the ten lesions reach both."""
SOMETHING_ELSE = (Rule.OUTSIDE_BRAIN, Rule.OUTSIDE_TISSUE, Rule.CALCIUM)
"""What the program drops for these reasons is no microbleed, however dark it is."""
FINEST_MM = 1.0  # finer voxels are averaged: the movement is found to a tenth of that all the same
SAMPLES = 20_000  # of the brain's voxels at each level, drawn anew with the same seed each time
SEED = 1
SHRINK, SMOOTH_MM = (4, 2, 1), (4.0, 2.0, 0.0)
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Visit:
    """What is known of one scan.

    Attributes
    ----------
    image : SimpleITK.Image
    brain : SimpleITK.Image
        Mask on the same grid.
    lesions : sequence of Lesion
        All of them, as in `Detection.lesions`.
    """

    image: sitk.Image
    brain: sitk.Image
    lesions: Sequence[Lesion]


@dataclass(frozen=True)
class Change:
    """One lesion in both visits.

    Attributes
    ----------
    status : str
        One of `STATUSES`.
    first, second : Lesion or None
        As it was found in each visit.
    why : str
        For a lesion that was not detected or not seen in one of them: the reason.
    """

    status: str
    first: Lesion | None
    second: Lesion | None
    why: str = ""


def register(first: Visit, second: Visit) -> sitk.Transform:
    """Find the rigid movement between two visits by mutual information.

    Parameters
    ----------
    first, second : Visit
        Any voxel sizes and directions; T2* and SWI may be mixed.

    Returns
    -------
    SimpleITK.Transform
        Takes a point of the first visit to the second, LPS mm.

    Raises
    ------
    InputError
        The scans have nothing in common to be aligned by.

    References
    ----------
    Mattes et al., IEEE Transactions on Medical Imaging 22:120, 2003.
    """
    fixed, moving = (_coarse(visit.image) for visit in (first, second))
    fixed_brain, moving_brain = (_coarse(visit.brain > 0) for visit in (first, second))
    start = sitk.CenteredTransformInitializer(
        fixed_brain,
        moving_brain,
        sitk.Euler3DTransform(),
        sitk.CenteredTransformInitializerFilter.MOMENTS,
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    inside = fixed_brain > 0.5
    method.SetMetricFixedMask(inside)
    method.SetMetricSamplingStrategy(method.RANDOM)
    voxels = int(np.count_nonzero(sitk.GetArrayViewFromImage(inside))) or 1
    method.SetMetricSamplingPercentagePerLevel([min(1.0, SAMPLES * n**3 / voxels) for n in SHRINK], SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 200, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(SHRINK)
    method.SetSmoothingSigmasPerLevel(SMOOTH_MM)
    method.SetInitialTransform(start, inPlace=False)
    try:
        return method.Execute(fixed, moving)
    except RuntimeError as error:
        raise InputError("The two scans cannot be aligned.", "Check that both show the same patient's head.") from error


def _coarse(image: sitk.Image) -> sitk.Image:
    factors = [max(1, int(FINEST_MM / spacing)) for spacing in image.GetSpacing()]
    return sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), factors)


def compare(first: Visit, second: Visit, transform: sitk.Transform | None = None) -> list[Change]:
    """Call each listed lesion of either visit by what became of it, one of `STATUSES`.

    A lesion without a partner is not seen where the other scan does not show its place, or has a candidate there that a
    reader rejected or the program takes for something else. Where its spot is plainly visible there, it was there,
    also where the program dropped it for its score or size. Where such a candidate is no plain spot, it is not seen;
    where nothing is there, new or gone.

    Parameters
    ----------
    first, second : Visit
        In the order of time.
    transform : SimpleITK.Transform, optional
        As `register` gives it; found if it is not given.

    Returns
    -------
    list of Change
        Those of the first visit by their ids, then the rest of the second by theirs.
    """
    forth = transform or register(first, second)
    back = forth.GetInverse()
    before, after = listed(first.lesions), listed(second.lesions)
    moved = [back.TransformPoint(_lps(lesion)) for lesion in after]
    partners = dict(match_centres([_lps(lesion) for lesion in before], moved))
    changes = []
    for row, lesion in enumerate(before):
        if row in partners:
            changes.append(Change(STABLE, lesion, after[partners[row]]))
            continue
        status, why = _unmatched(lesion, first, forth.TransformPoint(_lps(lesion)), second, (GONE, STILL_THERE))
        changes.append(Change(status, lesion, None, why and f"second scan: {why}"))
    for row, lesion in enumerate(after):
        if row not in partners.values():
            status, why = _unmatched(lesion, second, moved[row], first, (NEW, THERE_BEFORE))
            changes.append(Change(status, None, lesion, why and f"first scan: {why}"))
    return changes


def _unmatched(
    lesion: Lesion, visit: Visit, point: Point, other: Visit, absent_or_visible: tuple[str, str]
) -> tuple[str, str]:
    """Say what became of a lesion that the other visit does not list at its point there, and why."""
    if why := _not_shown(point, other):
        return NOT_SEEN, why
    candidate = _off_the_list(point, other)
    why = "" if candidate is None else _why_off_the_list(candidate)
    if candidate is not None and _is_something_else(candidate):
        return NOT_SEEN, why
    absent, visible = absent_or_visible
    there = signal_loss_at(other.image, point, lesion.diameter_mm)
    here = signal_loss_at(visit.image, _lps(lesion), lesion.diameter_mm) or 0.0
    if there is None or there < max(VISIBLE_LOSS, VISIBLE_SHARE * here):
        return (NOT_SEEN, why) if why else (absent, "")
    spot = f"a dark spot is there, {100 * there:.0f} % darker than what is around it (the lesion: {100 * here:.0f} %)"
    return visible, f"{spot}; {why}" if why else spot


def _not_shown(point: Point, visit: Visit) -> str:
    """Say why a scan does not show a place; empty if it does."""
    index = visit.brain.TransformPhysicalPointToIndex(point)
    inside = all(0 <= i < n for i, n in zip(index, visit.brain.GetSize(), strict=True))
    if not inside:
        return "its place is outside the scan"
    return "" if _near_brain(visit.brain, index) else "its place is outside the brain"


def _off_the_list(point: Point, visit: Visit) -> Lesion | None:
    """Find the candidate at a point that was dropped or rejected."""
    off = [lesion for lesion in visit.lesions if lesion.why_not_listed]
    near = match_centres([point], [_lps(lesion) for lesion in off], MATCH_MM)
    return off[near[0][1]] if near else None


def _is_something_else(lesion: Lesion) -> bool:
    """Whether a reader, or the program by more than its score and size, says that it is no microbleed."""
    return lesion.decision == REJECTED or (lesion.reason is not None and lesion.reason.rule in SOMETHING_ELSE)


def _why_off_the_list(lesion: Lesion) -> str:
    if lesion.decision == REJECTED:
        what = f": {lesion.mimic}" if lesion.mimic else ""
        return f"a candidate there was rejected by {lesion.reader or 'a reader'}{what}"
    return f"a candidate there was dropped by the program ({lesion.dropped_because})"


def _near_brain(brain: sitk.Image, index: tuple[int, ...]) -> bool:
    """Tell whether brain lies within `MATCH_MM` along the axes, for a map of the tissue has sulci and an edge."""
    reach = [int(MATCH_MM / spacing) for spacing in brain.GetSpacing()]
    box = tuple(slice(max(0, i - r), min(n, i + r + 1)) for i, r, n in zip(index, reach, brain.GetSize(), strict=True))
    return bool(sitk.GetArrayViewFromImage(brain)[box[::-1]].any())


def _lps(lesion: Lesion) -> Point:
    return (-lesion.r_mm, -lesion.a_mm, lesion.s_mm)
