"""The same scan as another scanner or export would give it: what a detection should not depend on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk

INVERTED_PHASE = "inverted-phase"
"""Simulated anew with the other sign of phase; only SWI differs."""


def _coarser(image: sitk.Image, factors: tuple[int, int, int]) -> sitk.Image:
    """Average intensities; a label stays where it was in a quarter of the coarse voxel or more."""
    if image.GetPixelID() == sitk.sitkUInt8:
        labels = [int(value) for value in np.unique(sitk.GetArrayViewFromImage(image)) if value]
        coarse = sitk.BinShrink(image, factors) * 0
        for label in labels:
            share = sitk.BinShrink(sitk.Cast(image == label, sitk.sitkFloat32), factors)
            coarse = sitk.Maximum(coarse, sitk.Cast(share >= 0.25, sitk.sitkUInt8) * label)
        return coarse
    return sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), factors)


def half_resolution(image: sitk.Image) -> sitk.Image:
    """Twice the pixel size in plane."""
    return _coarser(image, (2, 2, 1))


def thick_slices(image: sitk.Image) -> sitk.Image:
    """Twice the slice thickness."""
    return _coarser(image, (1, 1, 2))


def reoriented(image: sitk.Image) -> sitk.Image:
    """The same voxels in another order: sagittal slices, from left to right."""
    return sitk.DICOMOrient(image, "PIL")


def times_1000(image: sitk.Image) -> sitk.Image:
    """Intensities in other units; labels as they are."""
    return image if image.GetPixelID() == sitk.sitkUInt8 else sitk.Cast(image, sitk.sitkFloat32) * 1000


VARIANTS: dict[str, Callable[[sitk.Image], sitk.Image]] = {
    "half-resolution": half_resolution,
    "thick-slices": thick_slices,
    "reoriented": reoriented,
    "times-1000": times_1000,
}
"""By name; each takes an image (intensities, or UInt8 labels) and gives it on its own new grid."""


def write_variant(folder: Path, out: Path, variant: str) -> None:
    """Write a variant of a simulated scan with its truth and mimics, unless it is there.

    Parameters
    ----------
    folder : Path
        Of one subject, as `cmbtraining.benchmark.sets.make_scan` writes it.
    out : Path
        Folder for the variant of this subject; files have the same names.
    variant : str
        A key of `VARIANTS`.
    """
    if (out / "done").exists():
        return
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.glob("*.nii.gz")):
        image = sitk.ReadImage(str(path))
        sitk.WriteImage(VARIANTS[variant](image), str(out / path.name), True)
    (out / "done").touch()
