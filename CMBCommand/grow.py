"""`cmb grow`: from scribbles to masks, from the shell."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from CMBScribbleGrowLib.growing.settings import METHODS, GrowSettings
from CMBScribbleGrowLib.scribbles.run import GrowOutcome, GrowRequest, grow_scribbles
from CMBSegmentationLib.vocabulary.notice import NOTICE

from .printing import MOST_ROWS, plain, progress_bar


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add SCAN, --scribbles, -o and the rest to a parser."""
    default = GrowSettings()
    parser.add_argument("scan", metavar="SCAN", type=Path, help="NIfTI, NRRD or MetaImage file, or a DICOM folder")
    parser.add_argument(
        "--scribbles",
        metavar="LABELS",
        type=Path,
        required=True,
        help="label image with a number for each scribble, or a .seg.nrrd of 3D Slicer",
    )
    parser.add_argument("-o", "--out", metavar="OUT", type=Path, required=True, help="folder for the results")
    parser.add_argument("--mode", default=default.mode, help=f"{', '.join(METHODS)} (default: {default.mode})")
    parser.add_argument(
        "--tolerance",
        metavar="PERCENT",
        type=float,
        help="of the brain's intensity range, 0 to 100 (default: found for each scribble)",
    )
    parser.add_argument(
        "--max-diameter",
        metavar="MM",
        type=float,
        default=default.largest_diameter_mm,
        help=f"a region larger than this sphere has leaked (default: {default.largest_diameter_mm:g})",
    )
    parser.add_argument(
        "--connectivity",
        type=int,
        default=default.connectivity,
        help=f"6, 18 or 26 neighbours (default: {default.connectivity})",
    )
    parser.add_argument(
        "--group", action="store_true", help="all strokes of one scribble are one group (CAA), not a lesion each"
    )
    parser.add_argument(
        "--series", metavar="SERIES", help="number or UID of the DICOM series (default: the most suitable one)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace earlier results of the same scan")


def run(arguments: argparse.Namespace, screen: Console) -> int:
    """Grow, and say what came of it; `CMBError` where an option is wrong."""
    settings = GrowSettings(
        mode=arguments.mode,
        tolerance_percent=arguments.tolerance,
        largest_diameter_mm=arguments.max_diameter,
        connectivity=arguments.connectivity,
    )
    request = GrowRequest(
        arguments.scan,
        arguments.scribbles,
        arguments.out,
        settings,
        arguments.group,
        arguments.overwrite,
        arguments.series,
    )
    with progress_bar(screen) as progress:
        outcome = grow_scribbles(request, progress)
    _print_grown(outcome, Console())
    return 0


def _print_grown(outcome: GrowOutcome, page: Console) -> None:
    for note in outcome.notes:
        page.print(f"Note: {plain(note)}", highlight=False, soft_wrap=True)
    table = Table(title="Grown lesions (positions: patient RAS, mm)", title_justify="left")
    for heading in ("id", "scribble", "R", "A", "S", "Ø mm", "voxels", "mode", "tol. %"):
        table.add_column(heading, justify="left" if heading == "mode" else "right")
    for one in outcome.lesions[:MOST_ROWS]:
        lesion = one.lesion
        tolerance = "" if lesion.tolerance_percent is None else f"{lesion.tolerance_percent:.1f}"
        position = (f"{c:.1f}" for c in lesion.centre_mm)
        size = (f"{lesion.diameter_mm:.1f}", str(len(lesion.mask)))
        table.add_row(str(one.id), str(one.stroke.label), *position, *size, lesion.mode, tolerance)
    page.print(table)
    for one in outcome.lesions:
        for note in one.lesion.notes:
            page.print(f"Lesion {one.id}: {plain(note)}", highlight=False, soft_wrap=True)
    page.print(NOTICE, highlight=False, soft_wrap=True)
    page.print(f"  Masks: {outcome.files['labels']}", highlight=False, soft_wrap=True)
    page.print(f"   List: {outcome.files['json']}", highlight=False, soft_wrap=True)
    count = len(outcome.files["pictures"])
    page.print(
        f"Picture: {outcome.files['pictures'][0]}" + (f" and {count - 1} more" if count > 1 else ""),
        highlight=False,
        soft_wrap=True,
    )
