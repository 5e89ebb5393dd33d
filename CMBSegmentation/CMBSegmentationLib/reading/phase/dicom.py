"""The phase images of a DICOM study that belong to the scan that was read from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ...errors import InputError
from ...vocabulary.reasons import PHASE_NOT_USED
from ..dicom.headers import Frame, Series, read_header, read_series
from ..dicom.series import SAME_ECHO_MS, Offer, offers_of
from ..dicom.study import files_in, read_frames
from ..dicom.values import text
from ..grid import is_same_grid
from .image import PhaseImage

PHASE, REAL, IMAGINARY = "phase", "real", "imaginary"
SAME_PLACE_MM = 0.05
MOST_ECHOES = 8


def phases_in_study(path: Path, scan: sitk.Image, frames: Sequence[Frame]) -> tuple[list[PhaseImage], tuple[str, ...]]:
    """Find and read the phase that belongs to a scan: same study, slices and orientation.

    Parameters
    ----------
    path : Path
        The folder or the multi-frame file that the scan was read from.
    scan : SimpleITK.Image
    frames : sequence of Frame
        Its source.

    Returns
    -------
    phases : list of PhaseImage
        The scan's echo last; none where there are none.
    notes : tuple of str
        What was paired and why, and what was not.
    """
    found = read_series(files_in(path) if path.is_dir() else [path])
    own = {(frame.path, frame.index) for frame in frames}
    scans = next((one for one in found.series if any((f.path, f.index) in own for f in one.frames)), None)
    if scans is None:
        return [], ()
    when = _acquired(frames[0])
    offers = [offer for one in found.series if one.study == scans.study for offer in offers_of(one)]
    offers.sort(key=lambda offer: _far_from(offer, scans, when))
    phases, notes = [], []
    for echo in _echoes(offers):
        image, said = _at_echo([offer for offer in offers if abs(offer.echo_ms - echo) < SAME_ECHO_MS], frames, scan)
        notes += said
        if image is not None:
            phases.append(image)
    echo_ms = frames[0].echo_ms
    phases.sort(key=lambda one: (-abs(one.te_ms - echo_ms), one.te_ms))
    phases = phases[-MOST_ECHOES:]
    if phases:
        notes.append(_paired(phases, echo_ms))
    return phases, tuple(notes)


def phase_alone(path: Path) -> PhaseImage:
    """Read the phase of a folder or file that a user names as phase, on its own grid; the longest echo of several.

    Raises
    ------
    InputError
        It holds no phase, or that cannot be read.
    """
    found = read_series(files_in(path) if path.is_dir() else [path])
    offers = [offer for one in found.series for offer in offers_of(one) if offer.kind == PHASE]
    if not offers:
        raise InputError(
            f"{path.name} holds no DICOM phase image (image type P or PHASE).",
            "Give the phase series that belongs to the scan.",
        )
    offer = max(offers, key=lambda one: one.echo_ms)
    volume = read_frames(offer.frames, f"Series {offer.series.name}")
    return PhaseImage(volume.image, path.name, offer.echo_ms, _manufacturer(offer.frames[0]))


def _far_from(offer: Offer, scans: Series, when: str) -> tuple[bool, int, bool]:
    """Order repeats: those of the scan's acquisition time first, then by series number, earlier ones first."""
    apart = (offer.series.number or 0) - (scans.number or 0)
    is_other = offer.kind in (PHASE, REAL, IMAGINARY) and _acquired(offer.frames[0]) != when
    return is_other, abs(apart), apart > 0


def _acquired(frame: Frame) -> str:
    """Acquisition time as the header has it; empty where it is not recorded."""
    header = read_header(frame.path)
    return "" if header is None else text(header, "AcquisitionTime") or text(header, "AcquisitionDateTime")


def _echoes(offers: Sequence[Offer]) -> list[float]:
    """Echo times of phase, real and imaginary volumes, each once."""
    echoes: list[float] = []
    for echo in sorted(offer.echo_ms for offer in offers if offer.kind in (PHASE, REAL, IMAGINARY)):
        if not echoes or echo - echoes[-1] >= SAME_ECHO_MS:
            echoes.append(echo)
    return echoes


def _at_echo(offers: Sequence[Offer], frames: Sequence[Frame], scan: sitk.Image) -> tuple[PhaseImage | None, list[str]]:
    """Read the phase of one echo; of several series, which are repeats, the first that fits."""
    notes: list[str] = []
    fitting: dict[str, list[Offer]] = {PHASE: [], REAL: [], IMAGINARY: []}
    for offer in offers:
        if offer.kind in fitting:
            why = _why_not(offer.frames, frames)
            if not why and fitting[offer.kind]:
                why = f"series {fitting[offer.kind][0].series.name} is nearer to the scan"
            if why:
                notes.append(f"Phase of series {offer.series.name} was not used: {why}.")
            else:
                fitting[offer.kind].append(offer)
    try:
        if fitting[PHASE]:
            return _phase(fitting[PHASE][0], scan), notes
        if fitting[REAL] and fitting[IMAGINARY]:
            return _from_parts(fitting[REAL][0], fitting[IMAGINARY][0], scan), notes
    except InputError as error:
        notes.append(f"{PHASE_NOT_USED} {error}")
    return None, notes


def _why_not(offered: Sequence[Frame], frames: Sequence[Frame]) -> str:
    """Say why a volume is not of the scan's slices; empty if it is."""
    first, own = offered[0], frames[0]
    if first.position is None or first.orientation is None or own.position is None or own.orientation is None:
        return "it does not say where it lies"
    if first.size != own.size or np.abs(np.subtract(first.orientation, own.orientation)).max() > 1e-3:
        return "its slices have another size or direction than the scan's"
    positions = np.array([frame.position for frame in offered])
    apart = [float(np.linalg.norm(positions - frame.position, axis=1).min()) for frame in frames]
    missing = sum(distance > SAME_PLACE_MM for distance in apart)
    if missing == len(frames):
        return "its slices lie elsewhere than the scan's"
    if missing:
        return f"{missing} of the scan's {len(frames)} slices are missing in it"
    return "it has other slices than the scan" if len(offered) != len(frames) else ""


def _phase(offer: Offer, scan: sitk.Image) -> PhaseImage:
    return PhaseImage(
        _on_scan(offer, scan), f"series {offer.series.name}", offer.echo_ms, _manufacturer(offer.frames[0])
    )


def _from_parts(real: Offer, imaginary: Offer, scan: sitk.Image) -> PhaseImage:
    one, other = (sitk.GetArrayFromImage(_on_scan(offer, scan)).astype(np.float32) for offer in (real, imaginary))
    if min(one.min(), other.min()) >= 0:  # stored without a sign, about the middle of the range
        one, other = (values - np.float32(2048 if values.max() <= 4096 else 32768) for values in (one, other))
    image = sitk.GetImageFromArray(np.arctan2(other, one))
    image.CopyInformation(scan)
    name = f"series {real.series.name} and {imaginary.series.name} (real and imaginary)"
    return PhaseImage(image, name, real.echo_ms, _manufacturer(real.frames[0]))


def _on_scan(offer: Offer, scan: sitk.Image) -> sitk.Image:
    image = read_frames(offer.frames, f"Series {offer.series.name}").image
    if not is_same_grid(image, scan):
        raise InputError(f"series {offer.series.name} lies on another grid than the scan.")
    image.CopyInformation(scan)
    return image


def _manufacturer(frame: Frame) -> str:
    header = read_header(frame.path)
    return "" if header is None else text(header, "Manufacturer")


def _paired(phases: Sequence[PhaseImage], echo_ms: float) -> str:
    last = phases[-1]
    said = f"Phase was taken from {last.name}: same study, slices and "
    if echo_ms and abs(last.te_ms - echo_ms) >= SAME_ECHO_MS:
        said += f"orientation, but another echo (TE {last.te_ms:g} ms, the scan's {echo_ms:g} ms)"
    else:
        said += f"echo (TE {last.te_ms:g} ms)"
    others = ", ".join(f"{one.te_ms:g}" for one in phases[:-1])
    return f"{said}{f'; echoes at {others} ms are used, too' if others else ''}."
