"""Where a worklist comes from: a folder of scans, a folder of study folders, or a CSV.

CSV: a heading row with ``scan`` and, as far as known, ``study, priority, report``; commas, semicolons or tabs;
paths relative to the CSV. Folders: a report is a text beside the scan, ``<scan>.txt`` or ``<scan>_report.txt``,
or the only text in a study's own folder.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.scan import FILE_SUFFIXES, scan_stem

from ..annotation.words import NOT_ANSWERED, PRIORITIES

COLUMNS = ("study", "scan", "priority", "report")
PRIORITY_WORDS = {
    "1": PRIORITIES[0], "none": PRIORITIES[0], "2": PRIORITIES[1], "tumor": PRIORITIES[1], "tumours": PRIORITIES[1],
    "tumors": PRIORITIES[1], "3": PRIORITIES[2], "rest": PRIORITIES[2],
}  # fmt: skip
"""What lists write for the three classes beside the words themselves."""

NOT_A_SCAN = re.compile(r"_desc-(cmb|brain)_|_(mask|dseg|probseg|CMB)\.|\.seg\.|^\.", re.IGNORECASE)
"""Results and truth lie beside scans: this program's, and VALDO's ``_CMB`` (Docs/paper.md, section 3)."""

BLEED_SEQUENCE = re.compile(r"(T2S|T2star|T2starw|SWI|GRE|SWAN|MIP)$", re.IGNORECASE)
"""How a scan's name ends on whose sequence microbleeds show, where a study holds others too."""


@dataclass(frozen=True)
class Listed:
    """One study as its source names it."""

    study: str
    scan: Path
    report: Path | None = None
    priority: str = NOT_ANSWERED


def listed_in_csv(path: Path) -> tuple[list[Listed], list[str]]:
    """Read the studies of a CSV.

    Parameters
    ----------
    path : Path

    Returns
    -------
    listed : list of Listed
    notes : list of str
        Rows that say twice the same, unknown priorities, missing reports.

    Raises
    ------
    InputError
        It is no CSV in UTF-8, has no column ``scan``, or a row is wrong; the message names the line.
    """
    rows = _rows(path)
    notes: list[str] = []
    found: dict[str, tuple[int, Listed]] = {}
    for line, row in rows:
        if not any(row.values()):
            continue
        if not row.get("scan"):
            raise InputError(f"{path.name}, line {line}: no scan.", "Give each study's scan, relative to the CSV.")
        scan = path.parent / row["scan"]
        study = row.get("study") or scan_stem(scan)
        if re.search(r"[/\\\x00-\x1f]|^\.+$", study):
            raise InputError(f"{path.name}, line {line}: study is {study!r}.", "It names a folder: give it no slashes.")
        report = path.parent / row["report"] if row.get("report") else None
        if report is not None and not report.is_file():
            notes.append(f"{study}: the report {row['report']} does not exist; it is shown without.")
            report = None
        priority, note = _priority(row.get("priority", ""))
        notes += [f"{study}: {note}"] * bool(note)
        one = Listed(study, scan, report, priority)
        if study not in found:
            found[study] = (line, one)
        elif found[study][1] == one:
            notes.append(f"{study} is listed twice (lines {found[study][0]} and {line}); it is taken once.")
        else:
            raise InputError(
                f"{path.name} lists {study} twice with different values (lines {found[study][0]} and {line}).",
                "Give each study one line, or each its own name.",
            )
    return [one for _, one in found.values()], notes


def listed_in_folder(folder: Path) -> tuple[list[Listed], list[str]]:
    """Find the studies of a folder: its scans, and its subfolders that hold one scan or DICOM series each.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    listed : list of Listed
    notes : list of str
        Subfolders and files that could not be taken, and why.

    Raises
    ------
    InputError
        The folder may not be read.
    """
    notes: list[str] = []
    found: dict[str, Listed] = {}
    try:
        inside = sorted(folder.iterdir())
        candidates = [(scan_stem(scan), scan, _report_beside(scan)) for scan in _scans(inside)]
        for part in (part for part in inside if part.is_dir() and not part.name.startswith(".")):
            scan, note = _scan_of_study(part)
            notes += [note] * bool(note)
            if scan is not None:
                candidates.append((part.name, scan, _report_beside(scan) or _only_text(part)))
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}).", "Check your rights.") from error
    for study, scan, report in candidates:
        if study in found:
            notes.append(f"{study} is there twice: {found[study].scan.name} is taken, {scan.name} is not.")
        else:
            found[study] = Listed(study, scan, report)
    return list(found.values()), notes


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows with their line numbers; headings in lower case, spaces stripped."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        table = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).", "Check the path and your rights.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} cannot be read as a CSV ({error}).", "Save it as CSV in UTF-8.") from error
    headings = [heading.casefold() for heading in table[0][1]] if table else []
    if "scan" not in headings:
        known = ", ".join(COLUMNS)
        raise InputError(
            f"{path.name} has no column 'scan' ({', '.join(headings) or 'it is empty'}).", f"Known columns: {known}."
        )
    for line, cells in table[1:]:
        if len(cells) > len(headings):
            raise InputError(
                f"{path.name}, line {line}: {len(cells)} cells under {len(headings)} headings.",
                "Put quotes around commas.",
            )
    return [(line, dict(zip(headings, cells, strict=False))) for line, cells in table[1:]]


def _priority(text: str) -> tuple[str, str]:
    word = text.casefold().strip()
    known = {**PRIORITY_WORDS, **{priority.casefold(): priority for priority in PRIORITIES}, "": NOT_ANSWERED}
    if word in known:
        return known[word], ""
    return NOT_ANSWERED, f"the priority {text!r} is not known ({' · '.join(PRIORITIES)}); it comes last."


def _scans(paths: Iterable[Path]) -> list[Path]:
    return [
        p for p in paths if p.is_file() and p.name.lower().endswith(FILE_SUFFIXES) and not NOT_A_SCAN.search(p.name)
    ]


def _scan_of_study(folder: Path) -> tuple[Path | None, str]:
    """The one scan of a study's folder; else None and why."""
    inside = sorted(folder.iterdir())
    scans = _scans(inside)
    bleeding = [scan for scan in scans if BLEED_SEQUENCE.search(scan_stem(scan))]
    choice: Sequence[Path] = bleeding or scans
    if len(choice) == 1:
        return choice[0], ""
    if len(choice) > 1:
        names = ", ".join(scan.name for scan in choice)
        return None, f"{folder.name} holds several scans ({names}) and is left out; say which in a CSV."
    return (folder, "") if any(map(_is_dicom, inside)) else (None, f"{folder.name} holds no scan and is left out.")


def _is_dicom(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"  # DICOM PS3.10, section 7.1


def _report_beside(scan: Path) -> Path | None:
    names = (f"{scan_stem(scan)}.txt", f"{scan_stem(scan)}_report.txt")
    return next((scan.parent / name for name in names if (scan.parent / name).is_file()), None)


def _only_text(folder: Path) -> Path | None:
    texts = sorted(folder.glob("*.txt"))
    return texts[0] if len(texts) == 1 else None
