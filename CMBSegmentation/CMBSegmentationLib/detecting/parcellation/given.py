"""A parcellation as the user gives it: read, and seen to be one."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ...errors import InputError
from ...reading.scan import read_label_image
from ...vocabulary.published.freesurfer import CORTEX, DESTRIEUX, FLUID, LEFT, REGION_OF, RIGHT, SIDE_OF
from ...vocabulary.regions import LOBE_UNKNOWN
from ..regions import TISSUE_MARGIN_MM

SMALLEST_BRAIN_MM3 = 1e5  # 100 mL: less than a newborn's
LEAST_OF_A_SIDE = 0.1  # of all labels that have a side: less is a stray
MOST_UNKNOWN = 0.01  # of all labelled voxels: a few odd ones are left out, more mean another atlas
HINT = (
    "Give FreeSurfer's aseg or aparc+aseg, or SynthSeg's output, as NIfTI "
    "(mri_convert aparc+aseg.mgz aparc+aseg.nii.gz)."
)


@dataclass(frozen=True, eq=False)
class Parcellation:
    """A label image with FreeSurfer's numbers, cut to what is labelled.

    Attributes
    ----------
    labels : SimpleITK.Image
        Int32, any grid and direction; labels without a meaning are 0.
    name : str
        The file's.
    sha256 : str
        The file's; empty where it came from memory.
    has_lobes : bool
        Whether the cortex is told apart by lobe.
    notes : tuple of str
        What was left out, worded for the user.
    """

    labels: sitk.Image
    name: str
    sha256: str = ""
    has_lobes: bool = False
    notes: tuple[str, ...] = ()


def read_parcellation(path: Path) -> Parcellation:
    """Read a parcellation from a file.

    Parameters
    ----------
    path : Path
        NIfTI, NRRD or MetaImage.

    Returns
    -------
    Parcellation

    Raises
    ------
    InputError
        The file cannot be read, or is no parcellation with FreeSurfer's numbers; the message says what it is.
    """
    if path.name.lower().endswith((".mgz", ".mgh")):
        raise InputError(f"{path.name} is in FreeSurfer's own format.", HINT)
    image = read_label_image(path)
    return checked_parcellation(image, path.name, hashlib.sha256(path.read_bytes()).hexdigest())


def checked_parcellation(image: sitk.Image, name: str, sha256: str = "") -> Parcellation:
    """Check a parcellation that is in memory.

    Parameters
    ----------
    image : SimpleITK.Image
        3D, scalar.
    name, sha256 : str
        Of the file, for messages and the provenance.

    Raises
    ------
    InputError
        As `read_parcellation`.
    """
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"{name} is not a 3D image with one label a voxel.", HINT)
    values = _whole_numbers(sitk.GetArrayViewFromImage(image), name)
    present, voxels = np.unique(values[values != 0], return_counts=True)
    if present.size == 0:
        raise InputError(f"{name} is empty: it has no labels.", HINT)
    strange = ~np.isin(present, list(REGION_OF))
    notes = []
    if strange.any():
        share = voxels[strange].sum() / voxels.sum()
        named = ", ".join(str(label) for label in present[strange][:8]) + (" …" if strange.sum() > 8 else "")
        _refuse_other_atlas(name, present, share, named)
        values = np.where(np.isin(values, present[strange]), 0, values)
        notes.append(f"{name}: labels that are not known were left out ({named}; {100 * share:.1f} % of its voxels).")
    known = present[~strange]
    _check_sides(name, known, voxels[~strange])
    tissue = voxels[~strange][[REGION_OF[int(label)] != FLUID for label in known]].sum()
    volume = tissue * float(np.prod(image.GetSpacing()))
    if volume < SMALLEST_BRAIN_MM3:
        raise InputError(
            f"{name} has {volume / 1000:.0f} mL of brain: too little to be a parcellation of a whole one.", HINT
        )
    has_lobes = any(label in CORTEX and REGION_OF[int(label)] != LOBE_UNKNOWN for label in known)
    if not has_lobes:
        notes.append(
            f"{name} does not tell lobes apart: lobar lesions are listed as “{LOBE_UNKNOWN}”. Give aparc+aseg, or "
            "SynthSeg's output with --parc, to have lobes."
        )
    return Parcellation(_cut(image, values), name, sha256, has_lobes, tuple(notes))


def _whole_numbers(values: NDArray[np.generic], name: str) -> NDArray[np.int32]:
    """Give labels as integers; a file may hold them as floating-point numbers."""
    if not np.issubdtype(values.dtype, np.floating):
        return values.astype(np.int32)
    if not np.isfinite(values).all() or np.abs(values - np.rint(values)).max() > 1e-3:
        raise InputError(
            f"{name} has values between whole numbers: it is no label image, or was resampled by interpolation.",
            "Give the parcellation as it was made, on its own grid; it is resampled here, by the nearest voxel.",
        )
    return np.rint(values).astype(np.int32)


def _refuse_other_atlas(name: str, present: NDArray[np.int32], share: float, named: str) -> None:
    if share <= MOST_UNKNOWN:
        return
    if np.isin(present, DESTRIEUX).any():
        raise InputError(
            f"{name} has the parcels of Destrieux's atlas (aparc.a2009s).",
            "Give aparc+aseg, with Desikan's and Killiany's.",
        )
    if present.max() <= 15:
        raise InputError(
            f"{name} has labels 1 to {present.max()} only, and {100 * share:.0f} % of its voxels are none of "
            f"FreeSurfer's ({named}): it is a segmentation of tissue or of another atlas.",
            HINT,
        )
    raise InputError(
        f"{name} has labels that are none of FreeSurfer's ({named}; {100 * share:.0f} % of its voxels).", HINT
    )


def _check_sides(name: str, known: NDArray[np.int32], voxels: NDArray[np.intp]) -> None:
    number = {
        side: sum(n for label, n in zip(known, voxels, strict=True) if SIDE_OF[int(label)] == side)
        for side in (LEFT, RIGHT)
    }
    sides = {side for side in (LEFT, RIGHT) if number[side] > LEAST_OF_A_SIDE * sum(number.values())}
    if not {LEFT, RIGHT} <= sides:
        which = "left" if LEFT in sides else "right" if RIGHT in sides else "midline"
        raise InputError(
            f"{name} has labels of {which} structures only: sides cannot be told.",
            "Give a parcellation with FreeSurfer's numbers for both hemispheres (2 and 41, 3 and 42, …).",
        )


def _cut(image: sitk.Image, values: NDArray[np.int32]) -> sitk.Image:
    """Keep the box around what is labelled."""
    labels = sitk.GetImageFromArray(values)
    labels.CopyInformation(image)
    where = [np.flatnonzero(values.any(axis=tuple(k for k in range(3) if k != axis))) for axis in (2, 1, 0)]
    margins = [math.ceil((TISSUE_MARGIN_MM + 1) / mm) for mm in image.GetSpacing()]
    low = [max(0, int(found[0]) - margin) for found, margin in zip(where, margins, strict=True)]
    ends = zip(where, margins, image.GetSize(), strict=True)
    high = [min(n, int(found[-1]) + 1 + margin) for found, margin, n in ends]
    return sitk.RegionOfInterest(labels, [h - w for h, w in zip(high, low, strict=True)], low)
