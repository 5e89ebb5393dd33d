"""The list that a reader works through: candidates at the present threshold, and what was decided on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..detecting.candidates.grid import Flat
from ..detecting.candidates.listing import Candidate
from ..detecting.lesions import ADDED_ONE, DETECTED_ONE, Lesion
from ..vocabulary.verdicts import BELOW, KEPT, REJECTED, UNREVIEWED, Verdict
from .annotated import AnnotatedLesion
from .candidates import CandidateField

DETECTED, ADDED, MERGED, SPLIT = DETECTED_ONE, ADDED_ONE, "merged", "split"
ORIGINS = (DETECTED, ADDED, MERGED, SPLIT)

Place = tuple[str | None, str | None]
"""Region and side as far as a reader has given them; empty is an answer, too: none."""


@dataclass(frozen=True, eq=False)
class ReviewedLesion:
    """One lesion of the list.

    Attributes
    ----------
    id : int
        Stays the same at every threshold, and is never given again.
    voxels : int64 array
        Flat indices in the scan's array (z, y, x), ascending.
    lesion : Lesion
        Measurements and the detector's own judgement.
    peak : int
        As `Candidate.peak`; -1 of what a reader has put together.
    origin : str
        One of `ORIGINS`.
    verdict : Verdict or None
    deleted : bool
        Taken off the list by a reader, in a review that version 0.1.0 began: no threshold brings it back.
    of_added : bool
        Merged or split of nothing but what a reader added.
    """

    id: int
    voxels: Flat
    lesion: Lesion
    peak: int = -1
    origin: str = DETECTED
    verdict: Verdict | None = None
    deleted: bool = False
    of_added: bool = False

    @property
    def is_readers_alone(self) -> bool:
        """Whether no part of it is the detector's: a reader added all of it, and may delete it."""
        return self.origin == ADDED or self.of_added

    @property
    def state(self) -> str:
        """Its decision, or `UNREVIEWED` or `BELOW` where there is none: what its colour shows."""
        if self.verdict is not None:
            return self.verdict.decision
        return UNREVIEWED if self.lesion.status == KEPT else BELOW

    @property
    def counts(self) -> bool:
        """Whether it may be a microbleed as far as is known: not rejected, not dropped."""
        return self.state not in (REJECTED, BELOW)

    @property
    def is_fixed(self) -> bool:
        """Whether a reader has had a hand in it, so that no threshold changes it."""
        return self.verdict is not None or self.deleted or self.origin != DETECTED

    def as_lesion(self) -> Lesion:
        """Give it as files, tables and counts have it: numbered, with what the reader said and how it was listed."""
        lesion = replace(self.lesion, id=self.id, origin=self.origin).without_others_scores()
        if self.verdict is None:
            return lesion
        said = self.verdict
        lesion = replace(lesion, decision=said.decision, mimic=said.mimic, cause=said.cause)
        return replace(lesion, reader=said.reader, decided_at=said.time)

    def at_place(self, region: str | None, side: str | None) -> ReviewedLesion:
        """Give it with another region and side; None leaves what it has."""
        own = self.lesion
        region, side = own.region if region is None else region, own.side if side is None else side
        return replace(self, lesion=replace(own, region=region, side=side))

    def with_phase(self, phase: str) -> ReviewedLesion:
        """Give it with what a phase image says of it."""
        return self if phase == self.lesion.phase else replace(self, lesion=replace(self.lesion, phase=phase))


@dataclass(frozen=True, eq=False)
class Link:
    """What ties a lesion of the list to the annotation's lesion of the same number.

    Attributes
    ----------
    own : ReviewedLesion
        As the list has it without the annotation.
    said : AnnotatedLesion
        As the list has taken it over.
    reader : str
        Of the annotation.
    is_added : bool
        Whether it is on the list because of the annotation alone.
    withdrawn : ReviewedLesion or None
        As the list had it until the annotation was taken back.
    """

    own: ReviewedLesion
    said: AnnotatedLesion
    reader: str
    is_added: bool = False
    withdrawn: ReviewedLesion | None = None


@dataclass(frozen=True, eq=False)
class Review:
    """What readers have decided on a scan; everything else follows from the probability and the threshold.

    Attributes
    ----------
    threshold : float
    fixed : tuple of ReviewedLesion
        By id: decided, added, merged, split or deleted.
    places : mapping
        Region and side by id, of lesions whose place a reader has given on the list; None for the one that was not
        given: it is the program's, or the annotation's.
    links : mapping
        `Link` by id, of lesions that follow the annotation of the scan.
    """

    threshold: float
    fixed: tuple[ReviewedLesion, ...] = ()
    places: Mapping[int, Place] = field(default_factory=dict)
    links: Mapping[int, Link] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether no reader has done anything yet."""
        return not self.fixed and not self.places

    def find(self, lesion_id: int) -> ReviewedLesion | None:
        """Find a fixed lesion."""
        return next((one for one in self.fixed if one.id == lesion_id), None)

    def with_lesion(self, lesion: ReviewedLesion) -> Review:
        """Set a lesion; one without verdict that is as it was detected is left to the threshold again."""
        others = [one for one in self.fixed if one.id != lesion.id]
        kept = [*others, lesion] if lesion.is_fixed else others
        return replace(self, fixed=tuple(sorted(kept, key=lambda one: one.id)))

    def with_place(self, lesion_id: int, region: str | None, side: str | None) -> Review:
        """Remember what a reader has said of where a lesion lies."""
        return replace(self, places={**self.places, lesion_id: (region, side)})

    def with_link(self, lesion_id: int, link: Link | None) -> Review:
        """Tie a lesion to the annotation; None lets it go."""
        others = {number: one for number, one in self.links.items() if number != lesion_id}
        return replace(self, links=others if link is None else {**others, lesion_id: link})

    def without(self, *ids: int) -> Review:
        """Forget lesions."""
        return replace(self, fixed=tuple(one for one in self.fixed if one.id not in ids))

    def without_places(self, *ids: int) -> Review:
        """Forget which places a reader gave to lesions."""
        return replace(self, places={number: place for number, place in self.places.items() if number not in ids})


@dataclass
class Numbering:
    """Which number each candidate has; a number once given stays.

    Attributes
    ----------
    by_peak : dict
        Number by the flat index of a candidate's most probable voxel.
    last : int
        The highest that was given.
    reserved : mapping
        Flat index of a voxel by number, of lesions that a scribble has: a candidate that lies there is the same one.
    """

    by_peak: dict[int, int] = field(default_factory=dict)
    last: int = 0
    reserved: Mapping[int, int] = field(default_factory=dict)

    def of(self, candidate: Candidate) -> int:
        """Give the number of a candidate."""
        if candidate.peak not in self.by_peak:
            given = set(self.by_peak.values())
            there = (n for n, voxel in self.reserved.items() if n not in given and voxel in candidate.voxels)
            self.by_peak[candidate.peak] = next(there, None) or self.new()
        return self.by_peak[candidate.peak]

    def new(self) -> int:
        """Give a number that nothing has."""
        taken = {*self.reserved, *self.by_peak.values()}
        self.last += 1
        while self.last in taken:
            self.last += 1
        return self.last

    def take(self, number: int) -> int:
        """Give a number that was reserved; another one if a candidate has it."""
        if number in self.by_peak.values():
            return self.new()
        self.last = max(self.last, number)
        return number


def listed(candidates: CandidateField, review: Review, numbers: Numbering) -> tuple[ReviewedLesion, ...]:
    """List what is there at the review's threshold, with what was decided.

    A fixed lesion stays as it is; a candidate that overlaps it is not listed beside it. Only what phase says of it is
    always that of the present search, as of every other lesion of the list: see `candidates_under`.

    Parameters
    ----------
    candidates : CandidateField
    review : Review
    numbers : Numbering
        Takes in candidates that were not listed before.

    Returns
    -------
    tuple of ReviewedLesion
        By id; deleted ones left out.
    """
    free = [ReviewedLesion(numbers.of(one), one.voxels, one.lesion, one.peak) for one in _beside(candidates, review)]
    free = [one.at_place(*review.places[one.id]) if one.id in review.places else one for one in free]
    taken = {one.id for one in review.fixed}
    under = candidates_under(candidates, review.fixed)
    fixed = [one.with_phase(under[one.id].lesion.phase if one.id in under else "") for one in review.fixed]
    shown = [one for one in (*fixed, *free) if not one.deleted and (one.is_fixed or one.id not in taken)]
    return tuple(sorted(shown, key=lambda one: one.id))


def candidates_under(candidates: CandidateField, fixed: Sequence[ReviewedLesion]) -> dict[int, Candidate]:
    """Find the candidate of the present search that a fixed lesion is, if any.

    Parameters
    ----------
    candidates : CandidateField
    fixed : sequence of ReviewedLesion

    Returns
    -------
    dict of int to Candidate
        By the lesion's id: the candidate with its peak, else one whose peak lies in it, else the one with which it
        shares most; of equal ones the most probable. Lesions that share no voxel with a candidate are left out.
    """
    every = candidates.candidates.every
    if not fixed or not every:
        return {}
    owners = np.repeat(np.arange(len(every)), [len(one.voxels) for one in every])
    voxels = np.concatenate([one.voxels for one in every])
    order = np.argsort(voxels)  # candidates share none
    voxels, owners = voxels[order], owners[order]
    under = {}
    for lesion in fixed:
        at = np.minimum(np.searchsorted(voxels, lesion.voxels), len(voxels) - 1)
        shared = np.bincount(owners[at[voxels[at] == lesion.voxels]])
        ranks = []
        for number in np.flatnonzero(shared).tolist():
            peak = every[number].peak
            ranks.append((peak == lesion.peak, bool((lesion.voxels == peak).any()), int(shared[number]), -number))
        if ranks:
            under[lesion.id] = every[-max(ranks)[-1]]
    return under


def _beside(candidates: CandidateField, review: Review) -> list[Candidate]:
    """List the candidates that share no voxel with what a reader has decided on."""
    found = candidates.at(review.threshold)
    if not review.fixed or not found:
        return found
    taken = np.unique(np.concatenate([one.voxels for one in review.fixed]))
    return [one for one in found if not np.isin(one.voxels, taken, assume_unique=True).any()]
