"""The list follows the annotation of its scan both ways: what is said there comes, what is taken back goes.

An annotation speaks for its own reader only: it changes nothing of a lesion that has another reader's verdict.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from ..vocabulary.places import region_in
from ..vocabulary.verdicts import ACCEPTED, REJECTED, UNCERTAIN, Verdict, utc_now
from .annotated import Annotated, AnnotatedLesion, same_reader
from .lesion_list import ADDED, Link, Review, ReviewedLesion

TO_THE_SECOND = len("2026-01-31T09:30:00")  # of a time in UTC, however it goes on


def followed(review: Review, annotated: Annotated, seen: Collection[int]) -> Review:
    """Bring a list to where its annotation is now; the same review if there is nothing new.

    Only what is news is taken over: what the list's own reader has changed meanwhile stays.

    Parameters
    ----------
    review : Review
    annotated : Annotated
        Where it has no reader, no annotation is open, and nothing follows.
    seen : collection of int
        Lesions that this reader's annotation had while the list was open. One that it never had was not removed: its
        file is another, or was damaged.
    """
    if annotated.reader:
        for number in sorted({*review.links, *annotated.lesions}):
            if number in annotated.lesions or number in seen:
                review = _followed_in(review, number, annotated)
    return review


def accepted(
    review: Review, own: ReviewedLesion, lesion: ReviewedLesion, annotated: Annotated, *, is_added: bool = False
) -> Review:
    """Set a lesion that was accepted in the annotation.

    Parameters
    ----------
    review : Review
    own : ReviewedLesion
        As the list has it without the annotation.
    lesion : ReviewedLesion
        As it was accepted, with a verdict: of another reader than the annotation's, it stays as it is.
    annotated : Annotated
    is_added : bool
        Whether it is on the list because of the annotation alone.
    """
    said = annotated.lesions.get(lesion.id)
    if said is None or not _can_follow(lesion, annotated.reader):
        return review.with_lesion(lesion)
    link = None if is_added else _link_of(review, lesion.id, annotated.reader)
    link = link or Link(own, AnnotatedLesion(said.at), annotated.reader, is_added)
    return _answered(review, lesion, link, said)


def decided(review: Review, lesion: ReviewedLesion, verdict: Verdict, annotated: Annotated) -> Review:
    """Set a verdict of the list's own reader.

    Place and cause are as that reader has annotated them, where the list has none of its own. What another reader's
    annotation had brought to the list goes: that reader has not said it of this verdict.

    Parameters
    ----------
    review : Review
    lesion : ReviewedLesion
        Before the verdict.
    verdict : Verdict
    annotated : Annotated
    """
    link = review.links.get(lesion.id)
    if link is not None and (link.withdrawn is not None or not _is_still(link.own, lesion)):
        link = None
    if link is not None and not same_reader(link.reader, verdict.reader):
        lesion, verdict, link = _without(review, link, lesion), _own_verdict(link, verdict), None
    after = replace(lesion, verdict=verdict)
    said = annotated.of(lesion.id, verdict.reader)
    last = link.said if said is None and link is not None else said  # another annotation may be open: as it was left
    if last is None or (said is None and same_reader(annotated.reader, verdict.reader)):
        return review.with_link(lesion.id, link).with_lesion(after)
    own = link.own if link is not None else lesion
    cause = own.verdict.cause if own.verdict and verdict.decision != REJECTED else ""
    own = replace(own, verdict=replace(verdict, cause=cause))
    known = link.said if link is not None and lesion.state != REJECTED else AnnotatedLesion(last.at)
    link = Link(own, replace(known, uncertain=last.uncertain), verdict.reader)
    if said is None:
        return review.with_link(lesion.id, link).with_lesion(after)
    return _answered(review, after, link, said)


def says_already(review: Review, lesion: ReviewedLesion, verdict: Verdict) -> bool:
    """Whether a lesion has this very verdict of the list's own reader, whenever it was given."""
    link = review.links.get(lesion.id)
    if link is not None and (link.is_added or link.withdrawn is not None):
        return False
    verdicts = [lesion.verdict] if link is None else [lesion.verdict, link.own.verdict]
    return all(one is not None and replace(one, time=verdict.time) == verdict for one in verdicts)


def with_own_cause(review: Review, lesion: ReviewedLesion, verdict: Verdict) -> Review:
    """Set a verdict in which the list's own reader has changed the cause."""
    link = review.links.get(lesion.id)
    if link is not None and link.own.verdict is not None:
        own = replace(link.own, verdict=replace(link.own.verdict, cause=verdict.cause))
        review = review.with_link(lesion.id, replace(link, own=own))
    return review.with_lesion(replace(lesion, verdict=verdict))


def _followed_in(review: Review, number: int, annotated: Annotated) -> Review:
    said, lesion = annotated.lesions.get(number), review.find(number)
    link = _link_of(review, number, annotated.reader)
    if lesion is not None and lesion.verdict is not None and not same_reader(lesion.verdict.reader, annotated.reader):
        return review
    if link is None:
        if said is None or said.grouped or lesion is None or not _can_follow(lesion, annotated.reader):
            return review
        link = Link(lesion, _said_before(lesion, said), annotated.reader)
    is_taken_back = said is None or said.grouped or (not said.accepted and _needs_acceptance(link))
    if link.withdrawn is not None:
        return review if said is None or is_taken_back else _put_back(review, link, said)
    if said == link.said:
        return review
    if lesion is None or not _is_still(link.own, lesion):  # deleted, merged or split on the list
        return review.with_link(number, None)
    if said is None or is_taken_back:
        return _withdrawn(review, link, lesion)
    return _answered(review, lesion, link, said)


def _said_before(lesion: ReviewedLesion, said: AnnotatedLesion) -> AnnotatedLesion:
    """Give what of an annotation is no news to a verdict that did not follow it yet.

    That it is uncertain is none if it was said before the verdict, nor is its cause if the list has one of its own.
    """
    assert lesion.verdict is not None
    is_before = bool(said.time) and said.time[:TO_THE_SECOND] < lesion.verdict.time[:TO_THE_SECOND]
    cause = said.cause if lesion.verdict.cause else ""
    return AnnotatedLesion(said.at, cause=cause, uncertain=said.uncertain and is_before)


def _link_of(review: Review, number: int, reader: str) -> Link | None:
    link = review.links.get(number)
    return link if link is not None and same_reader(link.reader, reader) else None


def _can_follow(lesion: ReviewedLesion | None, reader: str) -> bool:
    """Whether a lesion counts by this reader's own verdict."""
    verdict = None if lesion is None else lesion.verdict
    return verdict is not None and verdict.decision != REJECTED and same_reader(verdict.reader, reader)


def _without(review: Review, link: Link, lesion: ReviewedLesion) -> ReviewedLesion:
    """Give a lesion where it lies without the annotation that it followed."""
    return _placed(review, lesion.at_place(link.own.lesion.region, link.own.lesion.side))


def _own_verdict(link: Link, verdict: Verdict) -> Verdict:
    """Give a verdict without the cause that the annotation had brought."""
    if not verdict.cause or verdict.cause != link.said.cause:
        return verdict
    return replace(verdict, cause=link.own.verdict.cause if link.own.verdict else "")


def _needs_acceptance(link: Link) -> bool:
    return link.is_added or link.own.verdict is None


def _is_still(own: ReviewedLesion, lesion: ReviewedLesion) -> bool:
    return lesion.origin == own.origin and (own.origin == ADDED or np.array_equal(lesion.voxels, own.voxels))


def _withdrawn(review: Review, link: Link, lesion: ReviewedLesion) -> Review:
    """Have the list be as it would be without the annotation of a lesion."""
    review = review.with_link(lesion.id, replace(link, withdrawn=lesion))
    return review.without(lesion.id) if link.is_added else review.with_lesion(_placed(review, link.own))


def _put_back(review: Review, link: Link, said: AnnotatedLesion) -> Review:
    """Take over again what had been withdrawn, unless the list's own reader has done something there since."""
    lesion = link.withdrawn
    assert lesion is not None
    there = review.find(lesion.id)
    as_left = there is None or (there.verdict == link.own.verdict and _is_still(link.own, there))
    others = [one.voxels for one in review.fixed if one.id != lesion.id]
    if not as_left or any(np.isin(lesion.voxels, voxels).any() for voxels in others):
        return review.with_link(lesion.id, None)
    return _answered(review, lesion, link, said)


def _answered(review: Review, lesion: ReviewedLesion, link: Link, said: AnnotatedLesion) -> Review:
    """Set a lesion with what the annotation says of it that it did not say before."""
    review = review.with_link(lesion.id, replace(link, said=said, withdrawn=None))
    verdict, own, before = lesion.verdict, link.own, link.said
    if verdict is None:
        return review.with_lesion(lesion)
    if verdict.decision == REJECTED:  # it takes nothing, and what it had taken goes with what had said it
        is_same = (said.location, said.side) == (before.location, before.side)
        return review.with_lesion(lesion if is_same else _without(review, link, lesion))
    if said.uncertain != before.uncertain:
        decision = UNCERTAIN if said.uncertain else ACCEPTED
        if decision != verdict.decision:  # another verdict: of whoever gave it in the annotation, and now
            verdict = replace(verdict, decision=decision, reader=link.reader, time=utc_now())
    if said.cause != before.cause:
        verdict = replace(verdict, cause=said.cause or (own.verdict.cause if own.verdict else ""))
    shape = lesion if said.accepted else own
    lesion = replace(lesion, voxels=shape.voxels, lesion=shape.lesion, verdict=verdict)
    measured = own.lesion
    lesion = lesion.at_place(region_in(said.location, measured.region), said.side or measured.side)
    return review.with_lesion(_placed(review, lesion))


def _placed(review: Review, lesion: ReviewedLesion) -> ReviewedLesion:
    """Give a lesion with the place that the list's own reader has given it, if any."""
    return lesion.at_place(*review.places[lesion.id]) if lesion.id in review.places else lesion
