"""One run from a scan and its scribbles on disk to a folder of masks, curves and pictures."""

from __future__ import annotations

import glob
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib import __version__
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.draft_folder import drafts, move_in
from CMBSegmentationLib.files.paths import check_names
from CMBSegmentationLib.progress import Progress, no_progress
from CMBSegmentationLib.reading.apart import read_scan_apart
from CMBSegmentationLib.reading.scan import scan_stem
from CMBSegmentationLib.results.folder import check_output_folder, write_image
from CMBSegmentationLib.vocabulary.notice import NOTICE

from ..growing.lesion import GrownLesion, grow
from ..growing.scan import ScanToGrow, scan_to_grow
from ..growing.settings import GrowSettings
from .strokes import Scribbles, Stroke, read_scribbles

SCHEMA_VERSION = 1  # of the JSON list
LARGEST_NUMBER = "65535-65535"  # that a picture's name ends in


@dataclass(frozen=True)
class GrowRequest:
    """What a user asked for.

    Attributes
    ----------
    scan, scribbles : Path
    out : Path
        Folder for the results.
    settings : GrowSettings
    group : bool
        All strokes of one scribble are one group (CAA) rather than a lesion each.
    overwrite : bool
    series : str or None
        Number or UID of the DICOM series; None takes the most suitable one.
    """

    scan: Path
    scribbles: Path
    out: Path
    settings: GrowSettings = field(default_factory=GrowSettings)
    group: bool = False
    overwrite: bool = False
    series: str | None = None


@dataclass(frozen=True)
class GrownStroke:
    """A lesion with its number in the results; the strokes of a group share one."""

    id: int
    stroke: Stroke
    lesion: GrownLesion


@dataclass(frozen=True)
class GrowOutcome:
    """What a run gave.

    Attributes
    ----------
    lesions : tuple of GrownStroke
    files : dict
        Path by kind: ``labels, json``, and lists of ``curves`` and ``pictures``.
    notes : tuple of str
    """

    lesions: tuple[GrownStroke, ...]
    files: dict[str, Any]
    notes: tuple[str, ...]


def grow_scribbles(request: GrowRequest, progress: Progress = no_progress) -> GrowOutcome:
    """Grow every scribble of a scan and write the results.

    Parameters
    ----------
    request : GrowRequest
    progress : Progress, optional

    Returns
    -------
    GrowOutcome

    Raises
    ------
    CMBError
        What was wrong, and what to do about it; nothing is left half-written.
    """
    from .pictures import draw_curve, draw_triptych  # matplotlib takes half a second, which no other command needs

    stem = scan_stem(request.scan)
    names = _checked_names(stem, request)
    progress(0.0, "Reading")
    given = read_scan_apart(request.scan, request.series)
    if given.stem != stem:
        stem = given.stem
        names = _checked_names(stem, request)
    scribbles = read_scribbles(request.scribbles, given.image)
    progress(0.1, "Finding the brain's intensities")
    scan = scan_to_grow(given.image)
    lesions = _grown(scan, scribbles, request, progress)
    labels, overlaps = _label_array(scan, lesions)
    notes = (*given.notes, *scribbles.notes, *overlaps)

    with drafts(request.out) as draft:
        image = sitk.GetImageFromArray(labels)
        image.CopyInformation(scan.image)
        write_image(image, draft / names["labels"], given.header)
        content = _as_json(stem, request, scan, scribbles, lesions, notes)
        (draft / names["json"]).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
        for done, one in enumerate(lesions):
            progress(0.5 + 0.5 * done / len(lesions), f"Drawing lesion {done + 1} of {len(lesions)}")
            title = f"{stem}, {_name(one, scribbles)}"
            ending = f"{one.id}" if one.stroke.number == 1 or not request.group else f"{one.id}-{one.stroke.number}"
            draw_curve(one.lesion, title, draft / f"{stem}_desc-cmbgrown_curve-{ending}.png")
            draw_triptych(scan, one.lesion, title, draft / f"{stem}_desc-cmbgrown_mask-{ending}.png")
        written = sorted(path.name for path in draft.iterdir())
        for old in request.out.glob(f"{glob.escape(stem)}_desc-cmbgrown_*.png"):
            old.unlink()  # of the run that is replaced
        move_in(draft, request.out, written)
    pictures = [request.out / name for name in written if name.endswith(".png")]
    files = {
        **{kind: request.out / name for kind, name in names.items()},
        "curves": [path for path in pictures if "_curve-" in path.name],
        "pictures": [path for path in pictures if "_mask-" in path.name],
    }
    progress(1.0, "Done")
    return GrowOutcome(tuple(lesions), files, notes)


def _checked_names(stem: str, request: GrowRequest) -> dict[str, str]:
    """Name label image and list, and see that the folder can take them."""
    names = {"labels": f"{stem}_desc-cmbgrown_dseg.nii.gz", "json": f"{stem}_desc-cmbgrown_lesions.json"}
    check_output_folder(request.out, names.values(), request.overwrite)
    check_names(request.out, [f"{stem}_desc-cmbgrown_curve-{LARGEST_NUMBER}.png"])
    return names


def _grown(scan: ScanToGrow, scribbles: Scribbles, request: GrowRequest, progress: Progress) -> list[GrownStroke]:
    lesions = []
    for done, stroke in enumerate(scribbles.strokes):
        progress(0.3 + 0.2 * done / len(scribbles.strokes), f"Growing scribble {stroke.label}")
        try:
            lesion = grow(scan, stroke.seeds, request.settings)
        except InputError as error:
            raise InputError(f"Scribble {stroke.label}, stroke {stroke.number}: {error.message}", error.hint) from error
        number = stroke.label if request.group else done + 1
        lesions.append(GrownStroke(number, stroke, lesion))
    return lesions


def _label_array(scan: ScanToGrow, lesions: Sequence[GrownStroke]) -> tuple[NDArray[np.uint16], list[str]]:
    """Paint all masks; a voxel of two lesions stays with the first, and that is told."""
    labels = np.zeros(scan.array.shape, np.uint16)
    notes = []
    for one in lesions:
        where = tuple(one.lesion.mask.T)
        before = labels[where]
        notes += [
            f"Lesions {other} and {one.id} grew into one another ({int((before == other).sum())} voxels): "
            "they may be one, or the tolerance is too high."
            for other in sorted(set(before.tolist()) - {0, one.id})
        ]
        labels[where] = np.where(before == 0, one.id, before)
    return labels, notes


def _name(one: GrownStroke, scribbles: Scribbles) -> str:
    scribble = scribbles.names.get(one.stroke.label, f"scribble {one.stroke.label}")
    return f"lesion {one.id} ({scribble})" if one.stroke.number == 1 else f"lesion {one.id} ({scribble}, next stroke)"


def _as_json(
    stem: str,
    request: GrowRequest,
    scan: ScanToGrow,
    scribbles: Scribbles,
    lesions: Sequence[GrownStroke],
    notes: Sequence[str],
) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "notice": NOTICE,
        "scan": stem,
        "scribbles": request.scribbles.name,
        "notes": list(notes),
        "lesions": [_row(one, scribbles) for one in lesions],
        "settings": {**asdict(request.settings), "group": request.group},
        "provenance": {
            "software": {"name": "slicer-cmb", "version": __version__},
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "intensity_range": scan.intensity_range,
            "voxel_mm": [round(float(s), 4) for s in scan.spacing_mm[::-1]],
        },
    }


def _row(one: GrownStroke, scribbles: Scribbles) -> dict[str, Any]:
    lesion, growth = one.lesion, one.lesion.growth
    r_mm, a_mm, s_mm = (round(float(c), 2) for c in lesion.centre_mm)
    return {
        "id": one.id,
        "scribble": one.stroke.label,
        "stroke": one.stroke.number,
        "name": scribbles.names.get(one.stroke.label, ""),
        "r_mm": r_mm,
        "a_mm": a_mm,
        "s_mm": s_mm,
        "volume_mm3": round(lesion.volume_mm3, 2),
        "diameter_mm": round(lesion.diameter_mm, 2),
        "scribble_voxels": len(lesion.seeds),
        "mask_voxels": len(lesion.mask),
        "mode": lesion.mode,
        "tolerance_percent": lesion.tolerance_percent,
        "automatic": growth is not None and lesion.settings.tolerance_percent is None,
        "elbow_percent": growth.elbow_percent if growth else None,
        "limit_voxels": growth.limit_voxels if growth else None,
        "notes": list(lesion.notes),
        "curve": {"tolerance_percent": growth.percent.tolist(), "voxels": growth.voxels.tolist()} if growth else None,
    }
