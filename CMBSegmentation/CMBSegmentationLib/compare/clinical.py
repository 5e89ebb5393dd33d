"""What two scans say together in the words of trials: the grade of new microbleeds, and each scale before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..detecting.lesions import LARGEST_DIAMETER_MM, Lesion
from ..report.page import scales_note
from ..results.counts import Counts, counts_of
from ..vocabulary.numbers import counted
from ..vocabulary.published.scales import ARIA_H, NOT_A_DIAGNOSIS, NOT_ASSESSED, SIDEROSIS, Scale, Step
from ..vocabulary.verdicts import DETECTED
from .align import NEW, NOT_SEEN, Change


@dataclass(frozen=True)
class ClinicalChange:
    """Two visits in classes of counts.

    Attributes
    ----------
    new : int
        Microbleeds of the second scan that the first shows not to have been there; 10 mm across at most, of those that
        the second scan's headline counts.
    unknown : int
        Such ones of which the first scan does not tell whether they were there: they may be new, too.
    unread : int
        New ones that no reader has decided on, in a scan where others were: they do not count yet.
    before, after : Counts
        Of each scan.
    """

    new: int
    unknown: int
    unread: int
    before: Counts
    after: Counts

    @property
    def grade(self) -> Step:
        """Of ARIA-H, by microbleeds alone."""
        return ARIA_H.step_of(self.new)

    @property
    def highest_grade(self) -> Step:
        """The grade if all are new microbleeds of which it is not known."""
        return ARIA_H.step_of(self.new + self.unknown + self.unread)

    @property
    def scales(self) -> tuple[tuple[Scale, Step, Step], ...]:
        """Each scale of one scan with the class of the first and of the second."""
        pairs = zip(self.before.on_scales, self.after.on_scales, strict=True)
        return tuple((scale, before, after) for (scale, before), (_, after) in pairs)

    @property
    def notes(self) -> tuple[str, str]:
        """What the classes of the first and of the second scan count and leave out."""
        return _note("First", self.before), _note("Second", self.after)

    @property
    def caution(self) -> str:
        """That the classes of the two scans cannot be compared, and why; empty where both count alike."""
        halfway = [
            name for name, one in (("first", self.before), ("second", self.after)) if one.is_read and one.not_read
        ]
        if halfway:
            scans, whose = (f"{halfway[0]} scan", "its") if len(halfway) == 1 else ("two scans", "their")
            return (
                f"The review of the {scans} is not finished, and {whose} classes leave out what is not reviewed: the "
                "columns do not show how the burden changed."
            )
        if self.before.is_read != self.after.is_read:
            read, unread = ("first", "second") if self.before.is_read else ("second", "first")
            return (
                f"A reader has confirmed the {read} scan's microbleeds and not the {unread} scan's: the columns "
                "do not show how the burden changed."
            )
        return ""

    @property
    def scales_sentence(self) -> str:
        """The classes of both scans with what they count, in words that stay true where they are pasted."""
        classes = "; ".join(f"{scale.name} {first.text} and {second.text}" for scale, first, second in self.scales)
        return " ".join(
            filter(None, (f"Classes of the first and the second scan: {classes}.", *self.notes, self.caution))
        )

    @property
    def read(self) -> str:
        """What a reader has confirmed of the two lists, and what not."""
        if not (self.before.is_read or self.after.is_read):
            return "not confirmed by a reader"
        return f"first scan {_read(self.before)}; second scan {_read(self.after)}"

    @property
    def sentence(self) -> str:
        """The grade in words that stay true where they are pasted."""
        found = counted(self.new, "new microbleed")
        more = ""
        if self.unknown:
            were = "was" if self.unknown == 1 else "were"
            more += f"; the first scan does not tell whether {self.unknown} more {were} there"
        if self.unread:
            more += f"; {self.unread} more not reviewed yet"
        if more:
            more += f": {self.highest_grade.words} if all count"
        return (
            f"ARIA-H grade by microhaemorrhages, if treated with an anti-amyloid antibody between the scans: "
            f"{self.grade.words} ({found}; {self.read}){more}. {NOT_A_DIAGNOSIS} {SIDEROSIS}"
        )

    def to_json(self) -> dict[str, Any]:
        """Give it as the JSON of a comparison has it."""
        return {
            "aria_h": {
                "new": self.new,
                "unknown": self.unknown,
                "not_reviewed": self.unread,
                "class": self.grade.name,
                "grade": self.grade.words,
                "highest_grade": self.highest_grade.words,
                "sentence": self.sentence,
            },
            "scales": {scale.key: {"first": first.name, "second": second.name} for scale, first, second in self.scales},
            "scales_count": {"first": self.notes[0], "second": self.notes[1], "caution": self.caution},
            "scales_sentence": self.scales_sentence,
            "superficial_siderosis": NOT_ASSESSED,
        }


def _note(which: str, counts: Counts) -> str:
    """Say what the classes of a scan count."""
    words = scales_note(counts)
    return f"{which} scan: {words[0].lower()}{words[1:]}"


def _read(counts: Counts) -> str:
    """Say who has read a list, and what of it nobody has."""
    if not counts.is_read:
        return "not read"
    left = f", {counts.not_read} not reviewed yet" if counts.not_read else ""
    return f"read by {', '.join(counts.readers) or 'a reader'}{left}"


def clinical_change(first: Sequence[Lesion], second: Sequence[Lesion], changes: Sequence[Change]) -> ClinicalChange:
    """Count what is new, and class both scans.

    Parameters
    ----------
    first, second : sequence of Lesion
        All of each list.
    changes : sequence of Change
        As `compare.align.compare` gives them.
    """
    before, after = counts_of(first), counts_of(second)

    def number(status: str, certainties: Sequence[str]) -> int:
        found = [one.second for one in changes if one.status == status and one.first is None]
        return sum(
            lesion is not None and lesion.certainty in certainties and lesion.diameter_mm <= LARGEST_DIAMETER_MM
            for lesion in found
        )

    unread = number(NEW, (DETECTED,)) if after.is_read else 0
    return ClinicalChange(number(NEW, after.counted), number(NOT_SEEN, after.counted), unread, before, after)
