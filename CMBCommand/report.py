"""`cmb report`: the report of a result folder made anew, as page and as PDF, and for the DICOM archive."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from CMBSegmentationLib.dicom_out import DicomExport, ExportSource, dicom_objects, prepare_export, write_objects
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.draft_folder import drafts, move_in
from CMBSegmentationLib.reading.scan import scan_stem
from CMBSegmentationLib.report.content import ReportContent, content_of
from CMBSegmentationLib.report.page import page_of
from CMBSegmentationLib.report.pdf import check_can_write_pdf, report_pdf
from CMBSegmentationLib.results.as_detection import read_detection
from CMBSegmentationLib.results.deidentify import NOTE, check_holds_no_names, unnamed
from CMBSegmentationLib.results.folder import check_output_folder
from CMBSegmentationLib.results.names import ENDINGS, ENDINGS_REPORT, all_names, first_part
from CMBSegmentationLib.running.options import add_salt_option, pseudonyms_from
from CMBSegmentationLib.running.write import write_results

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from CMBSegmentationLib.detecting.detect import Detection


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add RESULTS, --scan and the rest to a parser."""
    parser.add_argument("results", metavar="RESULTS", type=Path, help="folder that `cmb detect` or a review wrote")
    parser.add_argument("--scan", metavar="SCAN", type=Path, required=True, help="the scan that was searched")
    parser.add_argument("--series", metavar="SERIES", help="number or UID, where SCAN is a DICOM folder with many")
    parser.add_argument("-o", "--out", metavar="OUT", type=Path, help="folder for the report (default: RESULTS)")
    parser.add_argument("--pdf", action="store_true", help="also as PDF (needs ReportLab: pip install reportlab)")
    parser.add_argument(
        "--dropped",
        action="store_true",
        help="list and picture the dropped candidates in the PDF (default: their count)",
    )
    parser.add_argument(
        "--dicom",
        action="store_true",
        help="also a DICOM segmentation, structured report and the PDF (of a DICOM scan)",
    )
    parser.add_argument(
        "--deidentify",
        action="store_true",
        help="replace names by pseudonyms in all files and their names, and write list and segmentation, too, so that "
        "OUT is a whole result folder; OUT may not hold results with names",
    )
    add_salt_option(parser)


def run(arguments: argparse.Namespace, screen: Console) -> int:
    """Write the report and say where it is; `CMBError` where something is wrong.

    The page replaces the one that is there: it is made of the same results. De-identified results are written whole,
    with the list and the segmentation, and never beside others.
    """
    pseudonyms = pseudonyms_from(arguments)
    if arguments.dropped and not (arguments.pdf or arguments.dicom):
        raise InputError("--dropped applies to the PDF only; the page always has the dropped candidates.", "Add --pdf.")
    if arguments.pdf or arguments.dicom:
        check_can_write_pdf()
    out = arguments.out or arguments.results
    if arguments.results.is_dir():  # else it is told what is wrong with it
        if pseudonyms is not None:
            check_holds_no_names(out)
        check_output_folder(out, all_names(scan_stem(arguments.scan)), True)
    stored = read_detection(arguments.results, arguments.scan, arguments.series)
    source = None
    if arguments.dicom:
        source = prepare_export(stored.frames, arguments.scan.name, DicomExport(pseudonyms))
    detection, stem, notes = stored.detection, stored.stem, stored.notes
    if pseudonyms is not None:
        stem = pseudonyms.stem(scan_stem(arguments.scan), stored.frames)
        detection, notes = unnamed(detection, stem), (NOTE,)
    content = content_of(detection, scan_name=stem, notes=notes)
    written: list[Path] = []
    if pseudonyms is not None:  # no list to go with the page is there yet
        images = stored.has_images
        results = write_results(detection, out, stem, notes=notes, save_probability=images, header=stored.header)
        written += results.values()
    first = first_part(stem)
    files: dict[str, bytes] = {first + ENDINGS["report"]: page_of(content).encode()} if pseudonyms is None else {}
    if arguments.pdf:
        files[first + ENDINGS_REPORT["pdf"]] = report_pdf(content, dropped=arguments.dropped)
    with drafts(out) as draft:
        for file, text in files.items():
            (draft / file).write_bytes(text)
        move_in(draft, out, files)
    if first != stem:
        for file in files:
            (out / f"{stem}{file.removeprefix(first)}").unlink(missing_ok=True)  # under its name in 0.1.0
    written += [out / file for file in files]
    if source is not None:
        objects = write_objects(lambda: _objects(detection, source, content, arguments.dropped), out, stem)
        written += objects.values()
    page = Console()
    for note in source.notes if source else ():
        page.print(f"Note: {note}", highlight=False, soft_wrap=True, markup=False)
    for path in written:
        page.print(f"{path}", highlight=False, soft_wrap=True, markup=False)
    return 0


def _objects(detection: Detection, source: ExportSource, content: ReportContent, dropped: bool) -> dict[str, Dataset]:
    """Make the objects of a detection, its report among them."""
    from CMBSegmentationLib.dicom_out.encapsulated import pdf_object

    pdf = report_pdf(content, dropped=dropped)
    return {**dicom_objects(detection, source), "dicom_pdf": pdf_object(pdf, source, detection.search.software)}
