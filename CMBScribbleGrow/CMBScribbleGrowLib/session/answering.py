"""What a reader says in a session: answers, landmarks, the study's quality, and that it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.vocabulary.numbers import counted
from CMBSegmentationLib.vocabulary.verdicts import ACCEPTED, REJECTED, UNCERTAIN

from ..annotation.answers import answered
from ..annotation.edits import next_id, unanswered, utc_now, with_done, with_entry, without_entry
from ..annotation.records import LISTS, Assessment, Entry, Finding, Microbleed, Mimic, SeriesQuality, entry_key
from ..study.state import State, Status
from .current_study import CurrentStudy

CONTRARY = {ACCEPTED: "uncertain", UNCERTAIN: "certain"}


class Answering:
    """The protocol's questions (Docs/paper.md, section 8) on the study that is open.

    Parameters
    ----------
    current : CurrentStudy
    """

    def __init__(self, current: CurrentStudy) -> None:
        self._current = current

    @property
    def left_open(self) -> list[str]:
        """What the reader has not finished.

        What is painted and not grown, grown and not accepted, contradicted by the list or without a verdict there, or
        asked by the protocol and not answered.
        """
        study = self._current.study
        if study is None:
            return []
        not_grown = [f"{counted(study.waiting, 'stroke')} painted, not grown"] if study.waiting else []
        pending = [f"CMB {one.id}: not accepted" for one in study.annotation.microbleeds if not one.accepted]
        contradicted = [
            f"CMB {number} is {state} in the list" + ("" if state == REJECTED else f", {CONTRARY[state]} here")
            for number, state in study.contradicted().items()
        ]
        missing = [f"CMB {number} is {how} in the list, accepted here" for number, how in study.not_on_list().items()]
        differ = [f"CMB {number}: {there} in the list, {here} here" for number, there, here in study.differences()]
        return [*not_grown, *pending, *contradicted, *missing, *differ, *unanswered(study.annotation)]

    def answer(self, entry: Entry, **answers: Any) -> Entry:
        """Change answers in an entry of the annotation.

        Parameters
        ----------
        entry : Microbleed, Mimic, Finding or SeriesQuality
            Of the annotation; found by its kind and id.
        **answers
            Its fields; what another answer no longer asks for is emptied (`annotation.answers.answered`).
        """
        study = self._current.ready()
        known = next((e for e in study.annotation.entries() if _same_entry(e, entry)), None)
        if known is None and isinstance(entry, SeriesQuality):
            known = entry
        if known is None:
            raise InputError(f"{_name(entry)} is no longer there.", "Undo brings it back.")
        changed = answered(known, **answers)
        if changed is not known or known is entry:
            key = ("answer", type(entry), entry_key(entry), *sorted(answers))
            after = replace(study.snapshot, annotation=with_entry(study.annotation, changed))
            study.do(after, f"{_name(entry)} answered", key=key)
        self._current.tell_of_study()
        return changed

    def rate_series(self, series: str, **answers: Any) -> Entry:
        """Say how good a series is; fields of `SeriesQuality`."""
        reader, now = self._current.parameters.reader or "?", utc_now()
        return self.answer(SeriesQuality(series=series, reader=reader, time=now), **answers)

    def assess(self, **answers: Any) -> Assessment:
        """Say something of the study as a whole; fields of `Assessment`."""
        study = self._current.ready()
        said = study.annotation.assessment or Assessment(reader=study.reader, time=utc_now())
        changed = answered(said, **answers)
        if changed != study.annotation.assessment:
            annotation = replace(study.annotation, assessment=changed)
            key = ("assessment", *sorted(answers))
            study.do(replace(study.snapshot, annotation=annotation), "study assessed", key=key)
        self._current.tell_of_study()
        return changed

    def add_mimic(self, ras_mm: Sequence[float], **answers: Any) -> Mimic:
        """Set a landmark on what looks like a microbleed and is none; fields of `Mimic`."""
        return self._add_landmark(Mimic, ras_mm, answers)

    def add_finding(self, ras_mm: Sequence[float], **answers: Any) -> Finding:
        """Set a landmark on another finding; fields of `Finding`."""
        return self._add_landmark(Finding, ras_mm, answers)

    def remove(self, entry: Entry) -> None:
        """Take an entry out of the annotation, with its segments or its point; undo brings it back."""
        study = self._current.ready()
        after = replace(study.snapshot, annotation=without_entry(study.annotation, entry))
        if isinstance(entry, Microbleed):
            after = after.without_lesion(entry.id)
        study.do(after, f"{_name(entry)} removed")
        if self._current.lesion is None:
            self._current.select(None)
        self._current.tell_of_study(Status(State.READY, f"{_name(entry)} removed."))

    def mark_done(self, done: bool = True) -> None:
        """Mark the study as finished by its reader, and save it; the status lists what was left open."""
        study = self._current.ready()
        after = replace(study.snapshot, annotation=with_done(study.annotation, done))
        study.do(after, "study marked as done" if done else "study marked as not done")
        study.disk.flush()
        notes = tuple(self.left_open) if done else ()
        self._current.tell_of_study(
            Status(State.READY, "Marked as done. The annotation is saved." if done else "Marked as not done.", notes)
        )

    def _add_landmark(self, kind: Any, ras_mm: Sequence[float], answers: dict[str, Any]) -> Any:
        study = self._current.ready()
        r_mm, a_mm, s_mm = (round(float(x), 3) for x in ras_mm)
        number = next_id(getattr(study.annotation, LISTS[kind]))
        at = {"r_mm": r_mm, "a_mm": a_mm, "s_mm": s_mm}
        if kind is Mimic and not answers:
            answers = study.listed_mimic(ras_mm)
        entry = answered(kind(id=number, reader=study.reader, time=utc_now(), **at), **answers)
        after = replace(study.snapshot, annotation=with_entry(study.annotation, entry))
        study.do(after, f"{_name(entry)} placed")
        self._current.tell_of_study()
        return entry


def _same_entry(one: Entry, other: Entry) -> bool:
    return type(one) is type(other) and entry_key(one) == entry_key(other)


def _name(entry: Entry) -> str:
    if isinstance(entry, SeriesQuality):
        return entry.series
    return f"{'CMB' if isinstance(entry, Microbleed) else type(entry).__name__} {entry.id}"
