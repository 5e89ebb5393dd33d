"""The options of a detection, the same for the shell and the worker."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..detecting.detect import Settings
from ..dicom_out import DicomExport
from ..errors import InputError
from ..models.hardware import DEVICES
from ..models.loaded_models import AUTO, NONE, StageChoice
from ..results.deidentify import Pseudonyms, read_pseudonyms
from .run import Request


def add_detect_options(parser: argparse.ArgumentParser) -> None:
    """Add SCAN, -o and the rest to a parser."""
    parser.add_argument(
        "scan", metavar="SCAN", type=Path, help="NIfTI, NRRD, MetaImage or DICOM file, or a DICOM folder"
    )
    parser.add_argument("-o", "--out", metavar="OUT", type=Path, required=True, help="folder for the results")
    parser.add_argument(
        "--series", metavar="SERIES", help="number or UID of the DICOM series (default: the most suitable one)"
    )
    parser.add_argument(
        "--model", metavar="MODEL", help="an .onnx file or the name of a bundled model (see: cmb models)"
    )
    parser.add_argument(
        "--threshold",
        metavar="P",
        type=float,
        help="lowest probability of a lesion, 0.001 to 0.999 (default: the model's)",
    )
    parser.add_argument(
        "--overlap", metavar="SHARE", type=float, help="of neighbouring patches, 0 to 0.9 (default: the model's)"
    )
    parser.add_argument("--blending", default=Settings.blending, help="sum (the paper's) or gaussian (default)")
    parser.add_argument("--device", default="auto", help=f"{', '.join(DEVICES)} (default: auto, the first that works)")
    parser.add_argument(
        "--regions",
        metavar="MODEL",
        default=StageChoice.regions,
        help="model that maps brain and regions; none leaves it out (default: auto, the bundled one)",
    )
    parser.add_argument(
        "--verifier",
        metavar="MODEL",
        default=StageChoice.verifier,
        help="model that judges candidates, or none (default: the bundled)",
    )
    parser.add_argument(
        "--parcellation",
        metavar="FILE",
        type=Path,
        help="FreeSurfer's aseg or aparc+aseg, or SynthSeg's output, in the scan's space and on any grid: regions, "
        "sides and fluid come from it, in place of --regions",
    )
    parser.add_argument("--mask", metavar="FILE", type=Path, help="brain mask on the scan's grid (default: found)")
    parser.add_argument(
        "--phase",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="phase image of the scan, to tell blood from calcium; once an echo, the scan's own last (default: what is "
        "found with it)",
    )
    parser.add_argument(
        "--save-probability", action="store_true", help="also write the probability image and the brain mask"
    )
    parser.add_argument(
        "--dicom", action="store_true", help="also write a DICOM segmentation and structured report (of a DICOM scan)"
    )
    parser.add_argument(
        "--deidentify",
        action="store_true",
        help="replace names by pseudonyms in all results and their file names, for research exports",
    )
    add_salt_option(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace earlier results of the same scan")


def add_salt_option(parser: argparse.ArgumentParser) -> None:
    """Add --salt."""
    parser.add_argument(
        "--salt",
        metavar="FILE",
        type=Path,
        help="secret from which pseudonyms are made, the same for all who work on a study (default: your own)",
    )


def pseudonyms_from(arguments: argparse.Namespace) -> Pseudonyms | None:
    """Give the pseudonyms that --deidentify asks for; `InputError` where --salt is given without it."""
    if arguments.salt is not None and not arguments.deidentify:
        raise InputError("--salt is about pseudonyms, and none were asked for.", "Add --deidentify.")
    return read_pseudonyms(arguments.salt) if arguments.deidentify else None


def stages_from(arguments: argparse.Namespace) -> StageChoice:
    """Give the later stages: no map of regions where a parcellation takes its place; `InputError` for both."""
    if arguments.parcellation is None:
        return StageChoice(arguments.regions, arguments.verifier)
    if arguments.regions not in (AUTO, NONE):
        raise InputError("--parcellation takes the place of --regions.", "Give one of the two.")
    return StageChoice(NONE, arguments.verifier)


def request_from(arguments: argparse.Namespace) -> Request:
    """Build the request; `InputError` where a value is out of range."""
    pseudonyms = pseudonyms_from(arguments)
    return Request(
        scan=arguments.scan,
        out=arguments.out,
        series=arguments.series,
        model=arguments.model,
        device=arguments.device,
        stages=stages_from(arguments),
        settings=Settings(threshold=arguments.threshold, overlap=arguments.overlap, blending=arguments.blending),
        mask=arguments.mask,
        parcellation=arguments.parcellation,
        phase=tuple(arguments.phase),
        save_probability=arguments.save_probability,
        overwrite=arguments.overwrite,
        dicom=DicomExport(pseudonyms) if arguments.dicom else None,
        pseudonyms=pseudonyms,
    )
