"""Subjects on disk, prepared once by the core's own preprocessing, and read back memory-mapped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from CMBSegmentationLib.preprocess import InputSpec, prepare, resample_labels
from CMBSegmentationLib.read import read_scan

BRAIN_SAMPLE = 20000  # brain positions kept per subject, from which background patches are drawn


class DatasetError(ValueError):
    """The data folder is wrong; the message names the subject."""


@dataclass(frozen=True)
class Subject:
    """One subject's scan and lesion mask on disk, by VALDO's file names."""

    name: str
    image: Path
    mask: Path


@dataclass(frozen=True)
class PreparedSubject:
    """A subject on the model's grid.

    Attributes
    ----------
    voxels : float16 array (i, j, k), memory-mapped
    lesions : uint8 array (i, j, k), memory-mapped; 0/1
    lesion_centres : int array (n, 3)
    brain_positions : int array (m, 3)
    """

    name: str
    voxels: NDArray[np.float16]
    lesions: NDArray[np.uint8]
    lesion_centres: NDArray[np.int32]
    brain_positions: NDArray[np.int32]


def find_subjects(folder: Path, sequence: str = "T2S") -> list[Subject]:
    """List the subjects of a folder in VALDO's layout.

    Parameters
    ----------
    folder : Path
        Holds ``sub-101/sub-101_space-T2S_desc-masked_T2S.nii.gz`` and
        ``sub-101/sub-101_space-T2S_CMB.nii.gz`` and so on.
    sequence : str

    Returns
    -------
    list of Subject, sorted by name

    Raises
    ------
    DatasetError
        No subject, or one without its mask.
    """
    subjects = []
    for image in sorted(folder.glob(f"sub-*/sub-*_space-T2S_desc-masked_{sequence}.nii.gz")):
        name = image.parent.name
        mask = image.parent / f"{name}_space-T2S_CMB.nii.gz"
        if not mask.exists():
            raise DatasetError(f"{name} has no lesion mask ({mask.name}); add it or remove the subject.")
        subjects.append(Subject(name, image, mask))
    if not subjects:
        raise DatasetError(f"No subjects in {folder}; expected sub-*/sub-*_space-T2S_desc-masked_{sequence}.nii.gz.")
    return subjects


def prepare_subject(subject: Subject, spec: InputSpec, cache: Path) -> PreparedSubject:
    """Prepare a subject once, and map it from `cache` ever after.

    Parameters
    ----------
    subject : Subject
    spec : InputSpec
        What the network will expect; another spec is prepared anew.
    cache : Path

    Returns
    -------
    PreparedSubject
    """
    folder = cache / subject.name
    stamp = json.dumps([spec.axes, spec.spacing_mm, spec.normalization])
    done = folder / "spec.json"
    if not done.exists() or done.read_text() != stamp:
        folder.mkdir(parents=True, exist_ok=True)
        _write_prepared(subject, spec, folder)
        done.write_text(stamp)
    load = {f: np.load(folder / f"{f}.npy", mmap_mode="r") for f in ("voxels", "lesions", "centres", "brain")}
    return PreparedSubject(subject.name, load["voxels"], load["lesions"], load["centres"], load["brain"])


def _write_prepared(subject: Subject, spec: InputSpec, folder: Path) -> None:
    image = read_scan(subject.image).image
    mask = sitk.ReadImage(str(subject.mask))
    if mask.GetSize() != image.GetSize():
        raise DatasetError(f"{subject.name}: the mask has {mask.GetSize()} voxels, the scan {image.GetSize()}.")
    mask.CopyInformation(image)
    prepared = prepare(image, spec)
    lesions = (resample_labels(sitk.Cast(mask > 0.5, sitk.sitkUInt8), prepared) > 0).astype(np.uint8)
    components, count = ndimage.label(lesions, np.ones((3, 3, 3)))
    centres = ndimage.center_of_mass(lesions, components, range(1, count + 1)) if count else np.empty((0, 3))
    rng = np.random.default_rng(0)
    flat = np.flatnonzero(prepared.brain)
    flat = rng.choice(flat, min(BRAIN_SAMPLE, flat.size), replace=False)
    np.save(folder / "voxels.npy", prepared.voxels.astype(np.float16))
    np.save(folder / "lesions.npy", lesions)
    np.save(folder / "centres.npy", np.rint(centres).astype(np.int32).reshape(-1, 3))
    np.save(folder / "brain.npy", np.column_stack(np.unravel_index(flat, prepared.brain.shape)).astype(np.int32))
