"""A task of a RedBrick export as its file has it: checked once, so that what takes it apart need not ask again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.fields import Fields, WrongValueError, wrong

DRAWN = ("landmarks", "measurements", "ellipses", "boundingBoxes", "cuboids", "polygons", "polylines",
         "instanceClassifications")  # fmt: skip
"""What a series may hold beside, for which the protocol has no place."""


def tasks_in(data: Any, path: Path) -> list[dict[str, Any]]:
    """Give the tasks of an export's JSON; a consensus task as one a reader, all with the task's name.

    Parameters
    ----------
    data : object
        One task or a list of tasks.
    path : Path
        Names the export in messages.

    Raises
    ------
    InputError
        It holds no task with series; or a value is not of its kind, and the message names its key.
    """
    tasks: list[dict[str, Any]] = []
    try:
        for number, one in enumerate(data if isinstance(data, list) else [data]):
            about = Fields(one, f"task {number + 1}")
            name = about.text("name", default="")
            parts = list(about.records("consensusTasks", default=()))
            tasks += [{**_checked(part), "name": name} for part in parts] or [_checked(about)]
    except WrongValueError as error:
        raise InputError(f"{path.name}: {error}", "Export it again as JSON. See: redbrick export.") from error
    if not tasks or not all(task["series"] for task in tasks):
        raise InputError(f"{path.name} holds no task with series.", "Is it a RedBrick export? See: redbrick export.")
    return tasks


def _checked(about: Fields) -> dict[str, Any]:
    for key in ("name", "updatedBy", "updatedAt"):
        about.text(key, default="")
    about.mapping("classification", default={})
    for series in about.records("series", default=()):
        series.text("name", default="")
        series.flag("binaryMask", default=False)
        for mask in (series, *(one for one in _labels(series) if one is not None)):
            for key in ("items", "segmentations", "mask"):
                names_of(mask, key)
        for key in ("landmarks3d", "classifications", *DRAWN):
            series.items(key, default=())
    return {**about.plain, "series": list(about.items("series", default=()))}


def _labels(series: Fields) -> list[Fields | None]:
    labels = series.fields("segmentMap", default={})
    return [labels.fields(key) if isinstance(one, dict) else None for key, one in labels.plain.items()]


def names_of(fields: Fields, key: str) -> list[str]:
    """Give the names of files that an entry has: one as text, or a list of them; none where it is missing."""
    value = fields.plain.get(key) or []
    names = value if isinstance(value, list) else [value]
    for name in names:
        if not isinstance(name, str) or "\0" in name:
            raise wrong(fields.named(key), value, "a file's name, or a list of names")
    return [name for name in names if name]
