"""Subjects on disk, prepared once by the core's own preprocessing, and read back memory-mapped.

Raw subjects (VALDO's layout) and preprocessed ones (`cmbtraining.data.preprocessed`) both go through
`CMBSegmentationLib.detecting.model_grid.prepare`, the lines that prepare a scan in use: a preprocessed subject
brings its resampling along, which `prepare` then has nothing to add to.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from CMBSegmentationLib.detecting.model_grid import PreparedScan, prepare, resample_labels
from CMBSegmentationLib.models.input_spec import InputSpec
from CMBSegmentationLib.reading.scan import checked_scan, read_scan

from ..synthesis.mimics import KINDS, VESSEL
from . import preprocessed
from .masks import MaskError, grid_difference, read_mask

BRAIN_SAMPLE = 20000  # brain positions kept per subject, from which background patches are drawn
VESSEL_VOXELS_A_PLACE = 1000  # a vessel is no compact body: patches are laid around places along it


class DatasetError(ValueError):
    """The data folder is wrong; the message names the subject."""


@dataclass(frozen=True)
class Subject:
    """One subject on disk.

    Attributes
    ----------
    image : Path
        The scan; of a preprocessed subject the multi-channel image.
    mask : Path
        Of lesions.
    form : Preprocessed or None
        None for a raw subject in VALDO's layout.
    sequence : str
        That the scan shows.
    """

    name: str
    image: Path
    mask: Path
    form: preprocessed.Preprocessed | None = None
    sequence: str = "T2S"


@dataclass(frozen=True)
class PreparedSubject:
    """A subject on the model's grid.

    Attributes
    ----------
    voxels : float16 array (i, j, k), memory-mapped
    lesions : uint8 array (i, j, k), memory-mapped; 0/1
    lesion_centres : int array (n, 3)
        A voxel of each lesion, the one next to its centre of mass.
    brain_positions : int array (m, 3)
    hard_positions : int array (h, 3)
        Where an earlier model saw what is not there.
    mimic_positions : int array (k, 3)
        A voxel of each simulated mimic.
    """

    name: str
    voxels: NDArray[np.float16]
    lesions: NDArray[np.uint8]
    lesion_centres: NDArray[np.int32]
    brain_positions: NDArray[np.int32]
    hard_positions: NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 3), np.int32))
    mimic_positions: NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 3), np.int32))


def find_subjects(folder: Path, sequence: str = "T2S") -> list[Subject]:
    """List the subjects of a folder, raw in VALDO's layout or preprocessed.

    Parameters
    ----------
    folder : Path
        Holds ``sub-101/sub-101_space-T2S_desc-masked_T2S.nii.gz`` and
        ``sub-101/sub-101_space-T2S_CMB.nii.gz`` and so on; or what ``preprocess.py`` wrote.
    sequence : str
        Its scans; the mask is the one of the scan's space, ``space-SWI`` for one with a grid of its own.

    Returns
    -------
    list of Subject, sorted by name

    Raises
    ------
    DatasetError
        No subject, or one without its mask.
    """
    subjects = _preprocessed_subjects(folder, sequence)
    for image in [] if subjects else sorted(folder.glob(f"sub-*/sub-*_space-*_desc-masked_{sequence}.nii.gz")):
        name = image.parent.name
        mask = image.with_name(image.name.replace(f"_desc-masked_{sequence}", "_CMB"))
        if not mask.exists():
            raise DatasetError(f"{name} has no lesion mask ({mask.name}); add it or remove the subject.")
        subjects.append(Subject(name, image, mask, sequence=sequence))
    if not subjects:
        raise DatasetError(f"No subjects in {folder}; expected sub-*/sub-*_space-T2S_desc-masked_{sequence}.nii.gz.")
    return subjects


def find_scans(folder: Path, sequences: Sequence[str]) -> list[Subject]:
    """List the scans of several sequences, each by itself; a subject may have one of them or all.

    Raises
    ------
    DatasetError
        As `find_subjects`, for every sequence.
    """
    return [subject for sequence in sequences for subject in find_subjects(folder, sequence)]


def _preprocessed_subjects(folder: Path, sequence: str) -> list[Subject]:
    forms = [
        preprocessed.at(folder, path.parent.name) for path in sorted(folder.glob(f"sub-*/sub-*{preprocessed.IMAGES}"))
    ]
    for form in forms:
        missing = [path.name for path in (form.lesions, form.brain, form.sidecar) if not path.exists()]
        if missing:
            raise DatasetError(f"{form.name} lacks {', '.join(missing)}; preprocess it again.")
    with_it = [form for form in forms if sequence == "T2S" or sequence in form.details().get("sequences", ())]
    return [Subject(form.name, form.images, form.lesions, form, sequence) for form in with_it]


def prepare_subject(
    subject: Subject, spec: InputSpec, cache: Path, hard_ras_mm: NDArray[np.float64] | None = None
) -> PreparedSubject:
    """Prepare a subject once, and map it from `cache` ever after.

    Parameters
    ----------
    subject : Subject
    spec : InputSpec
        What the network will expect; another spec is prepared anew.
    cache : Path
    hard_ras_mm : array (h, 3), optional
        Hard negatives, patient RAS; those outside the prepared volume are left out.

    Returns
    -------
    PreparedSubject
    """
    own = subject.image.name.split("_desc-masked")[0].removesuffix("_space-T2S")  # a subject may have several scans
    kind = "" if subject.sequence == "T2S" else f"_{subject.sequence}"
    folder = cache / f"{subject.name if subject.form else own}{kind}"
    stamp = json.dumps([spec.axes, spec.spacing_mm, spec.normalization])
    done = folder / "spec.json"
    if not done.exists() or done.read_text() != stamp or not (folder / "mimics.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_prepared(subject, spec, folder)
        done.write_text(stamp)
    load = {f: np.load(folder / f"{f}.npy", mmap_mode="r") for f in ("voxels", "lesions", "centres", "brain", "mimics")}
    hard = _inside(hard_ras_mm, np.load(folder / "ras_to_index.npy"), load["voxels"].shape)
    return PreparedSubject(
        subject.name, load["voxels"], load["lesions"], load["centres"], load["brain"], hard, load["mimics"]
    )


def _inside(points: NDArray[np.float64] | None, ras_to_index: NDArray[np.float64], shape) -> NDArray[np.int32]:
    if points is None or not len(points):
        return np.empty((0, 3), np.int32)
    index = np.rint(points @ ras_to_index[:3, :3].T + ras_to_index[:3, 3]).astype(np.int32)
    return index[((index >= 0) & (index < shape)).all(axis=1)]


def _write_prepared(subject: Subject, spec: InputSpec, folder: Path) -> None:
    prepared, mask = _prepared(subject, spec)
    lesions = (resample_labels(mask, prepared) > 0).astype(np.uint8)
    rng = np.random.default_rng(0)
    flat = np.flatnonzero(prepared.brain)
    flat = rng.choice(flat, min(BRAIN_SAMPLE, flat.size), replace=False)
    np.save(folder / "voxels.npy", prepared.voxels.astype(np.float16))
    np.save(folder / "lesions.npy", lesions)
    np.save(folder / "ras_to_index.npy", prepared.ras_to_index())
    np.save(folder / "centres.npy", _centres(lesions))
    np.save(folder / "mimics.npy", _mimic_centres(subject, prepared))
    np.save(folder / "brain.npy", np.column_stack(np.unravel_index(flat, prepared.brain.shape)).astype(np.int32))


def _mimic_centres(subject: Subject, prepared: PreparedScan) -> NDArray[np.int32]:
    """Of the bodies in the simulator's map of mimics, where there is one; of vessels one place in a thousand voxels."""
    path = subject.mask.with_name(subject.mask.name.replace("_CMB", "_mimics"))
    if subject.form is not None or not path.exists():
        return np.empty((0, 3), np.int32)
    kinds = resample_labels(sitk.ReadImage(str(path), sitk.sitkUInt8), prepared)
    vessel = 1 + KINDS.index(VESSEL)
    bodies = _centres(((kinds > 0) & (kinds != vessel)).astype(np.uint8))
    along = np.argwhere(kinds == vessel)
    chosen = np.random.default_rng(0).permutation(len(along))[: len(along) // VESSEL_VOXELS_A_PLACE]
    return np.concatenate([bodies, along[chosen]]).astype(np.int32)


def _centres(lesions: NDArray[np.uint8]) -> NDArray[np.int32]:
    """The voxel of each component next to its centre of mass, which itself may lie beside a bent one."""
    components, _ = ndimage.label(lesions, np.ones((3, 3, 3)))
    centres = []
    for number, box in enumerate(ndimage.find_objects(components), start=1):
        voxels = np.argwhere(components[box] == number)
        nearest = voxels[np.argmin(((voxels - voxels.mean(axis=0)) ** 2).sum(axis=1))]
        centres.append(nearest + [side.start for side in box])
    return np.array(centres, np.int32).reshape(-1, 3)


def _prepared(subject: Subject, spec: InputSpec) -> tuple[PreparedScan, sitk.Image]:
    """Read a subject and prepare its scan; the lesion mask comes cleaned, on the scan's grid."""
    if subject.form is None:
        image, brain = read_scan(subject.image).image, None
    else:
        image, brain = _read_preprocessed(subject.form, spec, subject.sequence)
    try:
        mask, _ = read_mask(subject.mask)
    except MaskError as error:
        raise DatasetError(f"{subject.name}: {error}") from error
    apart = grid_difference(mask, image)
    if apart:
        raise DatasetError(f"{subject.name}: the mask is on another grid than the scan ({apart}).")
    mask.CopyInformation(image)
    prepared = prepare(image, spec, brain)
    outside = mask & ~(prepared.scan_brain > 0) & 1
    if sitk.GetArrayViewFromImage(outside).any():  # else the crop could cut a lesion
        prepared = prepare(image, spec, (prepared.scan_brain > 0) | mask)
    return prepared, mask


def _read_preprocessed(
    form: preprocessed.Preprocessed, spec: InputSpec, sequence: str
) -> tuple[sitk.Image, sitk.Image]:
    """One sequence's volume and the brain; refused at another voxel size, which would interpolate twice."""
    made_with = form.details().get("spacing_mm")
    if made_with is None or not np.allclose(made_with, spec.spacing_mm):
        raise DatasetError(
            f"{form.name} was preprocessed at {made_with} mm, the configuration wants {list(spec.spacing_mm)} mm: "
            f"preprocess it again, or train from the raw folder."
        )
    try:
        image = checked_scan(preprocessed.read_sequence(form, sequence), form.images).image
        brain, _ = read_mask(form.brain)
    except KeyError as error:
        raise DatasetError(f"{form.name} was preprocessed without {sequence}.") from error
    except MaskError as error:
        raise DatasetError(f"{form.name}: {error}") from error
    return image, brain
