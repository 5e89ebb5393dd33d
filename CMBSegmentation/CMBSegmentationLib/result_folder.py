"""The folder that a detection left on disk, read back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from .errors import InputError
from .image_file import read_image
from .lesions import COLUMNS
from .result_files import ENDINGS, SCHEMA_VERSION, result_names
from .review.lesion_list import REVIEW_COLUMNS


@dataclass(frozen=True)
class ResultFolder:
    """The results of one scan.

    Attributes
    ----------
    rows : list of dict
        Lesions by column name, accepted and dropped, in the order of the list.
    provenance : dict
        As in `Detection.provenance`, and ``notes``: what was repaired on reading, worded for the user.
    labels : SimpleITK.Image
        Value = lesion id.
    probability, brain : SimpleITK.Image or None
        None if they were not stored; `brain` is a mask, or a map of regions as `regions.Regions.tissue`.
    stem : str
        The scan's name without extension.
    reviewed : dict
        What readers said, by lesion id: values of `REVIEW_COLUMNS`; empty where nobody has read.
    """

    rows: list[dict[str, Any]]
    provenance: dict[str, Any]
    labels: sitk.Image
    probability: sitk.Image | None
    brain: sitk.Image | None
    stem: str = ""
    reviewed: dict[int, dict[str, Any]] = field(default_factory=dict)


def read_result_folder(folder: Path) -> ResultFolder:
    """Read what `outputs.write_results` wrote.

    Parameters
    ----------
    folder : Path
        With the results of one scan.

    Returns
    -------
    ResultFolder

    Raises
    ------
    InputError
        There is no list or more than one, or a file is damaged, missing or of another version.
    """
    lists = sorted(folder.glob(f"*{ENDINGS['json']}"))
    if len(lists) != 1:
        what = "no result list" if not lists else f"the results of {len(lists)} scans"
        raise InputError(f"{folder} holds {what}.", "Run the detection again, into a folder of its own.")
    stem = lists[0].name.removesuffix(ENDINGS["json"])
    mapped = (folder / result_names(stem, probability=True, regions=True)["brain"]).exists()
    names = result_names(stem, probability=True, regions=mapped)
    try:
        content = json.loads(lists[0].read_text(encoding="utf-8"))
        version = content["schema_version"]
        rows = [{name: row[name] for name in COLUMNS} for row in content["lesions"]]
        reviewed = {
            row["id"]: {name: row[name] for name in REVIEW_COLUMNS} for row in content["lesions"] if "decision" in row
        }
        provenance = {**content["provenance"], "notes": list(content.get("notes", ()))}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{lists[0].name} is damaged ({error!r}).", "Run the detection again.") from error
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{lists[0].name} has schema version {version}, this program reads {SCHEMA_VERSION}.",
            "Update this program, or run the detection again.",
        )
    return ResultFolder(
        rows=rows,
        provenance=provenance,
        labels=_read_image(folder / names["labels"]),
        probability=_read_image_if_there(folder / names["probability"]),
        brain=_read_image_if_there(folder / names["brain"]),
        stem=stem,
        reviewed=reviewed,
    )


def _read_image(path: Path) -> sitk.Image:
    try:
        return read_image(path)
    except RuntimeError as error:
        raise InputError(f"{path.name} is missing or damaged.", "Run the detection again.") from error


def _read_image_if_there(path: Path) -> sitk.Image | None:
    return _read_image(path) if path.exists() else None
