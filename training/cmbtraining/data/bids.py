"""A BIDS dataset with masks drawn in it, as subjects to train on (VALDO's layout)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from CMBScribbleGrowLib.annotation.segments_file import read_segments
from CMBSegmentationLib.batch.bids import BidsScan, find_scans
from CMBSegmentationLib.reading.scan import read_scan

from .dataset import DatasetError
from .masks import grid_difference, read_mask

ANNOTATED = "_desc-cmb_annotation.seg.nrrd"
MASKS = (ANNOTATED, "_desc-cmbgrown_dseg.nii.gz", "_desc-cmb_dseg.nii.gz", "_desc-cmb_mask.nii.gz", "_CMB.nii.gz")
"""How masks of a scan end, the most trusted first: a reader's, grown in the shell, detected and exported, others."""


@dataclass(frozen=True)
class Gathered:
    """What became of one scan.

    Attributes
    ----------
    scan : Path
    mask : Path or None
        None where none was found, and the scan left out.
    lesion_voxels : int
    not_accepted : int
        Grown masks of a .seg.nrrd that were left out, as their reader has not accepted them.
    """

    scan: Path
    mask: Path | None
    lesion_voxels: int = 0
    not_accepted: int = 0


def gather(bids: Path, masks: Sequence[Path], out: Path, reader: str | None = None) -> list[Gathered]:
    """Write the scans that have a mask as subjects to train on.

    Parameters
    ----------
    bids : Path
        BIDS dataset.
    masks : sequence of Path
        Folders to look for masks in, below them too: what CMB Scribble Grow, `cmb grow` or `cmb detect` wrote.
    out : Path
        Gets ``sub-01/sub-01_space-T2S_desc-masked_T2S.nii.gz`` and so on; a subject's further scans get a space
        of their own beside it, so that no split parts them.
    reader : str, optional
        Whose masks of a .seg.nrrd count; all readers' together if not given.

    Returns
    -------
    list of Gathered

    Raises
    ------
    DatasetError
        No scan has a mask, a mask is on another grid, or the folder holds subjects already.
    CMBError
        A file cannot be read.
    """
    if any(out.glob("sub-*")):
        raise DatasetError(f"{out} holds subjects already; give a new folder.")
    told = [_gather_one(scan, masks, out, reader) for scan in find_scans(bids)]
    if not any(one.mask for one in told):
        endings = ", ".join(f"*{ending}" for ending in MASKS)
        raise DatasetError(f"No scan of {bids} has a mask in {', '.join(map(str, masks))}; looked for {endings}.")
    return told


def _gather_one(scan: BidsScan, folders: Sequence[Path], out: Path, reader: str | None) -> Gathered:
    mask = next(
        (
            path
            for ending in MASKS
            for folder in folders
            for first in dict.fromkeys((scan.named(""), scan.stem))
            for path in sorted(folder.rglob(f"{first}{ending}"))
        ),
        None,
    )
    if mask is None:
        return Gathered(scan.path, None)
    image = read_scan(scan.path).image
    is_annotated = mask.name.endswith(ANNOTATED)
    lesions, not_accepted = _annotated(mask, image, reader) if is_annotated else (read_mask(mask)[0], 0)
    apart = grid_difference(lesions, image)
    if apart:
        raise DatasetError(f"{mask.name} is on another grid than its scan ({apart}).")
    subject, kind = f"sub-{scan.subject}", "SWI" if scan.stem.endswith("_swi") else "T2S"
    folder = out / subject
    folder.mkdir(parents=True, exist_ok=True)
    space = kind if not list(folder.glob(f"*_space-{kind}_*")) else scan.stem.removeprefix(subject).replace("_", "")
    target = folder / f"{subject}_space-{space}_desc-masked_{kind}.nii.gz"
    if scan.path.name.endswith(".nii.gz"):
        shutil.copyfile(scan.path, target)
    else:
        sitk.WriteImage(image, str(target), True)
    sitk.WriteImage(lesions, str(folder / f"{subject}_space-{space}_CMB.nii.gz"), True)
    return Gathered(scan.path, mask, int(sitk.GetArrayViewFromImage(lesions).sum(dtype=np.int64)), not_accepted)


def _annotated(path: Path, image: sitk.Image, reader: str | None) -> tuple[sitk.Image, int]:
    """All accepted masks of a reader, or of all, as one mask, and how many are not accepted."""
    mask, not_accepted = np.zeros(image.GetSize()[::-1], np.uint8), 0
    for segment in read_segments(path, image):
        if "scribble" in segment.name or reader not in (None, segment.reader):
            continue
        if segment.accepted is False:
            not_accepted += 1
        else:
            mask[tuple(segment.voxels.T)] = 1
    lesions = sitk.GetImageFromArray(mask)
    lesions.CopyInformation(image)
    return lesions, not_accepted
