"""What a reader does to a list of lesions: functions from a review to the next one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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

MERGED_WITHIN_MM = 5.0
"""Most that lies between two parts of one microbleed that the detector outlined in pieces: a thick slice of a T2* scan
that it left out, or half the largest microbleed, which is 10 mm across."""


def with_place(review: Review, lesion: ReviewedLesion, region: str, side: str) -> Review:
    """Say in which region, on which side a lesion lies; without a verdict it still follows the threshold.

    What of the two is as it was shown is not said by it: only what was said before stays said.
    """
    said, shown = review.places.get(lesion.id, (None, None)), (lesion.lesion.region, lesion.lesion.side)
    region_said = said[0] if region == shown[0] else region
    side_said = said[1] if side == shown[1] else side
    review = review.with_place(lesion.id, region_said, side_said)
    return review.with_lesion(lesion.at_place(region, side)) if lesion.is_fixed else review


def is_placed_by_reader(review: Review, candidates: CandidateField, lesion: ReviewedLesion) -> bool:
    """Whether a reader has given a lesion, on the list or in the annotation, another place than the program's."""
    if lesion.id not in review.places and lesion.id not in review.links:
        return False
    own = next((one.lesion for one in candidates.candidates.every if one.peak == lesion.peak), None)
    if own is None:
        unplaced = replace(lesion.lesion, region="", side="")
        own = unplaced if candidates.placed is None else candidates.placed(unplaced)
    return (lesion.lesion.region, lesion.lesion.side) != (own.region, own.side)


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
    """Make one lesion of several, with the smallest number and with what readers said of them that does not differ.

    Raises
    ------
    InputError
        Fewer than two are given, or they are not parts of one lesion: more than `MERGED_WITHIN_MM` lies between them.
    """
    if len(parts) < 2:
        raise InputError("Merging needs two lesions or more.", "Choose their rows in the list first.")
    _refuse_apart(candidates, parts)
    number = min(one.id for one in parts)
    voxels = np.unique(np.concatenate([one.voxels for one in parts]))
    lesion = _put_together(review, candidates, number, voxels, MERGED, _common_verdict(parts))
    lesion = replace(lesion, of_added=all(one.is_readers_alone for one in parts))
    region, side = _said_places(review, parts)
    own = lesion.lesion
    lesion = lesion.at_place(
        _common(region) or own.region or _common(one.lesion.region for one in parts),
        _common(side) or own.side or _common(one.lesion.side for one in parts),
    )
    ids = [one.id for one in parts]
    after = review.without_places(*ids).without(*ids).with_lesion(lesion)
    if _common(region) or _common(side):
        after = after.with_place(number, _common(region) or None, _common(side) or None)
    return after, lesion


def what_differs(review: Review, parts: Sequence[ReviewedLesion]) -> str:
    """Say in which of their verdicts, mimics, causes and places lesions differ that are to be merged; empty if none."""
    said = [one for one in parts if one.verdict is not None]
    verdicts = [one.verdict for one in said if one.verdict is not None]
    regions, sides = _said_places(review, parts)
    told = {"regions given to them": regions, "sides given to them": sides}
    if len({one.decision for one in verdicts}) > 1:
        words = ", ".join(f"CMB {one.id} {one.state}" for one in said)
        differ = [f"their verdicts differ ({words}), so it is not reviewed yet"]
    elif len({one.reader for one in verdicts}) > 1:
        words = ", ".join(f"CMB {one.id}: {one.verdict.reader or 'nobody named'}" for one in said if one.verdict)
        differ = [f"their verdicts are of several readers ({words}), so it is not reviewed yet"]
    else:
        differ = []
        told |= {"mimics": [one.mimic for one in verdicts], "causes": [one.cause for one in verdicts]}
    values = {what: sorted({one for one in each if one}) for what, each in told.items()}
    differ += [f"the {what} differ ({', '.join(each)})" for what, each in values.items() if len(each) > 1]
    return "; ".join(differ)


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
        part = replace(part, of_added=lesion.is_readers_alone)
        parts.append(part.at_place(lesion.lesion.region, lesion.lesion.side))
        review = review.with_lesion(parts[-1])
        if lesion.id in review.places:  # said of all of it
            review = review.with_place(number, *review.places[lesion.id])
    return review, tuple(parts)


def deleted(review: Review, lesion: ReviewedLesion) -> Review:
    """Forget a lesion of which a reader added all; a candidate of the detector's that lay under it is listed again."""
    return review.without_places(lesion.id).without(lesion.id)


def _common_verdict(parts: Sequence[ReviewedLesion]) -> Verdict | None:
    """Give what all verdicts on the parts say, as of the last one; None if there is none, or they differ.

    Verdicts of several readers differ, too: none of them has seen the whole.
    """
    verdicts = [one.verdict for one in parts if one.verdict is not None]
    if len({(one.decision, one.reader) for one in verdicts}) != 1:
        return None
    last = max(verdicts, key=lambda one: one.time)
    return replace(last, mimic=_common(one.mimic for one in verdicts), cause=_common(one.cause for one in verdicts))


def _said_places(review: Review, parts: Sequence[ReviewedLesion]) -> tuple[list[str], list[str]]:
    """Give the regions and the sides that a reader gave to the parts."""
    places = [review.places[one.id] for one in parts if one.id in review.places]
    return [region for region, _ in places if region is not None], [side for _, side in places if side is not None]


def _common(said: Iterable[str]) -> str:
    """Give the one value that was said; empty where none was, or where they differ."""
    values = {one for one in said if one}
    return values.pop() if len(values) == 1 else ""


def _refuse_apart(candidates: CandidateField, parts: Sequence[ReviewedLesion]) -> None:
    """Refuse lesions of which one is farther than `MERGED_WITHIN_MM` from all that hang together with the first."""
    trees = {one.id: scipy.spatial.KDTree(_corners_mm(candidates, one.voxels)) for one in parts}
    together, rest = [parts[0].id], [one.id for one in parts[1:]]
    while rest:
        gaps = {(a, b): float(trees[a].query(trees[b].data)[0].min()) for a in together for b in rest}
        (a, b), gap_mm = min(gaps.items(), key=lambda item: item[1])
        if gap_mm > MERGED_WITHIN_MM:
            a, b = sorted((a, b))
            raise InputError(
                f"CMB {a} and CMB {b} are {gap_mm:.1f} mm apart: they are not parts of one lesion.",
                f"Merge only what is at most {MERGED_WITHIN_MM:g} mm apart, and decide on each of the others.",
            )
        together.append(b)
        rest.remove(b)


def _corners_mm(candidates: CandidateField, voxels: Flat) -> NDArray[np.float64]:
    """Give the corners of voxels: between two sets of these is the tissue between two lesions, in thick slices, too."""
    zyx = np.column_stack(np.unravel_index(voxels, candidates.shape))
    corners = np.unique((zyx[:, None] + np.indices((2, 2, 2)).reshape(3, -1).T).reshape(-1, 3), axis=0)
    return corners * np.array(candidates.probability.GetSpacing()[::-1])


def _free(review: Review, voxels: Flat) -> Flat:
    """Give the voxels that no fixed lesion has."""
    others = [one for one in review.fixed if not one.deleted]
    own = np.setdiff1d(voxels, np.concatenate([one.voxels for one in others])) if others else np.unique(voxels)
    if not len(own):
        raise there_already(*(one for one in others if np.isin(voxels, one.voxels).any()))
    return own


def there_already(*lesions: ReviewedLesion) -> InputError:
    """Word that a place is a lesion's, or several lesions', on the list."""
    names = " and ".join(f"CMB {one.id}" for one in lesions)
    return InputError(f"That is {names}.", "Choose it in the list to decide on it.")


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
