"""What a reader does to a list of lesions: functions from a review to the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import NDArray

from ..detecting.candidates.grid import Flat
from ..detecting.lesions import CANDIDATE_PROBABILITY
from ..errors import InputError
from ..vocabulary.verdicts import KEPT, Verdict
from .candidates import CandidateField
from .lesion_list import ADDED, MERGED, SPLIT, Numbering, Review, ReviewedLesion


def with_place(review: Review, lesion: ReviewedLesion, region: str, side: str) -> Review:
    """Say in which region, on which side a lesion lies; without a verdict it still follows the threshold."""
    review = review.with_place(lesion.id, region, side)
    return review.with_lesion(lesion.at_place(region, side)) if lesion.is_fixed else review


def added(
    review: Review,
    candidates: CandidateField,
    numbers: Numbering,
    voxels: Flat,
    verdict: Verdict,
    number: int | None = None,
) -> tuple[Review, ReviewedLesion]:
    """Add a lesion that was missed.

    Parameters
    ----------
    voxels : int64 array
        Flat indices; those that another fixed lesion has stay with it.
    number : int, optional
        That was reserved for it; a new one if not given.

    Raises
    ------
    InputError
        Every voxel belongs to a lesion that is on the list.
    """
    own = _free(review, voxels)
    given = numbers.new() if number is None else numbers.take(number)
    lesion = _put_together(review, candidates, given, own, ADDED, verdict)
    return review.with_lesion(lesion), lesion


def regrown(
    review: Review, candidates: CandidateField, lesion: ReviewedLesion, voxels: Flat
) -> tuple[Review, ReviewedLesion]:
    """Give a lesion that a reader added another extent; number, verdict and place stay. Raises as `added`."""
    rest = review.without(lesion.id)
    changed = _put_together(review, candidates, lesion.id, _free(rest, voxels), ADDED, lesion.verdict)
    changed = changed.at_place(lesion.lesion.region, lesion.lesion.side)
    return rest.with_lesion(changed), changed


def merged(
    review: Review, candidates: CandidateField, parts: Sequence[ReviewedLesion]
) -> tuple[Review, ReviewedLesion]:
    """Make one lesion of several; it has the first one's number and verdict.

    Raises
    ------
    InputError
        Fewer than two are given.
    """
    if len(parts) < 2:
        raise InputError("Merging needs two lesions or more.", "Choose them in the list with Ctrl held down.")
    first = min(parts, key=lambda one: one.id)
    voxels = np.unique(np.concatenate([one.voxels for one in parts]))
    verdict = next((one.verdict for one in (first, *parts) if one.verdict is not None), None)
    lesion = _put_together(review, candidates, first.id, voxels, MERGED, verdict)
    if first.lesion.region or first.lesion.side:
        lesion = lesion.at_place(first.lesion.region, first.lesion.side)
    return review.without(*(one.id for one in parts)).with_lesion(lesion), lesion


def split(
    review: Review, candidates: CandidateField, numbers: Numbering, lesion: ReviewedLesion
) -> tuple[Review, tuple[ReviewedLesion, ...]]:
    """Part a lesion: where its probability falls apart, else across its longest extent.

    Raises
    ------
    InputError
        It has one voxel.
    """
    if len(lesion.voxels) < 2:
        raise InputError(f"CMB {lesion.id} is a single voxel.", "It cannot be split.")
    groups = _where_it_parts(candidates, lesion) or _halves(candidates, lesion)
    ids = [lesion.id, *(numbers.new() for _ in groups[1:])]
    parts = []
    for number, voxels in zip(ids, groups, strict=True):
        part = _put_together(review, candidates, number, voxels, SPLIT, lesion.verdict)
        parts.append(part.at_place(lesion.lesion.region, lesion.lesion.side))
        review = review.with_lesion(parts[-1])
    return review, tuple(parts)


def deleted(review: Review, lesion: ReviewedLesion) -> Review:
    """Forget a lesion that a reader added; a candidate of the detector's that lay under it is listed again."""
    return review.without(lesion.id)


def _free(review: Review, voxels: Flat) -> Flat:
    """Give the voxels that no fixed lesion has."""
    others = [one.voxels for one in review.fixed if not one.deleted]
    own = np.setdiff1d(voxels, np.concatenate(others)) if others else np.unique(voxels)
    if not len(own):
        raise InputError("There is a lesion already.", "Choose it in the list to decide on it.")
    return own


def _put_together(
    review: Review, candidates: CandidateField, number: int, voxels: Flat, origin: str, verdict: Verdict | None
) -> ReviewedLesion:
    lesion = replace(candidates.measured(voxels), id=number, status=KEPT)
    return ReviewedLesion(number, voxels, lesion, -1, origin, verdict)


def _where_it_parts(candidates: CandidateField, lesion: ReviewedLesion) -> list[Flat]:
    """Part at the lowest level at which it falls apart, each voxel to the nearest piece; empty if it does not."""
    zyx = np.column_stack(np.unravel_index(lesion.voxels, candidates.shape))
    low = zyx.min(axis=0)
    box = np.zeros(zyx.max(axis=0) - low + 1, np.float32)
    box[tuple((zyx - low).T)] = candidates.probabilities(lesion.voxels)
    for level in np.arange(CANDIDATE_PROBABILITY, box.max(), 0.01):
        pieces, count = scipy.ndimage.label(box >= level, np.ones((3, 3, 3)))
        if count > 1:
            spacing = np.array(candidates.probability.GetSpacing()[::-1])
            centres = np.array(scipy.ndimage.center_of_mass(pieces > 0, pieces, range(1, count + 1)))
            nearest = np.linalg.norm(((zyx - low)[:, None] - centres) * spacing, axis=2).argmin(axis=1)
            return [lesion.voxels[nearest == n] for n in range(count) if (nearest == n).any()]
    return []


def _halves(candidates: CandidateField, lesion: ReviewedLesion) -> list[Flat]:
    places = _places_mm(candidates, lesion.voxels)
    offsets = places - places.mean(axis=0)
    along = offsets @ np.linalg.svd(offsets, full_matrices=False)[2][0]
    order = np.argsort(along, kind="stable")
    half = len(order) // 2
    return [np.sort(lesion.voxels[order[:half]]), np.sort(lesion.voxels[order[half:]])]


def _places_mm(candidates: CandidateField, voxels: Flat) -> NDArray[np.float64]:
    zyx = np.column_stack(np.unravel_index(voxels, candidates.shape))
    return zyx * np.array(candidates.probability.GetSpacing()[::-1])
