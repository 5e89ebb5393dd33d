"""The paper's preprocessed form of a subject on disk (Docs/paper.md, section 3, step 4)."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from CMBSegmentationLib.files.atomic_file import put_in_place

from .masks import MaskError

IMAGES = "_space-T2S_desc-preproc_images.nii.gz"
LESIONS = "_space-T2S_desc-preproc_CMB.nii.gz"
BRAIN = "_space-T2S_desc-preproc_brain.nii.gz"
SIDECAR = "_space-T2S_desc-preproc.json"


@dataclass(frozen=True)
class Preprocessed:
    """One preprocessed subject.

    Attributes
    ----------
    images : Path
        4D NIfTI, one volume a sequence, intensities as acquired.
    lesions, brain : Path
        0/1 masks on the same grid; every lesion lies in the brain mask.
    sidecar : Path
        JSON: ``sequences`` in the order of the volumes, ``spacing_mm``, and the row of the report.
    """

    name: str
    images: Path
    lesions: Path
    brain: Path
    sidecar: Path

    def details(self) -> dict[str, Any]:
        """What the sidecar says; empty where there is none or it cannot be read."""
        try:
            told = json.loads(self.sidecar.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}


def at(folder: Path, name: str) -> Preprocessed:
    """Name a subject's files in a folder of preprocessed subjects, whether they exist or not."""
    stem = folder / name / name
    return Preprocessed(name, *(Path(f"{stem}{ending}") for ending in (IMAGES, LESIONS, BRAIN, SIDECAR)))


def read_sequence(subject: Preprocessed, sequence: str) -> sitk.Image:
    """Take one sequence's volume out of the multi-channel image.

    Raises
    ------
    KeyError
        The subject was preprocessed without that sequence.
    MaskError
        The image cannot be read.
    """
    sequences: list[str] = subject.details().get("sequences", [])
    if sequence not in sequences:
        raise KeyError(sequence)
    try:
        images = sitk.ReadImage(str(subject.images))
    except RuntimeError as error:
        raise MaskError(f"{subject.images} cannot be read as an image.") from error
    size = images.GetSize()
    return sitk.Extract(images, [*size[:3], 0], [0, 0, 0, sequences.index(sequence)])


def write(
    folder: Path, name: str, images: Sequence[sitk.Image], lesions: sitk.Image, brain: sitk.Image, sidecar: dict
) -> None:
    """Write a subject to a folder beside its own, then move that in: what is there is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{name}-") as draft_folder:
        draft = at(Path(draft_folder), name)
        draft.images.parent.mkdir()
        sitk.WriteImage(sitk.JoinSeries(list(images)), str(draft.images), True)
        sitk.WriteImage(lesions, str(draft.lesions), True)
        sitk.WriteImage(brain, str(draft.brain), True)
        draft.sidecar.write_text(json.dumps(sidecar, indent=1), encoding="utf-8")
        shutil.rmtree(folder / name, ignore_errors=True)
        put_in_place(draft.images.parent, folder / name)
