"""The phase that belongs to a scan, wherever it is, on the scan's grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import SimpleITK as sitk

from ...errors import InputError
from ..dicom.first_bytes import is_dicom_file
from ..grid import is_same_grid, steps_onto
from ..not_finite import without_gaps
from ..scan import Scan, read_label_image
from .dicom import phase_alone, phases_in_study
from .files import echo_ms_of, paired_before, phase_files_of, sidecar_of
from .image import PhaseImage


def read_phases(scan: Scan, asked: Sequence[Path] = ()) -> tuple[tuple[PhaseImage, ...], tuple[str, ...]]:
    """Find and read the phase of a scan.

    Parameters
    ----------
    scan : Scan
        As it was read.
    asked : sequence of Path
        Files or DICOM folders that a user names in place of what is found, or that were paired before
        (`reading.phase.files.write_phase`); the searched echo's last.

    Returns
    -------
    phases : tuple of PhaseImage
        The searched echo's last; none where there are none.
    notes : tuple of str
        What was paired and why, worded for the user.

    Raises
    ------
    InputError
        `asked` cannot be read, or is of another grid. What is found by itself and does not fit is noted instead.
    """
    if asked:
        return tuple(_given(path, scan.image) for path in asked), _notes_on(asked)
    if scan.frames:
        found, notes = phases_in_study(scan.source, scan.image, scan.frames)
        return tuple(found), notes
    files, doubts = phase_files_of(scan.source)
    phases, said = [], [*doubts]
    for file in files:
        try:
            image = on_grid_of(scan.image, _read(file.path), file.path.name)
        except InputError as error:
            said.append(f"Phase {file.path.name} was not used: {error}")
            continue
        phases.append(PhaseImage(image, file.path.name, file.te_ms, file.manufacturer))
        said.append(f"Phase was taken from {file.path.name}: {file.why}.")
    return tuple(phases), tuple(said)


def on_grid_of(scan: sitk.Image, image: sitk.Image, name: str) -> sitk.Image:
    """Bring a phase image whose voxels are the scan's into the scan's order of axes.

    Raises
    ------
    InputError
        It lies on another grid: phase is never resampled, because its wraps cannot be.
    """
    if not is_same_grid(scan, image):
        try:
            steps_onto(scan, image, name)
        except InputError as error:
            raise InputError(
                f"The phase image {name} lies on another grid than the scan.",
                "Give the phase of the same acquisition; phase is never resampled.",
            ) from error
        if sorted(image.GetSize()) != sorted(scan.GetSize()):
            raise InputError(
                f"The phase image {name} has {_size(image)} voxels, the scan {_size(scan)}.",
                "Give the phase of the same acquisition, with all its slices.",
            )
        image = sitk.Resample(image, scan, sitk.Transform(), sitk.sitkNearestNeighbor)
    image.CopyInformation(scan)  # without the rounding of its own header
    return image


def _given(path: Path, scan: sitk.Image) -> PhaseImage:
    if path.is_dir() or is_dicom_file(path):
        found = phase_alone(path)
    else:
        about = sidecar_of(path)
        found = PhaseImage(_read(path), path.name, echo_ms_of(about), str(about.get("Manufacturer") or ""))
    before = paired_before(path)
    name, asked = (path.name, True) if before is None else (before.name, before.asked)
    return replace(found, image=on_grid_of(scan, found.image, name), name=name, asked=asked)


def _notes_on(given: Sequence[Path]) -> tuple[str, ...]:
    """Say where given phase is from: as it was said when it was paired, else that a user asked for it."""
    before = {path: paired_before(path) for path in given}
    notes = [note for paired in before.values() if paired is not None for note in paired.notes]
    if named := " and ".join(path.name for path, paired in before.items() if paired is None):
        notes.append(f"Phase was taken from {named}, as asked.")
    return tuple(notes)


def _read(path: Path) -> sitk.Image:
    return without_gaps(read_label_image(path), path.name)[0]


def _size(image: sitk.Image) -> str:
    return " x ".join(str(n) for n in image.GetSize())
