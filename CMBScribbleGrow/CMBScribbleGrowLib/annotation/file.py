"""A study's annotation on disk: JSON beside the segmentation, readable without this program.

Form, schema version 2: ``schema_version, software, coordinates, scan, report, priority`` and ``annotations``,
a list with one object a reader whose keys are the fields of `annotation.records.Annotation`.
Version 1 (0.1.0) has no ``acceptance`` of a microbleed: each counts as accepted.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from CMBSegmentationLib import __version__
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.atomic_file import DamagedFileError, replacing, set_aside, write_error
from CMBSegmentationLib.files.fields import read_json
from CMBSegmentationLib.files.paths import check_names

from .records import LISTS, Annotation, Assessment, Growing, Microbleed, SeriesQuality, Study

SCHEMA_VERSION, FIRST_SCHEMA_VERSION = 2, 1
COORDINATES = "patient RAS, mm"
ANNOTATION_ENDING = "_desc-cmb_annotation.json"
SEGMENTS_ENDING = "_desc-cmb_annotation.seg.nrrd"

Record = TypeVar("Record")


@dataclass(frozen=True)
class StudyFiles:
    """Where the annotation of one study lies.

    Attributes
    ----------
    folder : Path
    stem : str
        The scan's name without extension (`CMBSegmentationLib.reading.scan.scan_stem`).
    """

    folder: Path
    stem: str

    @property
    def annotation(self) -> Path:
        """The records."""
        return self.folder / (self.stem + ANNOTATION_ENDING)

    @property
    def segments(self) -> Path:
        """The masks."""
        return self.folder / (self.stem + SEGMENTS_ENDING)


def open_study(files: StudyFiles, scan: str) -> tuple[Study, tuple[str, ...]]:
    """Read a study to go on with it, or begin one.

    Parameters
    ----------
    files : StudyFiles
    scan : str
        The scan's name, for a study that begins.

    Returns
    -------
    study : Study
    notes : tuple of str
        What its reader must know: a damaged file was set aside, and where.

    Raises
    ------
    InputError
        The file is of a newer schema, or may not be read; it is left untouched.
    """
    if not files.annotation.exists():
        return Study(scan=scan), ()
    try:
        return read_study(files.annotation), ()
    except DamagedFileError as damage:
        return Study(scan=scan), (set_aside(files.annotation, damage),)


def read_study(path: Path) -> Study:
    """Read an annotation file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Study

    Raises
    ------
    DamagedFileError
        It is no JSON, or not of this form; the message names the place and the wrong value.
    InputError
        It is missing, may not be read, or is of a newer schema.
    """
    try:
        data = read_json(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).", "Check the path and your rights.") from error
    except ValueError as error:
        raise DamagedFileError(
            f"{path.name} is damaged: it is not JSON ({error}).", "Restore it from a backup."
        ) from error
    _check_schema(data, path)
    try:
        return study_from_json(data)
    except InputError as error:
        raise DamagedFileError(f"{path.name} is damaged: {error.message}", error.hint) from error


def write_study(path: Path, study: Study) -> None:
    """Write an annotation file, whole or not at all; raises as `CMBSegmentationLib.files.atomic_file.replacing`."""
    text = json.dumps(study_to_json(study), indent=1, ensure_ascii=False, allow_nan=False)
    with replacing(path) as draft:
        draft.write_text(text + "\n", encoding="utf-8")


def make_folder(files: StudyFiles) -> None:
    """Make the folder of a study's files where it is not there; raises as `write_study`."""
    check_names(files.folder, [files.annotation.name, files.segments.name])
    try:
        files.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(files.annotation, error) from error


def study_to_json(study: Study) -> dict[str, Any]:
    """Give the JSON form of a study."""
    head = {"schema_version": SCHEMA_VERSION, "software": f"slicer-cmb {__version__}", "coordinates": COORDINATES}
    return {**head, **asdict(study)}


def study_from_json(data: dict[str, Any]) -> Study:
    """Make a study of its JSON form; `InputError` names the place and the wrong value."""
    annotations = [
        _annotation(one, f"annotations[{number}]") for number, one in enumerate(_list(data, "annotations", "the file"))
    ]
    about = {key: data[key] for key in ("scan", "report", "priority") if key in data}
    return _record(Study, {**about, "annotations": tuple(annotations)}, "the file")


def _check_schema(data: Any, path: Path) -> None:
    version = data.get("schema_version") if isinstance(data, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise DamagedFileError(
            f"{path.name} is damaged: it has no schema_version.", "Is it an annotation of this program?"
        )
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{path.name} is of a newer version of the program (schema {version}; this one knows {SCHEMA_VERSION}).",
            "Update the program. The file was left untouched.",
        )
    if version < FIRST_SCHEMA_VERSION:
        raise DamagedFileError(
            f"{path.name} is damaged: schema_version is {version}, and {FIRST_SCHEMA_VERSION} is the first there is.",
            "Restore it from a backup.",
        )


def _annotation(data: Any, where: str) -> Annotation:
    fields = dict(_object(data, where))
    for kind, name in LISTS.items():
        fields[name] = tuple(
            _record(kind, _prepared(kind, one, f"{where}.{name}[{n}]"), f"{where}.{name}[{n}]")
            for n, one in enumerate(_list(fields, name, where))
        )
    if fields.get("assessment") is not None:
        fields["assessment"] = _record(Assessment, fields["assessment"], f"{where}.assessment")
    return _record(Annotation, fields, where)


def _prepared(kind: type, data: Any, where: str) -> dict[str, Any]:
    fields = dict(_object(data, where))
    if kind is Microbleed and fields.get("growing") is not None:
        fields["growing"] = _record(Growing, fields["growing"], f"{where}.growing")
    if kind is SeriesQuality:
        fields["flags"] = tuple(_list(fields, "flags", where))
    return fields


def _record(kind: type[Record], data: Any, where: str) -> Record:
    fields = _object(data, where)
    known = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(fields) - set(known))
    missing = [name for name, field in known.items() if name not in fields and field.default is dataclasses.MISSING]
    if unknown or missing:
        what = f"the unknown {unknown[0]!r}" if unknown else f"no {missing[0]!r}"
        raise InputError(f"{where} has {what}.", f"Its fields are: {' · '.join(known)}.")
    try:
        return kind(**fields)
    except InputError as error:
        raise InputError(f"{where}: {error.message}", error.hint) from error


def _object(data: Any, where: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise InputError(f"{where} is {str(data)[:40]!r}.", "It must be an object.")
    return data


def _list(data: dict[str, Any], name: str, where: str) -> list[Any]:
    value = data.get(name, [])
    if not isinstance(value, list):
        raise InputError(f"{name} in {where} is {str(value)[:40]!r}.", "It must be a list.")
    return value
