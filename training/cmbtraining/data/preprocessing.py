"""From raw subjects to the paper's preprocessed form (Docs/paper.md, section 3), one subject at a time.

How this fits with the core's preparation: the network's input is always made by
`CMBSegmentationLib.detecting.model_grid.prepare`, in training as in use. Reading, NaN and the brain come from
the core here too, and the crop and the grid follow its rules, so that at the spacing of the
configuration `prepare` finds nothing left to resample in a preprocessed subject: it normalises, and
gives what it would give for the raw scan. The paper's padding to 400³ is left to patch sampling,
which pads where a patch leaves the volume.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from CMBSegmentationLib.detecting.brain_mask import brain_mask
from CMBSegmentationLib.detecting.model_grid import CROP_MARGIN_MM
from CMBSegmentationLib.errors import CMBError
from CMBSegmentationLib.reading.nifti import read_nifti
from CMBSegmentationLib.reading.scan import checked_scan

from . import preprocessed
from .dataset import DatasetError, Subject
from .masks import MaskError, grid_difference, read_mask

AXES = "LAS"  # VALDO's
LEAST_COVERED = 0.5  # of the brain's box that every sequence must show
CONNECTED = np.ones((3, 3, 3))


@dataclass(frozen=True)
class Job:
    """One subject to preprocess, and how.

    Attributes
    ----------
    subject : Subject
    sequences : tuple of str
        ``"T2S"`` first; its grid is everyone's.
    spacing_mm : (float, float, float)
        Along `AXES`.
    out : Path
    """

    subject: Subject
    sequences: tuple[str, ...]
    spacing_mm: tuple[float, float, float]
    out: Path

    def settings(self) -> dict[str, Any]:
        """What a finished subject must have been made with to count as done."""
        return {"sequences": list(self.sequences), "spacing_mm": list(self.spacing_mm)}


@dataclass(frozen=True)
class Row:
    """What came in and what came out of one subject; empty after `error` where it failed.

    Attributes
    ----------
    nan_share : float
        Of the T2S scan's voxels.
    mask_repairs : str
        Of ``nan, fractional, inverted``.
    lesions_in, lesions_out : int
        Components; fewer come out where nearest-neighbour sampling steps over a small one.
    """

    subject: str
    error: str = ""
    size_in: str = ""
    spacing_in: str = ""
    orientation_in: str = ""
    nan_share: float = 0.0
    mask_repairs: str = ""
    lesions_in: int = 0
    lesion_voxels_in: int = 0
    lesion_voxels_cut: int = 0
    size_out: str = ""
    spacing_out: str = ""
    orientation_out: str = ""
    lesions_out: int = 0
    lesion_voxels_out: int = 0
    seconds: float = 0.0


def preprocess(job: Job) -> Row:
    """Preprocess a subject, or take it as it is where it is done; errors are told in the row.

    Parameters
    ----------
    job : Job

    Returns
    -------
    Row
    """
    done = preprocessed.at(job.out, job.subject.name).details()
    if {key: done.get(key) for key in job.settings()} == job.settings():
        return Row(**done["report"])
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # the processes beside this one have work too
    try:
        return _preprocess(job)
    except (CMBError, DatasetError, MaskError, OSError, RuntimeError, MemoryError) as error:
        return Row(job.subject.name, error=" ".join((str(error) or type(error).__name__).split()))


def _preprocess(job: Job) -> Row:
    begin = time.monotonic()
    name = job.subject.name
    raw = read_nifti(job.subject.image).image
    nan_share = float(np.isnan(sitk.GetArrayViewFromImage(raw)).mean())
    scan = checked_scan(raw, job.subject.image).image
    mask, repairs = read_mask(job.subject.mask)
    apart = grid_difference(mask, scan)
    if apart:
        raise DatasetError(f"{name}: the mask is on another grid than the scan ({apart}).")
    mask.CopyInformation(scan)
    orientation = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(scan.GetDirection())

    turned, lesions = (sitk.DICOMOrient(image, AXES) for image in (scan, mask))
    brain = brain_mask(turned) | lesions  # with the lesions: no crop can cut one
    grid, kept = _cropped_grid(brain, lesions, job.spacing_mm)
    images = [_resampled(turned, grid, sitk.sitkLinear)]
    images += [_resampled(_other(job, sequence, grid), grid, sitk.sitkLinear) for sequence in job.sequences[1:]]
    lesions_out, brain_out = (_resampled(m, grid, sitk.sitkNearestNeighbor) for m in (lesions, brain))

    before, after = (sitk.GetArrayViewFromImage(m) for m in (lesions, lesions_out))
    cut = int(before.sum(dtype=np.int64)) - kept
    if cut:
        raise DatasetError(f"{name}: the crop would cut {cut} lesion voxels.")
    row = Row(
        subject=name,
        size_in=_times(scan.GetSize()),
        spacing_in=_times(scan.GetSpacing()),
        orientation_in=orientation,
        nan_share=round(nan_share, 6),
        mask_repairs=" ".join(repairs),
        lesions_in=ndimage.label(before, CONNECTED)[1],
        lesion_voxels_in=int(before.sum(dtype=np.int64)),
        lesion_voxels_cut=cut,
        size_out=_times(grid.GetSize()),
        spacing_out=_times(grid.GetSpacing()),
        orientation_out=AXES,
        lesions_out=ndimage.label(after, CONNECTED)[1],
        lesion_voxels_out=int(after.sum(dtype=np.int64)),
        seconds=round(time.monotonic() - begin, 1),
    )
    preprocessed.write(
        job.out, name, images, lesions_out, brain_out, {**job.settings(), "report": dataclasses.asdict(row)}
    )
    return row


def _cropped_grid(
    brain: sitk.Image, lesions: sitk.Image, spacing_mm: tuple[float, float, float]
) -> tuple[sitk.Image, int]:
    """Lay the new grid, edge to edge, over the brain's box and its margin (as `prepare` does).

    Returns
    -------
    grid : SimpleITK.Image
        Empty, on the new grid.
    kept : int
        Lesion voxels of the old grid inside the box.
    """
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(brain)
    box = shape.GetBoundingBox(1)
    old = np.array(brain.GetSpacing())
    margin = np.ceil(CROP_MARGIN_MM / np.round(old, 4)).astype(int)
    low = np.maximum(np.array(box[:3]) - margin, 0)
    high = np.minimum(np.array(box[:3]) + box[3:] + margin, brain.GetSize())
    spacing = np.array(spacing_mm)
    size = np.maximum(np.rint((high - low) * old / spacing), 1).astype(int)
    grid = sitk.Image(size.tolist(), sitk.sitkUInt8)
    grid.SetSpacing(spacing.tolist())
    grid.SetDirection(brain.GetDirection())
    first = low - 0.5 + 0.5 * spacing / old  # index of the first new voxel's centre
    grid.SetOrigin(brain.TransformContinuousIndexToPhysicalPoint(first.tolist()))
    inside = tuple(slice(a, b) for a, b in zip(low[::-1].tolist(), high[::-1].tolist(), strict=True))
    return grid, int(sitk.GetArrayViewFromImage(lesions)[inside].sum(dtype=np.int64))


def _other(job: Job, sequence: str, grid: sitk.Image) -> sitk.Image:
    """Read another sequence of the subject; refuse one that lies elsewhere in space."""
    name = job.subject.name
    path = job.subject.image.with_name(f"{name}_space-T2S_desc-masked_{sequence}.nii.gz")
    if not path.exists():
        raise DatasetError(f"{name} has no {sequence} ({path.name}); leave it out with --sequences.")
    image = checked_scan(read_nifti(path).image, path).image
    share = _covered(grid, image)
    if share < LEAST_COVERED:
        raise DatasetError(f"{name}: {sequence} shows only {share:.0%} of the T2S scan's brain: not the same space.")
    return image


def _covered(grid: sitk.Image, image: sitk.Image) -> float:
    """Share of a grid's box that an image shows, on a lattice of points."""
    points = [np.linspace(0, n - 1, 9) for n in grid.GetSize()]
    size = np.array(image.GetSize())
    inside = [
        bool(((index > -0.5) & (index < size - 0.5)).all())
        for at in np.stack(np.meshgrid(*points), -1).reshape(-1, 3).tolist()
        for index in [
            np.array(image.TransformPhysicalPointToContinuousIndex(grid.TransformContinuousIndexToPhysicalPoint(at)))
        ]
    ]
    return float(np.mean(inside))


def _resampled(image: sitk.Image, grid: sitk.Image, how: int) -> sitk.Image:
    kind = sitk.sitkUInt8 if how == sitk.sitkNearestNeighbor else sitk.sitkFloat32
    return sitk.Resample(image, grid, sitk.Transform(), how, 0.0, kind, True)


def _times(values: tuple[float, ...]) -> str:
    return "x".join(f"{value:.4g}" for value in values)
