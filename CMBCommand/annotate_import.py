"""`cmb annotate-import`: annotations made in RedBrick AI become a study's annotation files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from CMBScribbleGrowLib.annotation.edits import with_annotation
from CMBScribbleGrowLib.annotation.file import StudyFiles, make_folder, open_study, write_study
from CMBScribbleGrowLib.annotation.segments_file import replace_segments
from CMBScribbleGrowLib.redbrick.bring_in import Imported, import_task, read_tasks
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.atomic_file import folder_lock
from CMBSegmentationLib.files.paths import is_there
from CMBSegmentationLib.reading.apart import read_scan_apart
from CMBSegmentationLib.reading.scan import Scan
from CMBSegmentationLib.vocabulary.numbers import counted


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add EXPORT, --scan, -o and the rest to a parser."""
    parser.add_argument("export", metavar="EXPORT", type=Path, help="JSON of RedBrick's export: one task or several")
    parser.add_argument("-o", "--out", metavar="OUT", type=Path, required=True, help="folder for the annotations")
    parser.add_argument("--task", metavar="NAME", help="the one task to import (default: all)")
    parser.add_argument(
        "--scan", metavar="SCAN", type=Path, help="the task's scan (default: the file the export names)"
    )
    parser.add_argument(
        "--segmentation", metavar="NIFTI", type=Path, help="its numbered segments (default: the files the export names)"
    )
    parser.add_argument("--reader", metavar="NAME", help="who annotated (default: who last edited the task)")
    parser.add_argument("--overwrite", action="store_true", help="replace what the reader has annotated there before")


def run(arguments: argparse.Namespace, screen: Console) -> int:
    """Import, and print what was written and what was not understood.

    Raises
    ------
    InputError
        The export, a scan or a segmentation is wrong, or the reader has annotated the study before.
    MachineError
        The disk is full or failed.
    """
    tasks = [task for task in read_tasks(arguments.export) if arguments.task in (None, task.get("name"))]
    if not tasks:
        raise InputError(f"{arguments.export.name} holds no task {arguments.task!r}.", "Check its name in the export.")
    if len({task.get("name") for task in tasks}) > 1 and (arguments.scan or arguments.segmentation):
        names = ", ".join(repr(task.get("name")) for task in tasks)
        raise InputError(
            f"{arguments.export.name} holds several tasks ({names}).", "Say with --task whose the scan is."
        )
    prepared = []  # all are read before the first is written
    for task in tasks:
        scan = read_scan_apart(arguments.scan or _scan_of(task, arguments.export.parent))
        part = import_task(
            task,
            scan.image,
            arguments.export.parent,
            reader=arguments.reader or "",
            segmentation=arguments.segmentation,
        )
        prepared.append((task, scan, part))
    _check_readers([(scan, part) for _, scan, part in prepared])
    for task, scan, part in prepared:
        for line in _written(task, scan, part, arguments.out, arguments.overwrite):
            print(line)
    return 0


def _written(task: dict[str, Any], scan: Scan, part: Imported, out: Path, overwrite: bool) -> Iterator[str]:
    files = StudyFiles(out, scan.stem)
    reader = part.annotation.reader
    make_folder(files)
    with folder_lock(out):
        study, notes = open_study(files, scan.source.name)
        if reader in study.readers and not overwrite:
            raise InputError(
                f"{files.annotation} already holds {reader}'s annotation.",
                "Nothing was changed. Give --overwrite to replace it, or another reader or folder.",
            )
        replace_segments(files.segments, reader, part.segments, scan.image)
        write_study(files.annotation, with_annotation(study, part.annotation))
    said = part.annotation
    yield (
        f"{task.get('name') or scan.stem}, {reader}: {counted(len(said.microbleeds), 'microbleed')}, "
        f"{counted(len(said.mimics), 'mimic')}, {counted(len(said.findings), 'other finding')} in {files.annotation}"
    )
    yield from (f"  Note: {note}" for note in (*scan.notes, *notes, *part.notes))


def _scan_of(task: dict[str, Any], folder: Path) -> Path:
    """The image of the series that was drawn on, as the export names it."""
    drawn_on = next((one for one in task["series"] if one.get("segmentMap")), task["series"][0])
    items = drawn_on.get("items")
    names = [items] if isinstance(items, str) else list(items or [])
    path = folder / str(names[0]) if names else folder
    path = path.parent if len(names) > 1 else path  # several: the files of a DICOM series
    if not names or not is_there(path):
        named = f"names the scan {path}, which is not there" if names else "names no scan"
        raise InputError(f"Task {task.get('name')!r} {named}.", "Give it with --scan.")
    return path


def _check_readers(parts: Sequence[tuple[Scan, Imported]]) -> None:
    """Refuse two parts that would be written over each other."""
    seen: set[tuple[str, str]] = set()
    for scan, part in parts:
        key = (scan.stem, part.annotation.reader)
        if key in seen:
            raise InputError(
                f"Two tasks are {key[1]}'s annotation of {key[0]}.",
                "Import them one by one with --task, to folders of their own.",
            )
        seen.add(key)
