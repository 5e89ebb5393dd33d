"""`cmb grow`: from scribbles to masks, from the shell."""

from __future__ import annotations

import argparse
from pathlib import Path

from CMBSegmentationLib.progress import Progress

from .growing_run import GrowOutcome, GrowRequest, grow_scribbles
from .settings import METHODS, GrowSettings


def add_grow_options(parser: argparse.ArgumentParser) -> None:
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


def grow_from(arguments: argparse.Namespace, progress: Progress) -> GrowOutcome:
    """Do what the parsed options say; `CMBError` where they are wrong."""
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
    return grow_scribbles(request, progress)
