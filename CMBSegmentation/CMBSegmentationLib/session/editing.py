"""Changing which lesions there are: added, merged, split, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..review import ACCEPTED, ADDED, BELOW, MERGED, REJECTED, SPLIT, ReviewedLesion, Verdict, utc_now
from ..review.annotated import same_mask, same_reader
from ..review.edits import added, deleted, merged, regrown, split, there_already, what_differs
from ..review.following import accepted, decided
from ..scene import middle_of_views
from .chosen_review import ChosenReview
from .navigation import Navigation
from .open_review import OpenReview
from .reading import Reading

LEAST_SIGNAL_LOSS = 0.01
"""What is shown as 0 %. No more is refused: a tenth of real microbleeds lose 5 % of the brain's maximum or less
(training/README.md, mean contrast), as plain tissue does by its noise."""
FAINT_SIGNAL_LOSS = 0.15
"""Below this the reader is told: of 150 random points in the sample's brain two in three, of its ten lesions none
(0.30 to 0.59)."""


class Editing:
    """Changes of the list, each a step that can be undone.

    Parameters
    ----------
    chosen : ChosenReview
    reading : Reading
        Says who signs what is added.
    navigation : Navigation
    """

    def __init__(self, chosen: ChosenReview, reading: Reading, navigation: Navigation) -> None:
        self._chosen, self._reading, self._navigation = chosen, reading, navigation

    def add_at(self, position_ras_mm: Sequence[float] | None = None) -> ReviewedLesion:
        """Add a lesion that was missed, accepted, grown from a point.

        Where the annotation of the scan has a lesion, it is that one, by its number. Where the list's reader has
        accepted it there, its answers are taken, and its mask where the list has none; so they are for one that is
        listed and not reviewed. Where the program dropped a candidate, it is that one, accepted.

        Parameters
        ----------
        position_ras_mm : sequence of 3 float, optional
            World RAS; the middle of the slice views if not given.

        Raises
        ------
        InputError
            The point lies outside the scan or the head or on another lesion of the list, or there is nothing dark.
        """
        review = self._chosen.ready()
        position = middle_of_views(self._chosen.detection.scene) if position_ras_mm is None else position_ras_mm
        if position is None:
            raise InputError("There is no slice view to point in.", "Choose a layout with slice views.")
        flat = review.flat_index(position)
        there = next((one for one in _decidable(review) if flat in one.voxels), None)
        if there is not None and self._is_to_accept(review, there):
            return self._taken_up(review, there)
        _refuse_on(there)
        here = np.array([flat], np.int64)
        number = review.annotated.number_at(here)
        dropped = _dropped_at(review, here) if number is None else None
        if dropped is None:
            mask = self._accepted_mask(review, number)
            voxels = review.grown_at(position) if mask is None else mask
            number = _annotated_at(review, voxels) if number is None else number
            if number is not None:
                return self._added_as_annotated(review, voxels, number)
            dropped = _dropped_at(review, voxels)
        if dropped is not None:
            return self._taken_up(review, dropped)
        _refuse_nothing_dark(review, voxels)
        return self._added(review, voxels)

    def add_voxels(self, zyx: NDArray[np.integer], *, number: int | None = None) -> ReviewedLesion:
        """Add a lesion that was missed, accepted, from a mask that was made elsewhere.

        One that has a verdict of another reader than the annotation's stays as it is.

        Parameters
        ----------
        zyx : int array (n, 3)
            Voxels (z, y, x) of the scan's array.
        number : int, optional
            That it has where it was made. If it is on the list by that number, it is accepted there; one that a
            reader has added gets this mask.

        Raises
        ------
        InputError
            It lies on another lesion, is rejected on the list, or is a group of the annotation.
        """
        review = self._chosen.ready()
        said = None if number is None else review.annotated.lesions.get(number)
        if said is not None and said.grouped:
            raise InputError(f"CMB {number} is a group.", "The list holds single lesions: grow them one by one.")
        voxels = np.unique(np.ravel_multi_index(tuple(np.asarray(zyx).T), review.candidates.shape)).astype(np.int64)
        same = review.find(number)
        if same is not None and np.isin(voxels, same.voxels).any():
            return self._accepted_again(review, same, voxels)
        _refuse_on(next((one for one in _decidable(review) if np.isin(voxels, one.voxels).any()), None))
        return self._added(review, voxels, number if same is None else None)

    def merge(self, ids: Sequence[int]) -> ReviewedLesion:
        """Make one lesion of several that are parts of it; raises as `review.edits.merged`."""
        review = self._chosen.ready()
        parts = [self._chosen.lesion(number) for number in ids]
        after, lesion = merged(review.review, review.candidates, parts)
        differs = what_differs(review.review, parts)
        review.current = lesion.id
        review.do(after, f"CMB {', '.join(str(one.id) for one in parts)} merged", lesion.id)
        self._chosen.after("; ".join(filter(None, (f"CMB {lesion.id} is made of {len(parts)} lesions", differs))))
        return lesion

    def split(self, lesion_id: int | None = None) -> tuple[ReviewedLesion, ...]:
        """Part a lesion; the first part has its number."""
        review, lesion = self._chosen.ready(), self._chosen.lesion(lesion_id)
        after, parts = split(review.review, review.candidates, review.numbers, lesion)
        review.do(after, f"CMB {lesion.id} split", lesion.id)
        self._chosen.after(f"CMB {lesion.id} split into {', '.join(str(one.id) for one in parts)}")
        return parts

    def delete(self, lesion_id: int | None = None) -> ReviewedLesion:
        """Take a lesion off the list that is nothing but what readers added; what the detector found can be rejected.

        Raises
        ------
        InputError
            The detector found it, or a part of it.
        """
        review, lesion = self._chosen.ready(), self._chosen.lesion(lesion_id)
        if not lesion.is_readers_alone:
            which = {MERGED: "CMB {} holds a lesion", SPLIT: "CMB {} is part of a lesion"}.get(
                lesion.origin, "CMB {} was"
            )
            raise InputError(
                f"{which.format(lesion.id)} found by the detector: it stays on the list.",
                "Reject it, and say what it is.",
            )
        before = [one.id for one in self._navigation.lesions]
        if review.current == lesion.id:
            after = before[before.index(lesion.id) + 1 :] if lesion.id in before else []
            review.current = after[0] if after else None
        review.do(deleted(review.review, lesion), f"CMB {lesion.id} deleted", lesion.id)
        self._chosen.after(f"CMB {lesion.id} deleted")
        return lesion

    def _accepted_again(self, review: OpenReview, lesion: ReviewedLesion, voxels: NDArray[np.int64]) -> ReviewedLesion:
        """Accept a lesion of the list that was grown as a scribble, too; one that was added gets the new mask."""
        if lesion.state == REJECTED:
            raise InputError(f"CMB {lesion.id} is rejected in the list.", "Change its verdict if it is a microbleed.")
        reader = self._speaker(review, lesion.id)
        if lesion.verdict is not None and not same_reader(lesion.verdict.reader, reader):
            self._chosen.after(f"CMB {lesion.id} stays as it is on the list: {_said_by(lesion.verdict)}")
            return lesion
        if lesion.origin == ADDED:
            after, changed = regrown(review.review, review.candidates, lesion, voxels)
            how = "accepted" if np.array_equal(changed.voxels, lesion.voxels) else "changed"
            what = f"mask of CMB {lesion.id} {how}"
            said = f"{how}, {changed.lesion.diameter_mm:.1f} mm{_said_of_faint(changed)}"
        elif lesion.verdict is None:
            after, changed = review.review, replace(lesion, verdict=self._acceptance(reader))
            what, said = f"CMB {lesion.id} accepted", "accepted"
        else:
            return lesion
        review.do(accepted(after, lesion, changed, review.annotated), what, lesion.id)
        self._chosen.after(f"CMB {lesion.id} {said}")
        return review.find(lesion.id) or changed

    def _added(
        self, review: OpenReview, voxels: NDArray[np.int64], number: int | None = None, *, is_own: bool = False
    ) -> ReviewedLesion:
        """Add a lesion; ``is_own`` where the list's reader has said so, not the annotation alone."""
        verdict = self._acceptance(None if is_own else self._speaker(review, number))
        after, lesion = added(review.review, review.candidates, review.numbers, voxels, verdict, number)
        if is_own:
            after = after.with_link(lesion.id, None)
        after = accepted(after, lesion, lesion, review.annotated, is_added=not is_own)
        review.current = lesion.id
        review.do(after, f"CMB {lesion.id} added", lesion.id)
        self._chosen.after(f"CMB {lesion.id} added, {lesion.lesion.diameter_mm:.1f} mm{_said_of_faint(lesion)}")
        return review.find(lesion.id) or lesion

    def _added_as_annotated(self, review: OpenReview, voxels: NDArray[np.int64], number: int) -> ReviewedLesion:
        """Add what the annotation has by this number, on the reader's own word: it stays if the annotation goes."""
        mask = self._accepted_mask(review, number)
        voxels = voxels if mask is None else mask
        same = review.find(number)
        if same is not None and np.isin(voxels, same.voxels).any():
            if same in _decidable(review) and not self._is_to_accept(review, same):
                _refuse_on(same)
            return self._taken_up(review, same)
        _refuse_on(next((one for one in _decidable(review) if np.isin(voxels, one.voxels).any()), None))
        return self._added(review, voxels, number if same is None else None, is_own=True)

    def _taken_up(self, review: OpenReview, lesion: ReviewedLesion) -> ReviewedLesion:
        """Accept a candidate that the program dropped, or one that was not reviewed; as its reader has annotated it."""
        review.current = lesion.id
        said = review.annotated.of(lesion.id, self._reading.reader)
        if said is not None and said.accepted:
            own = replace(lesion, verdict=self._acceptance())
            after = accepted(review.review.with_link(lesion.id, None), own, own, review.annotated)
        else:
            after = decided(review.review, lesion, self._acceptance(), review.annotated)
        listed = after.find(lesion.id) or lesion
        review.do(after, f"CMB {lesion.id} {listed.state}", lesion.id)
        what = "a dropped candidate" if lesion.state == BELOW else "as annotated"
        self._chosen.after(f"CMB {lesion.id} {listed.state}, {lesion.lesion.diameter_mm:.1f} mm: {what}")
        return review.find(lesion.id) or lesion

    def _acceptance(self, reader: str | None = None) -> Verdict:
        return Verdict(ACCEPTED, "", self._reading.reader if reader is None else reader, utc_now())

    def _speaker(self, review: OpenReview, number: int | None) -> str:
        """Name who accepts a mask that was made elsewhere: whose annotation has it, else the list's reader."""
        annotated = review.annotated
        return (annotated.reader if number in annotated.lesions else "") or self._reading.reader

    def _is_to_accept(self, review: OpenReview, lesion: ReviewedLesion) -> bool:
        """Whether a lesion is not reviewed on the list, and the list's reader has accepted it in the annotation."""
        said = review.annotated.of(lesion.id, self._reading.reader)
        return lesion.verdict is None and said is not None and said.accepted

    def _accepted_mask(self, review: OpenReview, number: int | None) -> NDArray[np.int64] | None:
        """Give the mask that the annotation has of a lesion, if the list's reader has accepted it there."""
        said = review.annotated.of(number, self._reading.reader)
        return review.annotated.masks.get(number) if number is not None and said is not None and said.accepted else None


def _decidable(review: OpenReview) -> list[ReviewedLesion]:
    """List the lesions beside which no other can be added: those that count or were rejected."""
    return [one for one in review.lesions if one.counts or one.state == REJECTED]


def _dropped_at(review: OpenReview, voxels: NDArray[np.int64]) -> ReviewedLesion | None:
    """Give the dropped candidate that some voxels are the same as."""
    dropped = {one.id: one.voxels for one in review.lesions if one.state == BELOW}
    return review.find(same_mask(dropped, voxels))


def _annotated_at(review: OpenReview, voxels: NDArray[np.int64]) -> int | None:
    """Give the annotation's number of what was grown: by its mask or, where none is known, by its centre."""
    number = review.annotated.number_at(voxels)
    centres = (n for n, flat in review.numbers.reserved.items() if n not in review.annotated.masks and flat in voxels)
    return next(centres, None) if number is None else number


def _refuse_nothing_dark(review: OpenReview, voxels: NDArray[np.int64]) -> None:
    """Refuse a point in the air, and one where nothing is darker than what is around it."""
    hint = "Point at the middle of the dark spot. What is too faint for that can be scribbled."
    if not review.candidates.is_in_head(voxels):
        raise InputError(
            "That is outside the head, or at its edge: what lies around it is as dark as air.",
            "Point at a dark spot in the brain. What lies at the edge can be scribbled.",
        )
    loss = review.candidates.measured(voxels).contrast
    if loss is None:
        raise InputError("No brain tissue is around that.", hint)
    if loss < LEAST_SIGNAL_LOSS:
        raise InputError("Nothing dark is there: no signal loss against the tissue around it.", hint)


def _said_by(verdict: Verdict) -> str:
    return f"{verdict.decision} by {verdict.reader}" if verdict.reader else verdict.decision


def _said_of_faint(lesion: ReviewedLesion) -> str:
    loss = lesion.lesion.contrast
    if loss is None or round(loss, 2) >= FAINT_SIGNAL_LOSS:  # as it is told
        return ""
    percent = round(100 * loss)
    return f"; its signal loss is only {percent} %" if percent > 0 else "; it is no darker than what is around it"


def _refuse_on(lesion: ReviewedLesion | None) -> None:
    if lesion is not None:
        raise there_already(lesion)
