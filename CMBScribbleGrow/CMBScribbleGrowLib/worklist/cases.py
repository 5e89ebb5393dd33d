"""The studies that a reader has to annotate: read from a folder or a CSV, those of the same priority in its order.

What is done is read from the annotation files, so a list is resumed from what is on the disk. To mark a study
done, save `annotation.edits.with_done` of its annotation and ask for the list `refreshed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.scan import scan_stem

from ..annotation.file import StudyFiles, read_study
from ..annotation.words import NOT_ANSWERED, PRIORITIES
from .sources import Listed, listed_in_csv, listed_in_folder


@dataclass(frozen=True)
class WorkItem:
    """One study to annotate.

    Attributes
    ----------
    study : str
        Its name, once in the list.
    scan : Path
        File or DICOM folder.
    report : Path or None
        Text of the radiological report.
    priority : str
        Of `PRIORITIES`, or empty.
    files : StudyFiles
        Where its annotation is or will be.
    done : bool
        By the list's reader.
    problem : str
        Why it cannot be opened; empty where it can.
    """

    study: str
    scan: Path
    report: Path | None
    priority: str
    files: StudyFiles
    done: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Worklist:
    """A reader's studies, first to last.

    Attributes
    ----------
    reader : str
    items : tuple of WorkItem
    notes : tuple of str
        What was wrong in the source and how it was taken.
    """

    reader: str
    items: tuple[WorkItem, ...]
    notes: tuple[str, ...] = ()

    @property
    def progress(self) -> tuple[int, int]:
        """Number done, and number of all."""
        return sum(item.done for item in self.items), len(self.items)


def read_worklist(source: Path, reader: str, out: Path | None = None) -> Worklist:
    """Read a list of studies.

    Parameters
    ----------
    source : Path
        A folder of scans, a folder of study folders, or a CSV (`worklist_sources`).
    reader : str
        Whose work it is.
    out : Path, optional
        Annotations go to ``out/<study>/``; without it beside each scan.

    Returns
    -------
    Worklist
        By priority (no other pathology, tumours, the rest, then those without one); those of the same priority in
        the order of the CSV, of a folder by name.

    Raises
    ------
    InputError
        The source is missing or unreadable, names no study, or lists two studies whose annotations would be one file.
    """
    if not source.exists():
        raise InputError(f"{source} does not exist.", "Give a folder of scans or a CSV file.")
    listed, notes = listed_in_folder(source) if source.is_dir() else listed_in_csv(source)
    if not listed:
        reasons = " ".join(notes)
        raise InputError(
            f"{source} lists no study. {reasons}".strip(), "Give a folder of scans or a CSV with a column 'scan'."
        )
    found = [_as_on_disk(_item(one, out), reader) for one in listed]
    _check_files([item for item, _ in found])
    items = sorted((item for item, _ in found), key=_by_name) if source.is_dir() else [item for item, _ in found]
    items.sort(key=_by_priority)
    missing = [f"{item.study}: {item.problem}" for item in items if item.problem]
    return Worklist(reader, tuple(items), (*notes, *missing, *(note for _, note in found if note)))


def refreshed(worklist: Worklist, reader: str | None = None) -> Worklist:
    """Read again which studies are done: by the list's reader, or by another one whose list it is from then on."""
    reader = worklist.reader if reader is None else reader
    items = tuple(_as_on_disk(item, reader)[0] for item in worklist.items)
    return replace(worklist, reader=reader, items=items)


def next_item(worklist: Worklist, after: str = "") -> WorkItem | None:
    """Give the next study to do: the first after the one named, then from the start; None where all is done."""
    names = [item.study for item in worklist.items]
    start = names.index(after) + 1 if after in names else 0
    turn = worklist.items[start:] + worklist.items[:start]
    return next((item for item in turn if not item.done and not item.problem and item.study != after), None)


def filtered(
    worklist: Worklist, *, done: bool | None = None, priority: str | None = None, text: str = ""
) -> tuple[WorkItem, ...]:
    """Pick the studies to show.

    Parameters
    ----------
    worklist : Worklist
    done : bool, optional
        Only what is done, or only what is to do.
    priority : str, optional
        One of `PRIORITIES`, or empty for those without one.
    text : str
        Found in the study's name, in any case.

    Returns
    -------
    tuple of WorkItem
    """
    return tuple(
        item
        for item in worklist.items
        if (done is None or item.done == done)
        and (priority is None or item.priority == priority)
        and text.casefold() in item.study.casefold()
    )


def report_text(item: WorkItem) -> str:
    """Read a study's report; empty where there is none. `InputError` where it cannot be read."""
    if item.report is None:
        return ""
    try:
        return item.report.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(f"The report {item.report} cannot be read ({error.strerror}).", "Check the path.") from error


def _item(listed: Listed, out: Path | None) -> WorkItem:
    scan = listed.scan
    files = StudyFiles(out / listed.study if out else scan.parent, scan_stem(scan))
    problem = "" if scan.exists() else f"the scan {scan} does not exist."
    return WorkItem(listed.study, scan, listed.report, listed.priority, files, problem=problem)


def _check_files(items: Sequence[WorkItem]) -> None:
    taken: dict[Path, str] = {}
    for item in items:
        other = taken.setdefault(item.files.annotation, item.study)
        if other != item.study:
            raise InputError(
                f"{other} and {item.study} have the same annotation file {item.files.annotation}.",
                "List each scan once, or give a folder for the annotations.",
            )


def _as_on_disk(item: WorkItem, reader: str) -> tuple[WorkItem, str]:
    """The item as its annotation file says, and a note where that cannot be read."""
    if not item.files.annotation.exists():
        return replace(item, done=False), ""
    try:
        study = read_study(item.files.annotation)
    except InputError as error:
        return replace(item, done=False), f"{item.study}: {error.message}"
    return replace(item, done=study.of(reader).done, priority=item.priority or study.priority), ""


def _by_priority(item: WorkItem) -> int:
    order: Sequence[str] = (*PRIORITIES, NOT_ANSWERED)
    return order.index(item.priority)


def _by_name(item: WorkItem) -> tuple[str, str]:
    return item.study.casefold(), item.study
