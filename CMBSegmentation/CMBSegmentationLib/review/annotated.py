"""What the annotation of the same scan says of its lesions: the list takes it over, and gives them no other number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..vocabulary.places import region_in
from ..vocabulary.verdicts import REJECTED, Verdict
from .lesion_list import Review, ReviewedLesion

Place = tuple[float, float, float]


@dataclass(frozen=True)
class AnnotatedLesion:
    """A microbleed of the annotation.

    Attributes
    ----------
    at : tuple of 3 float
        Centre, world RAS mm.
    location : str
        Of `vocabulary.places.LOCATIONS`, or empty.
    side : str
        Of `vocabulary.regions.SIDES`, or empty.
    cause : str
        Of `vocabulary.verdicts.CAUSES`, or empty.
    """

    at: Place
    location: str = ""
    side: str = ""
    cause: str = ""


@dataclass(frozen=True)
class AnnotatedMimic:
    """A point of the annotation on what is no microbleed.

    Attributes
    ----------
    at : tuple of 3 float
        World RAS mm.
    type : str
        Of `vocabulary.verdicts.MIMICS`, or empty.
    """

    at: Place
    type: str = ""


@dataclass(frozen=True)
class Annotated:
    """What an annotation says that the list is to know.

    Attributes
    ----------
    lesions : mapping
        By number: the list has the same ones.
    mimics : tuple of AnnotatedMimic
    """

    lesions: Mapping[int, AnnotatedLesion] = field(default_factory=dict)
    mimics: tuple[AnnotatedMimic, ...] = ()


def as_annotated(
    review: Review, lesion: ReviewedLesion, said: AnnotatedLesion | None, before: AnnotatedLesion | None = None
) -> Review:
    """Give a lesion on the list the place and the cause that its annotation names.

    A place that the list's own reader has given stays.

    Parameters
    ----------
    review : Review
    lesion : ReviewedLesion
        With its verdict.
    said : AnnotatedLesion or None
    before : AnnotatedLesion, optional
        What it said before: a place that the list has from there is not its own reader's.
    """
    if said is None or lesion.verdict is None or lesion.verdict.decision == REJECTED:
        return review
    verdict: Verdict = replace(lesion.verdict, cause=said.cause or lesion.verdict.cause)
    lesion = replace(lesion, verdict=verdict)
    own = review.places.get(lesion.id)
    is_own = own is not None and (before is None or not _names_place(before) or own != _place_of(before, lesion))
    if _names_place(said) and not is_own:
        region, side = _place_of(said, lesion)
        review, lesion = review.with_place(lesion.id, region, side), lesion.at_place(region, side)
    return review.with_lesion(lesion)


def _names_place(said: AnnotatedLesion) -> bool:
    return bool(said.location or said.side)


def _place_of(said: AnnotatedLesion, lesion: ReviewedLesion) -> tuple[str, str]:
    return region_in(said.location, lesion.lesion.region), said.side or lesion.lesion.side
