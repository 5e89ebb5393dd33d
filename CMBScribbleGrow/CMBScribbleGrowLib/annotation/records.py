"""The annotation of one study: who saw what, where, when. One `Annotation` a reader, side by side in a `Study`.

Positions are patient RAS in millimetres. A record that exists is valid: wrong values raise `InputError` as
it is made. What its reader has not answered yet is empty or None, and `unanswered` lists it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from CMBSegmentationLib.errors import InputError

from ..growing.region import CONNECTIVITIES, MODES
from ..growing.settings import COMPARISONS
from .checks import (
    check_count,
    check_flag,
    check_number,
    check_reader,
    check_text,
    check_time,
    check_word,
)
from .dependent_answers import DependentAnswer, check_asked
from .words import (
    ACCEPTANCES,
    ACCEPTED,
    CAA_GROUP,
    CALCIFICATION,
    CAUSES,
    GROUPINGS,
    LOCATIONS,
    MIMICS,
    NOT_ACCEPTED,
    NOT_ANSWERED,
    OTHER,
    OTHER_ARTEFACT,
    PRIORITIES,
    QUALITIES,
    SERIES_FLAGS,
    SIDES,
    SINGLE,
)


@dataclass(frozen=True, kw_only=True)
class Growing:
    """How a grown mask was made from its scribble.

    Attributes
    ----------
    mode : str
        Of `growing.region.MODES` or `growing.settings.COMPARISONS`: the one used, where the choice was automatic.
    connectivity : {6, 18, 26}
    tolerance_percent : float or None
        Of the image's robust intensity range (Docs/paper.md, section 7); None for a mode that has none.
    automatic : bool
        Whether the tolerance was found rather than set.
    largest_diameter_mm : float
        Of the sphere that limits the region's size.
    """

    mode: str
    connectivity: int
    tolerance_percent: float | None
    automatic: bool
    largest_diameter_mm: float = 10.0

    def __post_init__(self) -> None:
        check_word("mode", self.mode, (*MODES, *COMPARISONS))
        check_word("connectivity", self.connectivity, tuple(CONNECTIVITIES))
        check_number("tolerance_percent", self.tolerance_percent, least=0, unanswered=self.mode in COMPARISONS)
        check_flag("automatic", self.automatic)
        check_number("largest_diameter_mm", self.largest_diameter_mm, least=0)


@dataclass(frozen=True, kw_only=True)
class Microbleed:
    """One microbleed, or one group of many in cerebral amyloid angiopathy.

    Attributes
    ----------
    id : int
        From 1, its own among its reader's microbleeds.
    r_mm, a_mm, s_mm : float
        Centre.
    reader, time : str
        Who, and when last (UTC, ISO 8601).
    diameter_mm : float or None
    scribble_segment, grown_segment : str
        Names in the study's segmentation file; empty where there is none.
    grouping : {"single", "CAA group"}
    count : int or None
        Microbleeds that the entry stands for: 1 if single; None for a group that was not counted.
    uncertain : bool
        BOMBS counts certain and uncertain ones apart.
    smaller_than_5_mm : bool or None
    location, side : str
        Of `LOCATIONS` and `SIDES`.
    cause, cause_text : str
        Suspected, of `CAUSES`; the text says which other one.
    growing : Growing or None
    acceptance : str
        Of `ACCEPTANCES`: whether its reader has accepted the mask.
    comment : str
    """

    DEPENDENT: ClassVar = (
        DependentAnswer(
            field="cause_text",
            label="Other cause",
            other="cause",
            other_label="the suspected cause",
            asked_by=OTHER,
        ),
        DependentAnswer(
            field="count",
            label="Count in the group",
            other="grouping",
            other_label="the entry",
            asked_by=CAA_GROUP,
            otherwise=1,
        ),
    )

    id: int
    r_mm: float
    a_mm: float
    s_mm: float
    reader: str
    time: str
    diameter_mm: float | None = None
    scribble_segment: str = ""
    grown_segment: str = ""
    grouping: str = SINGLE
    count: int | None = 1
    uncertain: bool = False
    smaller_than_5_mm: bool | None = None
    location: str = NOT_ANSWERED
    side: str = NOT_ANSWERED
    cause: str = NOT_ANSWERED
    cause_text: str = ""
    growing: Growing | None = None
    acceptance: str = ACCEPTED
    comment: str = ""

    def __post_init__(self) -> None:
        _check_point(self)
        _check_entry(self)
        check_number("diameter_mm", self.diameter_mm, least=0, unanswered=True)
        check_text("scribble_segment", self.scribble_segment, one_line=True)
        check_text("grown_segment", self.grown_segment, one_line=True)
        check_word("grouping", self.grouping, GROUPINGS)
        check_count("count", self.count, unanswered=self.grouping != SINGLE)
        check_flag("uncertain", self.uncertain)
        check_flag("smaller_than_5_mm", self.smaller_than_5_mm, unanswered=True)
        check_word("location", self.location, LOCATIONS, unanswered=True)
        check_word("side", self.side, SIDES, unanswered=True)
        check_word("cause", self.cause, CAUSES, unanswered=True)
        check_text("cause_text", self.cause_text)
        check_asked(self)
        if self.growing is not None and not isinstance(self.growing, Growing):
            raise InputError(f"growing is {self.growing!r}.", "It must hold the settings of a grown mask, or nothing.")
        check_word("acceptance", self.acceptance, ACCEPTANCES)

    @property
    def accepted(self) -> bool:
        """Whether its reader has accepted the mask as it is."""
        return self.acceptance == ACCEPTED

    @property
    def counts(self) -> bool:
        """Whether its reader has accepted it, with this mask or an earlier one."""
        return self.acceptance != NOT_ACCEPTED


@dataclass(frozen=True, kw_only=True)
class Mimic:
    """What looks like a microbleed and is not: a landmark and its type (`MIMICS`).

    `side` is for a basal-ganglia calcification, `text` for another type.
    """

    DEPENDENT: ClassVar = (
        DependentAnswer(field="side", label="Side", other="type", other_label="the type", asked_by=CALCIFICATION),
        DependentAnswer(field="text", label="Other type", other="type", other_label="the type", asked_by=OTHER),
    )

    id: int
    r_mm: float
    a_mm: float
    s_mm: float
    reader: str
    time: str
    type: str = NOT_ANSWERED
    side: str = NOT_ANSWERED
    text: str = ""
    comment: str = ""

    def __post_init__(self) -> None:
        _check_point(self)
        _check_entry(self)
        check_word("type", self.type, MIMICS, unanswered=True)
        check_word("side", self.side, SIDES, unanswered=True)
        check_text("text", self.text)
        check_asked(self)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Another finding: a landmark and what it is."""

    id: int
    r_mm: float
    a_mm: float
    s_mm: float
    reader: str
    time: str
    text: str = ""
    comment: str = ""

    def __post_init__(self) -> None:
        _check_point(self)
        _check_entry(self)
        check_text("text", self.text)


@dataclass(frozen=True, kw_only=True)
class SeriesQuality:
    """Flags of one series (`SERIES_FLAGS`); `text` says which other artefact."""

    DEPENDENT: ClassVar = (
        DependentAnswer(
            field="text",
            label="Other artefact",
            other="flags",
            other_label="a flag of the series",
            asked_by=OTHER_ARTEFACT,
        ),
    )

    series: str
    reader: str
    time: str
    flags: tuple[str, ...] = ()
    text: str = ""
    comment: str = ""

    def __post_init__(self) -> None:
        _check_entry(self)
        check_text("series", self.series, empty=False, one_line=True)
        if not isinstance(self.flags, tuple):
            raise InputError(f"flags is {self.flags!r}.", "It must be a tuple of flags.")
        for flag in self.flags:
            check_word("flags", flag, SERIES_FLAGS)
        _check_once("flags", self.flags)
        check_text("text", self.text)
        check_asked(self)


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What one reader says of the study as a whole.

    Attributes
    ----------
    reader, time : str
    included : bool or None
    why_not : str
        Where it is not included.
    quality : str
        Of `QUALITIES`.
    comments : str
    done : bool
    """

    DEPENDENT: ClassVar = (
        DependentAnswer(
            field="why_not", label="Why not", other="included", other_label="the answer to Included", asked_by=False
        ),
    )

    reader: str
    time: str
    included: bool | None = None
    why_not: str = ""
    quality: str = NOT_ANSWERED
    comments: str = ""
    done: bool = False

    def __post_init__(self) -> None:
        _check_entry(self, comment=False)
        check_flag("included", self.included, unanswered=True)
        check_text("why_not", self.why_not)
        check_asked(self)
        check_word("quality", self.quality, QUALITIES, unanswered=True)
        check_text("comments", self.comments)
        check_flag("done", self.done)


Entry = Microbleed | Mimic | Finding | SeriesQuality


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """All that one reader says of one study; every entry is that reader's own."""

    reader: str
    microbleeds: tuple[Microbleed, ...] = ()
    mimics: tuple[Mimic, ...] = ()
    findings: tuple[Finding, ...] = ()
    series: tuple[SeriesQuality, ...] = ()
    assessment: Assessment | None = None

    def __post_init__(self) -> None:
        check_reader(self.reader)
        for name in LISTS.values():
            _check_once(name, [entry_key(entry) for entry in getattr(self, name)])
        for entry in (*self.entries(), *([self.assessment] if self.assessment else [])):
            if entry.reader != self.reader:
                raise InputError(
                    f"reader is {entry.reader!r} in an entry of {self.reader!r}.",
                    "A reader's annotation holds that reader's own entries only.",
                )

    @property
    def done(self) -> bool:
        """Whether the reader has finished the study."""
        return self.assessment is not None and self.assessment.done

    @property
    def is_empty(self) -> bool:
        """Whether the reader has said nothing, or taken all of it back."""
        return self.assessment is None and not any(self.entries())

    def entries(self) -> Iterator[Entry]:
        """Go through microbleeds, mimics, findings and series, in this order."""
        for name in LISTS.values():
            yield from getattr(self, name)


@dataclass(frozen=True, kw_only=True)
class Study:
    """One scan, what is known of it beforehand, and its readers' annotations.

    Attributes
    ----------
    scan : str
        The scan's file name (or its DICOM folder's).
    report : str
        File name of the radiological report's text; empty where there is none.
    priority : str
        Of `PRIORITIES`; empty where nobody has said.
    annotations : tuple of Annotation
        One a reader.
    """

    scan: str
    report: str = ""
    priority: str = NOT_ANSWERED
    annotations: tuple[Annotation, ...] = field(default=())

    def __post_init__(self) -> None:
        check_text("scan", self.scan, empty=False, one_line=True)
        check_text("report", self.report, one_line=True)
        check_word("priority", self.priority, PRIORITIES, unanswered=True)
        _check_once("annotations", [annotation.reader for annotation in self.annotations])

    @property
    def readers(self) -> tuple[str, ...]:
        """Names, in the order in which they came."""
        return tuple(annotation.reader for annotation in self.annotations)

    def of(self, reader: str) -> Annotation:
        """Give a reader's annotation; an empty one where there is none yet."""
        found = [annotation for annotation in self.annotations if annotation.reader == reader]
        return found[0] if found else Annotation(reader=reader)


LISTS: dict[type, str] = {Microbleed: "microbleeds", Mimic: "mimics", Finding: "findings", SeriesQuality: "series"}
"""Where an `Annotation` keeps each kind of entry."""


def entry_key(entry: Entry) -> int | str:
    """Give what tells an entry from others of its kind: its id, or the series' name."""
    return entry.series if isinstance(entry, SeriesQuality) else entry.id


def _check_entry(entry: Entry | Assessment, *, comment: bool = True) -> None:
    check_reader(entry.reader)
    check_time("time", entry.time)
    if comment and not isinstance(entry, Assessment):
        check_text("comment", entry.comment)


def _check_point(entry: Microbleed | Mimic | Finding) -> None:
    check_count("id", entry.id)
    for axis in ("r_mm", "a_mm", "s_mm"):
        check_number(axis, getattr(entry, axis))


def _check_once(name: str, keys: Sequence[int | str]) -> None:
    twice = sorted({str(key) for key in keys if keys.count(key) > 1})
    if twice:
        raise InputError(f"{name} holds {', '.join(twice)} twice.", "Each may be there once.")
