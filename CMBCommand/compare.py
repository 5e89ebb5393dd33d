"""`cmb compare`: two scans of a patient, and what became of each microbleed."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from CMBSegmentationLib.compare.page import COLUMNS, ENDINGS, Study, write_comparison
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.models.hardware import DEVICES
from CMBSegmentationLib.reading.apart import read_scan_apart
from CMBSegmentationLib.reading.scan_identity import doubts, identity_of
from CMBSegmentationLib.results.as_detection import read_detection
from CMBSegmentationLib.results.folder import check_output_folder
from CMBSegmentationLib.results.names import all_names
from CMBSegmentationLib.running.run import Request
from CMBSegmentationLib.running.run import run as search
from CMBSegmentationLib.vocabulary.notice import NOTICE


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add FIRST, SECOND, -o and the rest to a parser."""
    parser.add_argument("first", metavar="FIRST", type=Path, help="the earlier scan: a file, or a DICOM folder")
    parser.add_argument("second", metavar="SECOND", type=Path, help="the later scan")
    parser.add_argument("-o", "--out", metavar="OUT", type=Path, required=True, help="folder for table and page")
    parser.add_argument(
        "--results",
        metavar="FOLDER",
        type=Path,
        nargs=2,
        help="folders of earlier results of the two scans, reviewed ones too (default: both are searched now)",
    )
    parser.add_argument(
        "--series",
        metavar=("FIRST", "SECOND"),
        nargs=2,
        default=(None, None),
        help="number or UID of the DICOM series of each scan, - to choose it (default: the most suitable ones)",
    )
    parser.add_argument("--model", metavar="MODEL", help="for the search (default: the bundled one)")
    parser.add_argument("--device", default="auto", help=f"{', '.join(DEVICES)} (default: auto)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier comparison")


def run(arguments: argparse.Namespace, screen: Console) -> int:
    """Compare and say what changed; `CMBError` where something is wrong."""
    scans = (arguments.first, arguments.second)
    series = [None if one == "-" else one for one in arguments.series]
    if arguments.first.resolve() == arguments.second.resolve() and series[0] == series[1]:
        raise InputError("Both scans are the same file.", "Give the earlier and the later scan.")
    folders = arguments.results or [arguments.out / "first", arguments.out / "second"]
    whose, stems = [], []
    meant = list(zip(scans, series, folders, strict=True))
    for scan, number, _ in meant:  # what is wrong is told before the first is searched
        given = read_scan_apart(scan, number)
        whose.append(identity_of(given))
        stems.append(given.stem)
    check_output_folder(arguments.out, {stems[1] + ending for ending in ENDINGS.values()}, arguments.overwrite)
    for stem, folder in zip(stems, folders, strict=True):
        if not arguments.results:
            check_output_folder(folder, all_names(stem), arguments.overwrite)
    for which, scan, identity in zip(("first", "second"), scans, whose, strict=True):
        screen.print(f"The {which} scan: {scan.name}, {identity.words}", highlight=False, markup=False, soft_wrap=True)
    for warning in doubts(*whose):
        screen.print(f"Warning: {warning}", highlight=False, markup=False, soft_wrap=True)
    studies = []
    for (scan, number, folder), stem in zip(meant, stems, strict=True):
        if not arguments.results:
            screen.print(f"Searching {scan.name}", highlight=False, markup=False)
            request = Request(
                scan,
                folder,
                series=number,
                model=arguments.model,
                device=arguments.device,
                save_probability=True,
                overwrite=arguments.overwrite,
            )
            search(request)
        stored = read_detection(folder, scan, number)
        studies.append(Study(stem, stored.detection, stored.identity))
    screen.print("Aligning the scans", highlight=False)
    files = write_comparison(studies[0], studies[1], arguments.out)
    _tell(files, Console())
    return 0


def _tell(files: dict[str, Path], page: Console) -> None:
    import csv
    import json

    with files["table"].open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            where = "first" if row["first_id"] else "second"
            position = ", ".join(f"{float(row[f'{where}_{axis}_mm']):.1f}" for axis in "ras")
            why = f" ({row['why']})" if row[COLUMNS[-1]] else ""
            page.print(f"{row['status']:>9}  RAS {position} mm{why}", highlight=False, markup=False, soft_wrap=True)
    told = json.loads(files["json"].read_text(encoding="utf-8"))
    for sentence in (told["sentence"], told["scales_sentence"], told["aria_h"]["sentence"]):
        page.print(sentence, highlight=False, soft_wrap=True, markup=False)
    page.print(NOTICE, highlight=False, soft_wrap=True)
    page.print(f"  Table: {files['table']}\n   Page: {files['page']}", highlight=False, soft_wrap=True, markup=False)
