"""Annotations made in RedBrick AI, brought into a study's own files.

The export is the JSON that RedBrick's SDK and command write (``redbrick export``): one task or a list of
tasks. Of a task are read ``name, updatedBy, updatedAt, classification.attributes``, ``consensusTasks`` (one a
reader) and ``series[]`` with ``name, items, segmentations, binaryMask, segmentMap, landmarks3d,
classifications[].attributes``:

- ``segmentMap``: ``{"1": "CMB"}`` or ``{"1": {"category", "attributes", "mask"}}``; the number is the voxels'
  value in the files of ``mask``, else of ``segmentations``; with ``binaryMask`` any value but 0 is inside;
- ``landmarks3d``: ``[{"point": {"i", "j", "k"}, "category", "attributes"}]``, voxel indices of the series' image;
- ``attributes``: ``{"name": value}`` or ``[{"name", "value"}]``.

Categories with "CMB" or "microbleed" are microbleeds (with "group": a CAA group), landmarks with "mimic" are
mimics, all else is another finding.

References
----------
https://sdk.redbrickai.com/formats/index.html: OutputTask, Series, Landmark3D.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.fields import read_json

from ..annotation.edits import next_id, utc_now, with_entry
from ..annotation.records import Annotation, Assessment, Entry, Finding, Microbleed, Mimic, SeriesQuality
from ..annotation.segments_file import Segment, scribble_name
from ..annotation.words import CAA_GROUP, OTHER_ARTEFACT, QUALITIES, SERIES_FLAGS, SINGLE
from .masks import numbered_segments
from .task import DRAWN, tasks_in
from .words import (
    FLAG_WORDS,
    QUALITY_WORDS,
    Attributes,
    attributes_of,
    category_of,
    microbleed_answers,
    mimic_answers,
    plain,
)

MOST_KEPT = 5_000  # characters of one such thing: comments stay readable


@dataclass(frozen=True)
class Imported:
    """One reader's part of one task.

    Attributes
    ----------
    annotation : Annotation
    segments : tuple of Segment
        On the scan's grid.
    notes : tuple of str
        What was not understood, and what became of it.
    """

    annotation: Annotation
    segments: tuple[Segment, ...]
    notes: tuple[str, ...]


def read_tasks(path: Path) -> list[dict[str, Any]]:
    """Read an export.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of dict
        Tasks; a consensus task as one a reader, all with the task's name.

    Raises
    ------
    InputError
        It cannot be read, holds no task with series, or a value in it is not of its kind.
    """
    try:
        data = read_json(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).", "Check the path and your rights.") from error
    except ValueError as error:
        raise InputError(f"{path.name} is damaged: it is not JSON ({error}).", "Export it again.") from error
    return tasks_in(data, path)


def import_task(
    task: dict[str, Any], scan: sitk.Image, folder: Path, *, reader: str = "", segmentation: Path | None = None
) -> Imported:
    """Turn a task into one reader's annotation.

    Parameters
    ----------
    task : dict
        Of `read_tasks`.
    scan : SimpleITK.Image
        The image that the segments and landmarks lie on.
    folder : Path
        From which the export's relative paths start.
    reader : str
        Whose it is; without it the task's ``updatedBy``.
    segmentation : Path, optional
        The numbered segments, in place of the files that the export names.

    Returns
    -------
    Imported

    Raises
    ------
    InputError
        Nobody says whose it is; a segmentation is missing or lies on another grid.
    """
    name = reader or str(task.get("updatedBy") or "")
    if not name:
        raise InputError(f"Task {task.get('name')!r} does not say who annotated it.", "Name the reader with --reader.")
    work = _Import(scan, folder, Annotation(reader=name), _time(task.get("updatedAt")))
    drawn_on = next((one for one in task["series"] if one.get("segmentMap")), task["series"][0])
    for one in task["series"]:
        if one is drawn_on:
            work.take_segments(one, segmentation)
            work.take_landmarks(one, scan)
        else:
            work.take_other_series(one)
        work.take_series_quality(one)
        work.take_drawings(one)
    work.take_assessment(task)
    return Imported(work.annotation, tuple(work.segments), tuple(work.notes))


@dataclass
class _Import:
    """What has been made of a task so far."""

    scan: sitk.Image
    folder: Path
    annotation: Annotation
    time: str
    segments: list[Segment] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # for the study's comments

    def take_segments(self, series: dict[str, Any], segmentation: Path | None) -> None:
        """Microbleeds, and what else was painted."""
        for segment in numbered_segments(series, self.folder, self.scan, segmentation):
            category = category_of(segment.label) if segment.label is not None else "not described in the export"
            where = f"Segment {segment.key} ({category})"
            attributes = attributes_of(segment.label, where)
            if not len(segment.voxels):
                said = json.dumps(attributes.values, ensure_ascii=False)
                self._keep(where, "has no voxels", said if attributes.values else "")
                continue
            place = self._place(self.scan, segment.voxels.mean(axis=0)[::-1].tolist())
            if _is_microbleed(category):
                name = scribble_name(next_id(self.annotation.microbleeds), self.annotation.reader)
                self._add_microbleed(category, attributes, place, name)
            else:
                self.notes.append(f"{where} is no microbleed by its category; it is kept as a finding.")
                name = f"Finding {next_id(self.annotation.findings)} ({self.annotation.reader})"
                self._add_finding(category, attributes, place)
            self.segments.append(Segment(name, self.annotation.reader, segment.voxels))

    def take_landmarks(self, series: dict[str, Any], image: sitk.Image) -> None:
        """Mimics and other findings."""
        for number, landmark in enumerate(series.get("landmarks3d") or [], start=1):
            category = category_of(landmark)
            where = f"Landmark {number} ({category})"
            index = _index_of(landmark)
            if index is None:
                self._keep(where, "has no point", json.dumps(landmark, ensure_ascii=False))
                continue
            if any(not -0.5 <= i <= n - 0.5 for i, n in zip(index, image.GetSize(), strict=True)):
                self.notes.append(f"{where} lies outside the image.")
            place, attributes = self._place(image, index), attributes_of(landmark, where)
            if "mimic" in plain(category):
                self._add_mimic(category, attributes, place)
            elif _is_microbleed(category):
                self._add_microbleed(category, attributes, place)
            else:
                self._add_finding(category, attributes, place)

    def _add_microbleed(self, category: str, attributes: Attributes, place: dict[str, Any], segment: str = "") -> None:
        grouped = "group" in plain(category) or bool(attributes.flag("grouping"))
        self._add(
            Microbleed(
                id=next_id(self.annotation.microbleeds),
                **place,
                **microbleed_answers(attributes),
                grouping=CAA_GROUP if grouped else SINGLE,
                count=None if grouped else 1,
                scribble_segment=segment,
                comment=attributes.comment(),
            ),
            attributes,
        )

    def _add_mimic(self, category: str, attributes: Attributes, place: dict[str, Any]) -> None:
        answers = mimic_answers(attributes, category)
        number = next_id(self.annotation.mimics)
        self._add(Mimic(id=number, **place, **answers, comment=attributes.comment()), attributes)

    def _add_finding(self, category: str, attributes: Attributes, place: dict[str, Any]) -> None:
        text = "; ".join(part for part in (category, attributes.text("text")) if part)
        number = next_id(self.annotation.findings)
        self._add(Finding(id=number, **place, text=text, comment=attributes.comment()), attributes)

    def _add(self, entry: Entry, attributes: Attributes) -> None:
        self.annotation = with_entry(self.annotation, entry)
        self.notes += attributes.notes

    def _place(self, image: sitk.Image, index: Sequence[float]) -> dict[str, Any]:
        """Where (index x, y, z of an image), who and when."""
        left, posterior, superior = image.TransformContinuousIndexToPhysicalPoint([float(i) for i in index])
        position = {"r_mm": round(-left, 2), "a_mm": round(-posterior, 2), "s_mm": round(superior, 2)}
        return {**position, "reader": self.annotation.reader, "time": self.time}

    def take_other_series(self, series: dict[str, Any]) -> None:
        """Keep what lies on another image: its voxels are not the scan's."""
        for kind in ("segmentMap", "landmarks3d"):
            if series.get(kind):
                what = f"{kind} of {series.get('name') or 'another series'}"
                self._keep(what, "lies on another image", json.dumps(series[kind], ensure_ascii=False))

    def take_series_quality(self, series: dict[str, Any]) -> None:
        """Flags of one series, where there are any."""
        said = [one for one in series.get("classifications") or [] if isinstance(one, dict)]
        if not said:
            return
        name = str(series.get("name") or f"series {len(self.annotation.series) + 1}")
        flags: tuple[str, ...] = ()
        comments = []
        text = ""
        for one in said:
            attributes = attributes_of(one, f"Series {name}")
            flags = tuple(dict.fromkeys((*flags, *attributes.words("flags", SERIES_FLAGS, FLAG_WORDS))))
            text = text or (attributes.text("text") if OTHER_ARTEFACT in flags else "")
            comments.append(attributes.comment())
            self.notes += attributes.notes
        comment = "\n".join(filter(None, comments))
        entry = SeriesQuality(series=name, reader=self.annotation.reader, time=self.time, flags=flags, text=text)
        self.annotation = with_entry(self.annotation, replace(entry, comment=comment))

    def take_drawings(self, series: dict[str, Any]) -> None:
        """What the protocol has no place for is kept as it is."""
        for kind in DRAWN:
            if series.get(kind):
                self._keep(
                    f"{kind} ({len(series[kind])})", "has no place here", json.dumps(series[kind], ensure_ascii=False)
                )

    def take_assessment(self, task: dict[str, Any]) -> None:
        """What is said of the whole study; its comments hold what had no other place."""
        attributes = attributes_of(task.get("classification") or {}, "Study")
        included = attributes.flag("included")
        why_not = attributes.text("why_not") if included is False else ""
        quality = attributes.word("quality", QUALITIES, QUALITY_WORDS)
        comments = "\n".join(filter(None, [attributes.comment(), *self.kept]))
        self.notes += attributes.notes
        self.annotation = replace(
            self.annotation,
            assessment=Assessment(
                reader=self.annotation.reader,
                time=self.time,
                included=included,
                why_not=why_not,
                quality=quality,
                comments=comments,
            ),
        )

    def _keep(self, what: str, why: str, content: str = "") -> None:
        whole = len(content) <= MOST_KEPT
        self.kept.append(f"{what} {why}" + f": {content[:MOST_KEPT]}{'' if whole else ' …'}" * bool(content))
        place = "the study's comments" if whole else f"the study's comments, its first {MOST_KEPT} characters"
        self.notes.append(f"{what} {why}; it is kept in {place}.")


def _is_microbleed(category: str) -> bool:
    return any(word in plain(category) for word in ("cmb", "microbleed")) and "mimic" not in plain(category)


def _index_of(landmark: Any) -> list[float] | None:
    """A landmark's voxel index i, j, k; None where it has none."""
    try:
        index = [float(landmark["point"][axis]) for axis in "ijk"]
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return index if np.isfinite(index).all() else None


def _time(text: Any) -> str:
    """A task's time in UTC to the second; now if it has none that can be read."""
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return utc_now()
    moment = moment.replace(tzinfo=moment.tzinfo or timezone.utc)
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
