"""How far two readers agree: on which lesions there are, where they lie, how many, and on their masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from CMBSegmentationLib.compare.match import MATCH_MM, match_centres
from CMBSegmentationLib.results.counts import count_class

from .records import Annotation, Microbleed, Study
from .segments_file import Segment
from .words import NOT_ANSWERED, SINGLE

COUNT_CLASSES = ("0", "1", "2-4", ">=5")
"""The counts that reports tell apart (Docs/published-figures.md, "Burden")."""


@dataclass(frozen=True)
class RatedStudy:
    """A study and its masks, both readers' in one list, as `annotation.segments_file.read_segments` gives them."""

    study: Study
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True)
class Agreement:
    """Two readers over one or many studies.

    Attributes
    ----------
    readers : tuple of str
        First and second.
    within_mm : float
        Farthest that centres of one lesion may lie apart.
    studies : int
        Those that count: both readers have finished and included them.
    matched, only_first, only_second : int
        Lesions: matched one to one by distance of centres, and the rest of each reader.
    f1 : float or None
        ``2 matched / (first's + second's)``; None where neither has any lesion.
    locations : int
        Matched lesions whose location both have given.
    location_kappa : float or None
        Cohen's, on those.
    class_kappa : float or None
        Cohen's, on each study's class of `COUNT_CLASSES`; one study alone gives None.
    dice : tuple of float
        Of each matched pair of grown masks; pairs that lack one are not there.
    mean_dice : float or None
    notes : tuple of str
        What does not count, and why.
    """

    readers: tuple[str, str]
    within_mm: float
    studies: int
    matched: int
    only_first: int
    only_second: int
    f1: float | None
    locations: int
    location_kappa: float | None
    class_kappa: float | None
    dice: tuple[float, ...]
    mean_dice: float | None
    notes: tuple[str, ...]


def agreement(rated: Sequence[RatedStudy], first: str, second: str, *, within_mm: float = MATCH_MM) -> Agreement:
    """Compare two readers.

    Uncertain lesions count like certain ones; what its reader has not accepted does not, nor does a mask that was
    changed since. A group (CAA) has no one centre: it is left out of the
    lesions and counts in its study's class with the number that its reader gave.

    Parameters
    ----------
    rated : sequence of RatedStudy
    first, second : str
        Readers.
    within_mm : float

    Returns
    -------
    Agreement

    References
    ----------
    Cohen, Educational and Psychological Measurement 20:37, 1960. Dice, Ecology 26:297, 1945.
    """
    notes = [note for one in rated if (note := _why_not(one.study, first, second))]
    counting = [one for one in rated if not _why_not(one.study, first, second)]
    pairs: list[tuple[Microbleed, Microbleed]] = []
    overlaps: list[float] = []
    classes: list[tuple[str, str]] = []
    totals = [0, 0]
    for one in counting:
        ours, theirs = one.study.of(first), one.study.of(second)
        lesions = _singles(ours), _singles(theirs)
        near = match_centres(_centres(lesions[0]), _centres(lesions[1]), within_mm)
        found = [(lesions[0][n], lesions[1][k]) for n, k in near]
        pairs += found
        totals = [total + len(some) for total, some in zip(totals, lesions, strict=True)]
        overlaps += _overlaps(found, one.segments)
        counted = study_class(ours), study_class(theirs)
        if counted[0] is None or counted[1] is None:
            notes.append(f"{one.study.scan}: a group was not counted; the study has no class.")
        else:
            classes.append((counted[0], counted[1]))
    located = [(a.location, b.location) for a, b in pairs if NOT_ANSWERED not in (a.location, b.location)]
    return Agreement(
        readers=(first, second),
        within_mm=within_mm,
        studies=len(counting),
        matched=len(pairs),
        only_first=totals[0] - len(pairs),
        only_second=totals[1] - len(pairs),
        f1=2 * len(pairs) / sum(totals) if sum(totals) else None,
        locations=len(located),
        location_kappa=cohens_kappa(located),
        class_kappa=cohens_kappa(classes),
        dice=tuple(overlaps),
        mean_dice=sum(overlaps) / len(overlaps) if overlaps else None,
        notes=tuple(notes),
    )


def cohens_kappa(ratings: Sequence[tuple[str, str]]) -> float | None:
    """Agreement beyond chance of two readers' words for the same things.

    Parameters
    ----------
    ratings : sequence of (str, str)
        First's and second's word for each thing.

    Returns
    -------
    float or None
        1 full agreement, 0 as by chance. None where it is undefined: there is nothing, or both readers
        gave one and the same word throughout, so that chance alone agrees always.

    Examples
    --------
    >>> cohens_kappa([("lobar", "lobar"), ("deep", "deep"), ("deep", "lobar"), ("deep", "deep")])
    0.5
    """
    n = len(ratings)
    ours, theirs = Counter(a for a, _ in ratings), Counter(b for _, b in ratings)
    by_chance = sum(ours[word] * theirs[word] for word in ours)  # in n² ths: whole numbers compare exactly
    if by_chance == n * n:
        return None
    agreed = sum(a == b for a, b in ratings)
    return (agreed * n - by_chance) / (n * n - by_chance)


def study_class(annotation: Annotation) -> str | None:
    """Name the class of a study's number of accepted microbleeds, of `COUNT_CLASSES`; None if a group has no count."""
    counts = [cmb.count for cmb in annotation.microbleeds if cmb.counts]
    if None in counts:
        return None
    number = sum(count for count in counts if count)
    return count_class(number) if number < 5 else COUNT_CLASSES[-1]


def dice(first: Segment, second: Segment) -> float | None:
    """Overlap of two masks on one grid: ``2 |A and B| / (|A| + |B|)``; None where both are empty."""
    ours, theirs = ({tuple(voxel) for voxel in one.voxels.tolist()} for one in (first, second))
    size = len(ours) + len(theirs)
    return 2 * len(ours & theirs) / size if size else None


def _why_not(study: Study, first: str, second: str) -> str:
    """Say why a study does not count; empty where it does."""
    for reader in (first, second):
        said = study.of(reader)
        if reader not in study.readers:
            return f"{study.scan}: {reader} has not annotated it."
        if not said.done:
            return f"{study.scan}: {reader} has not finished it."
        if said.assessment is not None and said.assessment.included is False:
            return f"{study.scan}: {reader} excluded it."
    return ""


def _singles(annotation: Annotation) -> list[Microbleed]:
    return [cmb for cmb in annotation.microbleeds if cmb.grouping == SINGLE and cmb.counts]


def _centres(lesions: Sequence[Microbleed]) -> list[tuple[float, float, float]]:
    return [(cmb.r_mm, cmb.a_mm, cmb.s_mm) for cmb in lesions]


def _overlaps(pairs: Sequence[tuple[Microbleed, Microbleed]], segments: Sequence[Segment]) -> list[float]:
    by_name = {segment.name: segment for segment in segments}
    pairs = [(a, b) for a, b in pairs if a.accepted and b.accepted]
    masks = [(by_name.get(a.grown_segment), by_name.get(b.grown_segment)) for a, b in pairs]
    values = [dice(ours, theirs) for ours, theirs in masks if ours is not None and theirs is not None]
    return [value for value in values if value is not None]
