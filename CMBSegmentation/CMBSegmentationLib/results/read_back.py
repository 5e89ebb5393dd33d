"""The folder that a detection left on disk, read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ..errors import InputError
from ..files.fields import Fields, read_json
from ..files.paths import check_utf_8
from ..reading.apart import apart
from ..reading.image_file import read_image
from ..reading.scan import read_label_image
from .names import ENDINGS, READABLE_VERSIONS, SCHEMA_VERSION, first_part, names_beginning, scan_of
from .stored_list import StoredList, from_json

MOST_NAMED = 8  # scans in a message


class SeveralResultsError(InputError):
    """A folder holds the results of several scans, and which one is meant was not said or is none of them."""


@dataclass(frozen=True)
class ResultFolder:
    """The results of one scan.

    Attributes
    ----------
    stored : StoredList
        The list.
    labels : SimpleITK.Image
        Value = lesion id.
    probability, brain : SimpleITK.Image or None
        None if they were not stored; `brain` is a mask, or a map of regions as `detecting.regions.Regions.tissue`.
    stem : str
        The scan's name without extension.
    field : SimpleITK.Image or None
        The local phase (`detecting.phase.local_field`); None where the scan has no phase.
    """

    stored: StoredList
    labels: sitk.Image
    probability: sitk.Image | None
    brain: sitk.Image | None
    stem: str = ""
    field: sitk.Image | None = None


def read_result_folder(folder: Path, stem: str | None = None) -> ResultFolder:
    """Read what `running.write.write_results` wrote.

    Parameters
    ----------
    folder : Path
        With the results of one scan or of several.
    stem : str, optional
        The scan's name without extension: says whose results are meant where there are several.

    Returns
    -------
    ResultFolder

    Raises
    ------
    InputError
        There is no list, or a file is damaged, missing or of another version.
    SeveralResultsError
        There are several lists, and none is meant.
    """
    path = _list_of(folder, stem)
    first = path.name.removesuffix(ENDINGS["json"])
    mapped = (folder / names_beginning(first, probability=True, regions=True)["brain"]).exists()
    names = names_beginning(first, probability=True, regions=mapped, phase=True)
    stored = read_list(path)
    files = [folder / names[kind] for kind in ("labels", "probability", "brain", "field")]
    labels, (probability, brain, field) = apart(_read_images, *files, name=names["labels"])
    if stored.candidates is not None and stored.candidates.grid.shape != labels.GetSize()[::-1]:
        raise InputError(f"{path.name} and {names['labels']} are not of one scan.", "Run the detection again.")
    return ResultFolder(stored, labels, probability, brain, scan_of(first), field)


def read_list(path: Path) -> StoredList:
    """Read the JSON list of a result, of this version or an earlier one.

    Raises
    ------
    InputError
        It is missing, damaged or of a later version.
    """
    try:
        content = Fields(read_json(path.read_text(encoding="utf-8")))
        version = content.whole("schema_version")
        if version not in READABLE_VERSIONS:
            raise InputError(
                f"{path.name} has schema version {version}, this program reads up to {SCHEMA_VERSION}.",
                "Update this program, or run the detection again.",
            )
        return from_json(content, version, path.name)
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} is damaged ({error}).", "Run the detection again.") from error


def _list_of(folder: Path, stem: str | None) -> Path:
    """Find the list that is meant."""
    try:
        lists = sorted(folder.glob(f"*{ENDINGS['json']}"))
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror}).", "Ask for permission to read it.") from error
    names = [first_part(stem), stem] if stem else []  # the second is how 0.1.0 named them
    own = [path for name in names for path in lists if path.name == f"{name}{ENDINGS['json']}"]
    if not lists:
        raise InputError(f"{folder} holds no result list.", "Give the folder that a detection or a review wrote.")
    if len(lists) > 1 and not own:
        stems = ", ".join(scan_of(path.name.removesuffix(ENDINGS["json"])) for path in lists[:MOST_NAMED])
        more = f" and {len(lists) - MOST_NAMED} more" if len(lists) > MOST_NAMED else ""
        of = f", none of them of {stem}" if stem else ""
        raise SeveralResultsError(
            f"{folder} holds the results of {len(lists)} scans ({stems}{more}){of}.", "Give the scan that is meant."
        )
    return own[0] if own else lists[0]


def _read_images(labels: Path, *others: Path) -> tuple[sitk.Image, list[sitk.Image | None]]:
    """Read the labels, which must be there, and what else was stored."""
    return _read_image(labels), [_read_image(path) if path.exists() else None for path in others]


def _read_image(path: Path) -> sitk.Image:
    check_utf_8(path)
    try:
        import nibabel  # noqa: F401  # not in Slicer until installed: there, scans and results are in ITK's geometry
    except ImportError:
        reader: Any = read_image
    else:
        reader = read_label_image
    try:
        return reader(path)
    except (RuntimeError, InputError) as error:
        raise InputError(f"{path.name} is missing or damaged.", "Run the detection again.") from error
