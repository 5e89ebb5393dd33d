"""Changing an annotation: records are frozen, so each change gives a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from CMBSegmentationLib.reading.scan import scan_stem
from CMBSegmentationLib.vocabulary.numbers import counted

from .dependent_answers import is_asked
from .records import LISTS, Annotation, Assessment, Entry, Finding, Microbleed, Mimic, Study, entry_key
from .words import ACCEPTANCES, NOT_ANSWERED


def with_annotation(study: Study, annotation: Annotation) -> Study:
    """Set one reader's annotation; the others' stay as they are."""
    others = [one for one in study.annotations if one.reader != annotation.reader]
    place = study.readers.index(annotation.reader) if annotation.reader in study.readers else len(others)
    return replace(study, annotations=(*others[:place], annotation, *others[place:]))


def with_scan(study: Study, scan: str) -> Study:
    """Give a study its scan's present name; what was said of a series of the former name is said of it now."""
    former, present = (scan_stem(Path(name)) for name in (study.scan, scan))

    def named(annotation: Annotation) -> Annotation:
        if present in [one.series for one in annotation.series]:
            return annotation
        renamed = (replace(one, series=present) if one.series == former else one for one in annotation.series)
        return replace(annotation, series=tuple(renamed))

    return replace(study, scan=scan, annotations=tuple(map(named, study.annotations)))


def with_entry(annotation: Annotation, entry: Entry) -> Annotation:
    """Add an entry, or replace the one of its kind with the same id (for a series: the same name)."""
    name = LISTS[type(entry)]
    entries = list(getattr(annotation, name))
    keys = [entry_key(one) for one in entries]
    place = keys.index(entry_key(entry)) if entry_key(entry) in keys else len(keys)
    changed: dict[str, Any] = {name: (*entries[:place], entry, *entries[place + 1 :])}
    return replace(annotation, **changed)


def without_entry(annotation: Annotation, entry: Entry) -> Annotation:
    """Remove the entry of this kind and id (for a series: this name); others keep their ids."""
    name = LISTS[type(entry)]
    kept: dict[str, Any] = {name: tuple(one for one in getattr(annotation, name) if entry_key(one) != entry_key(entry))}
    return replace(annotation, **kept)


def next_id(entries: Sequence[Microbleed | Mimic | Finding]) -> int:
    """Give the id for a new entry of a list: one more than the highest."""
    return max((entry.id for entry in entries), default=0) + 1


def utc_now() -> str:
    """Give the time of an entry made now: UTC, ISO 8601, to the second."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def told_by_acceptance(annotation: Annotation) -> str:
    """Say how many microbleeds a reader has accepted, and apart from them how many masks still wait for that."""
    accepted, changed, pending = (
        sum(one.acceptance == acceptance for one in annotation.microbleeds) for acceptance in ACCEPTANCES
    )
    others = f", {changed} changed since" * bool(changed) + f", {pending} not accepted" * bool(pending)
    return f"{counted(accepted, 'microbleed')} accepted by {annotation.reader}{others}"


def unanswered(annotation: Annotation) -> list[str]:
    """List what the protocol asks and the reader has not answered, or otherwise than it was measured, in words."""
    missing = []
    for cmb in annotation.microbleeds:
        gaps = {"location": cmb.location, "side": cmb.side, "suspected cause": cmb.cause}
        missing += [f"CMB {cmb.id}: no {name}" for name, value in gaps.items() if value == NOT_ANSWERED]
        missing += [f"CMB {cmb.id}: smaller than 5 mm or not"] * (cmb.smaller_than_5_mm is None)
        missing += _size_told_otherwise(cmb)
        missing += [f"CMB {cmb.id}: which other cause"] * (is_asked(cmb, "cause_text") and not cmb.cause_text.strip())
    for mimic in annotation.mimics:
        missing += [f"Mimic {mimic.id}: no type"] * (mimic.type == NOT_ANSWERED)
        missing += [f"Mimic {mimic.id}: no side"] * (is_asked(mimic, "side") and mimic.side == NOT_ANSWERED)
        missing += [f"Mimic {mimic.id}: which other type"] * (is_asked(mimic, "text") and not mimic.text.strip())
    missing += [f"Finding {finding.id}: no text" for finding in annotation.findings if not finding.text.strip()]
    said = annotation.assessment
    missing += ["Study: included or not"] * (said is None or said.included is None)
    missing += ["Study: why it is not included"] * (
        said is not None and is_asked(said, "why_not") and not said.why_not.strip()
    )
    for series in annotation.series:
        missing += [f"{series.series}: which other artefact"] * (is_asked(series, "text") and not series.text.strip())
    missing += ["Study: no quality"] * (said is None or said.quality == NOT_ANSWERED)
    return missing


def _size_told_otherwise(cmb: Microbleed) -> list[str]:
    if cmb.diameter_mm is None or cmb.smaller_than_5_mm in (None, cmb.diameter_mm < 5):
        return []
    said = "smaller than 5 mm" if cmb.smaller_than_5_mm else "not smaller than 5 mm"
    return [f"CMB {cmb.id}: {said}, but its mask measures {cmb.diameter_mm:.1f} mm"]


def with_done(annotation: Annotation, done: bool) -> Annotation:
    """Mark a study as finished by its reader, now; or as not finished."""
    said = annotation.assessment or Assessment(reader=annotation.reader, time=utc_now())
    return replace(annotation, assessment=replace(said, done=done, time=utc_now()))
