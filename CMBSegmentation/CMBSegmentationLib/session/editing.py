"""Changing which lesions there are: added, merged, split, deleted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..review import (
    ACCEPTED,
    ADDED,
    MERGED,
    REJECTED,
    SPLIT,
    AnnotatedLesion,
    ReviewedLesion,
    Verdict,
    as_annotated,
    utc_now,
)
from ..review.edits import added, deleted, merged, regrown, split
from ..scene import middle_of_views
from .chosen_review import ChosenReview
from .deciding import Deciding
from .navigation import Navigation
from .open_review import OpenReview
from .reading import Reading


class Editing:
    """Changes of the list, each a step that can be undone.

    Parameters
    ----------
    chosen : ChosenReview
    reading : Reading
        Says who signs what is added.
    navigation : Navigation
    deciding : Deciding
    """

    def __init__(self, chosen: ChosenReview, reading: Reading, navigation: Navigation, deciding: Deciding) -> None:
        self._chosen, self._reading, self._navigation, self._deciding = chosen, reading, navigation, deciding

    def add_at(self, position_ras_mm: Sequence[float] | None = None) -> ReviewedLesion:
        """Add a lesion that was missed, accepted, grown from a point.

        Parameters
        ----------
        position_ras_mm : sequence of 3 float, optional
            World RAS; the middle of the slice views if not given.
        """
        review = self._chosen.ready()
        position = middle_of_views(self._chosen.detection.scene) if position_ras_mm is None else position_ras_mm
        if position is None:
            raise InputError("There is no slice view to point in.", "Choose a layout with slice views.")
        flat = review.flat_index(position)
        _refuse_on(next((one for one in _decidable(review) if flat in one.voxels), None))
        return self._added(review, review.grown_at(position))

    def add_voxels(self, zyx: NDArray[np.integer], *, number: int | None = None) -> ReviewedLesion:
        """Add a lesion that was missed, accepted, from a mask that was made elsewhere.

        Parameters
        ----------
        zyx : int array (n, 3)
            Voxels (z, y, x) of the scan's array.
        number : int, optional
            That it has where it was made. If it is on the list by that number, it is accepted there; one that a
            reader has added gets this mask.
        """
        review = self._chosen.ready()
        voxels = np.unique(np.ravel_multi_index(tuple(np.asarray(zyx).T), review.candidates.shape)).astype(np.int64)
        same = review.find(number)
        if same is not None and np.isin(voxels, same.voxels).any():
            return self._accepted_again(review, same, voxels)
        _refuse_on(next((one for one in _decidable(review) if np.isin(voxels, one.voxels).any()), None))
        return self._added(review, voxels, number if same is None else None)

    def merge(self, ids: Sequence[int]) -> ReviewedLesion:
        """Make one lesion of several; it has the smallest number."""
        review = self._chosen.ready()
        parts = [self._chosen.lesion(number) for number in ids]
        after, lesion = merged(review.review, review.candidates, parts)
        review.current = lesion.id
        review.do(after, f"CMB {', '.join(str(one.id) for one in parts)} merged", lesion.id)
        self._chosen.after(f"CMB {lesion.id} is made of {len(parts)} lesions")
        return lesion

    def split(self, lesion_id: int | None = None) -> tuple[ReviewedLesion, ...]:
        """Part a lesion; the first part has its number."""
        review, lesion = self._chosen.ready(), self._chosen.lesion(lesion_id)
        after, parts = split(review.review, review.candidates, review.numbers, lesion)
        review.do(after, f"CMB {lesion.id} split", lesion.id)
        self._chosen.after(f"CMB {lesion.id} split into {', '.join(str(one.id) for one in parts)}")
        return parts

    def delete(self, lesion_id: int | None = None) -> ReviewedLesion:
        """Take a lesion off the list that a reader has added; what the detector found stays, with a verdict."""
        review, lesion = self._chosen.ready(), self._chosen.lesion(lesion_id)
        if lesion.origin != ADDED:
            how = {MERGED: "merged", SPLIT: "split"}.get(lesion.origin, "found by the detector")
            raise InputError(f"CMB {lesion.id} was {how}: it stays on the list.", "Reject it, and say what it is.")
        before = [one.id for one in self._navigation.lesions]
        if review.current == lesion.id:
            after = before[before.index(lesion.id) + 1 :] if lesion.id in before else []
            review.current = after[0] if after else None
        review.do(deleted(review.review, lesion), f"CMB {lesion.id} deleted", lesion.id)
        self._chosen.after(f"CMB {lesion.id} deleted")
        return lesion

    def follow_annotation(self) -> None:
        """Give lesions that count the place and the cause that their annotation has named meanwhile."""
        review = self._chosen.review
        if review is None or not review.is_there:
            return
        for number, before in review.newly_annotated().items():
            review.learn_annotated()
            lesion = review.find(number)
            if lesion is not None:
                self._take_annotated(review, lesion, before)

    def _accepted_again(self, review: OpenReview, lesion: ReviewedLesion, voxels: NDArray[np.int64]) -> ReviewedLesion:
        """Accept a lesion of the list that was grown as a scribble, too; one that was added gets the new mask."""
        if lesion.state == REJECTED:
            raise InputError(f"CMB {lesion.id} is rejected in the list.", "Change its verdict if it is a microbleed.")
        if lesion.origin == ADDED:
            after, changed = regrown(review.review, review.candidates, lesion, voxels)
            after = as_annotated(after, changed, review.annotated.lesions.get(lesion.id))
            review.do(after, f"mask of CMB {lesion.id} changed", lesion.id)
            self._chosen.after(f"CMB {lesion.id} changed, {changed.lesion.diameter_mm:.1f} mm")
            return review.find(lesion.id) or changed
        if lesion.verdict is None:
            self._deciding.decide(ACCEPTED, lesion_id=lesion.id, advance=False)
        else:
            self._take_annotated(review, lesion, None)
        return review.find(lesion.id) or lesion

    def _take_annotated(self, review: OpenReview, lesion: ReviewedLesion, before: AnnotatedLesion | None) -> None:
        """Give a lesion the place and the cause that its annotation names, if it has others."""
        after = as_annotated(review.review, lesion, review.annotated.lesions.get(lesion.id), before)
        changed = after.find(lesion.id)
        if changed is not None and changed.as_lesion() != lesion.as_lesion():
            review.do(after, f"place and cause of CMB {lesion.id} as annotated", lesion.id)
            self._chosen.after(f"CMB {lesion.id}: place and cause as annotated")

    def _added(self, review: OpenReview, voxels: NDArray[np.int64], number: int | None = None) -> ReviewedLesion:
        verdict = Verdict(ACCEPTED, "", self._reading.reader, utc_now())
        after, lesion = added(review.review, review.candidates, review.numbers, voxels, verdict, number)
        after = as_annotated(after, lesion, review.annotated.lesions.get(lesion.id))
        review.current = lesion.id
        review.do(after, f"CMB {lesion.id} added", lesion.id)
        self._chosen.after(f"CMB {lesion.id} added, {lesion.lesion.diameter_mm:.1f} mm")
        return review.find(lesion.id) or lesion


def _decidable(review: OpenReview) -> list[ReviewedLesion]:
    """List the lesions beside which no other can be added: those that count or were rejected."""
    return [one for one in review.lesions if one.counts or one.state == REJECTED]


def _refuse_on(lesion: ReviewedLesion | None) -> None:
    if lesion is not None:
        raise InputError(f"That is CMB {lesion.id}.", "Choose it in the list to decide on it.")
