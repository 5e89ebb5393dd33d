"""`cmb report`: the report of a result folder made anew, as page and as PDF, and for the DICOM archive."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from .cli_options import add_salt_option, pseudonyms_from
from .dicom_out import DicomExport, check_can_export, dicom_objects
from .dicom_out.encapsulated import pdf_object
from .errors import InputError
from .output_folder import check_output_folder, drafts
from .read import scan_stem
from .report import page_of
from .report_content import content_of, without_names
from .report_pdf import check_can_write_pdf, report_pdf
from .result_detection import read_detection
from .result_files import ENDINGS, ENDINGS_DICOM, ENDINGS_REPORT

EXAMPLE = "cmb report results/ --scan sub-01_T2starw.nii.gz --pdf"


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Add RESULTS, --scan and the rest to a parser."""
    parser.add_argument("results", metavar="RESULTS", type=Path, help="folder that `cmb detect` or a review wrote")
    parser.add_argument("--scan", metavar="SCAN", type=Path, required=True, help="the scan that was searched")
    parser.add_argument("--series", metavar="SERIES", help="number or UID, where SCAN is a DICOM folder with many")
    parser.add_argument("-o", "--out", metavar="OUT", type=Path, help="folder for the report (default: RESULTS)")
    parser.add_argument("--pdf", action="store_true", help="also as PDF (pip install 'slicer-cmb[report]')")
    parser.add_argument("--dropped", action="store_true", help="list and picture the dropped candidates in the PDF")
    parser.add_argument(
        "--dicom",
        action="store_true",
        help="also a DICOM segmentation, structured report and the PDF (of a DICOM scan)",
    )
    parser.add_argument(
        "--deidentify", action="store_true", help="replace names by pseudonyms in page, PDF, DICOM and file names"
    )
    add_salt_option(parser)


def run_report(arguments: argparse.Namespace, screen: Console) -> int:
    """Write the report and say where it is; `CMBError` where something is wrong.

    The page replaces the one that is there: it is made of the same results.
    """
    pseudonyms = pseudonyms_from(arguments)
    if arguments.dropped and not (arguments.pdf or arguments.dicom):
        raise InputError("--dropped is about the PDF; the page has the dropped candidates always.", "Add --pdf.")
    with_pdf = arguments.pdf or arguments.dicom
    if with_pdf:
        check_can_write_pdf()
    out = arguments.out or arguments.results
    if arguments.results.is_dir():  # else it is told what is wrong with it
        check_output_folder(out, set(), True)
    stored = read_detection(arguments.results, arguments.scan, arguments.series)
    if arguments.dicom:
        check_can_export(stored.frames, arguments.scan.name)
    content = content_of(stored.detection, scan_name=stored.stem, notes=stored.notes, reviewed=stored.reviewed)
    stem = stored.stem
    if pseudonyms is not None:
        stem = pseudonyms.stem(scan_stem(arguments.scan), stored.frames)
        content = replace(without_names(content), scan_name=stem)
    files: dict[str, bytes] = {stem + ENDINGS["report"]: page_of(content).encode()}
    pdf = report_pdf(content, dropped=arguments.dropped) if with_pdf else b""
    if arguments.pdf:
        files[stem + ENDINGS_REPORT["pdf"]] = pdf
    objects = {}
    if arguments.dicom:
        export = DicomExport(pseudonyms)
        objects = dicom_objects(stored.detection, stored.frames, export, stored.reviewed)
        objects["dicom_pdf"] = pdf_object(pdf, stored.frames, export, stored.detection.provenance)
    with drafts(out) as draft:
        for file, text in files.items():
            (draft / file).write_bytes(text)
        for kind, one in objects.items():
            file = stem + (ENDINGS_DICOM | ENDINGS_REPORT)[kind]
            one.save_as(draft / file, enforce_file_format=True)
            files[file] = b""
        for file in files:
            os.replace(draft / file, out / file)
    page = Console()
    for file in files:
        page.print(f"{out / file}", highlight=False, soft_wrap=True, markup=False)
    return 0
