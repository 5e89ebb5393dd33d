"""The phase images that lie beside a scan's file: by BIDS names, by converters' names, by sidecars."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ...errors import MachineError
from ...vocabulary.reasons import PHASE_NOT_USED
from ..scan import FILE_SUFFIXES, scan_stem
from .image import PhaseImage

LEFT_OUT = {"part", "desc", "echo"}  # entities in which a scan and its phase may differ
GRADIENT_ECHO = {"T2starw", "T2S", "swi", "GRE", "MEGRE", "T2star"}
ENDINGS = ("_phase", "_ph", "_pha", "_Phase")
MAGNITUDES = ("_mag", "_magnitude", "_Mag", "_swi", "_SWI")
MOST_SIDECARS = 400
LONGEST_SIDECAR = 1_000_000
PAIRED = "CMBPaired"  # key of the sidecars of `write_phase`


@dataclass(frozen=True)
class PhaseFile:
    """A file that holds phase: why it is the scan's, and what its sidecar says (0 and empty if nothing)."""

    path: Path
    why: str
    te_ms: float = 0.0
    manufacturer: str = ""


@dataclass(frozen=True)
class Paired:
    """What is known of a phase image that was paired before the search: as `PhaseImage`, and the notes on it."""

    name: str
    asked: bool
    notes: tuple[str, ...]


def phase_files_of(path: Path) -> tuple[list[PhaseFile], tuple[str, ...]]:
    """Find the phase of a scan's file.

    Parameters
    ----------
    path : Path
        NIfTI, NRRD or MetaImage.

    Returns
    -------
    files : list of PhaseFile
        One an echo, the scan's own last; none where nothing fits.
    notes : tuple of str
        Of what fits and was not taken, worded for the user.
    """
    notes: tuple[str, ...] = ()
    beside = [one for one in sorted(path.parent.iterdir()) if one != path and is_image_name(one.name)]
    own = sidecar_of(path)
    fitting = [one for one in beside if _is_bids_phase(path, one)]
    own_kind = [one for one in fitting if _entities(one)[1] == _entities(path)[1]]
    found = [(one, "its BIDS name (part-phase)") for one in own_kind or fitting]
    if not found:
        stem = scan_stem(path)
        stems = {stem, *(stem.removesuffix(ending) for ending in MAGNITUDES)}
        names = {f"{one}{ending}" for one in stems for ending in ENDINGS}
        found = [(one, "its name") for one in beside if scan_stem(one) in names][:1]
    if not found:
        fitting = [one for one in beside[:MOST_SIDECARS] if _says_phase(one, own)]
        fitting, notes = _of_one_run(fitting, own)
        found = [(one, "its sidecar (ImageType P)") for one in fitting]
    files = [_described(one, why) for one, why in found]
    echo, te = _entities(path)[0].get("echo"), echo_ms_of(own)
    files.sort(key=lambda one: _entities(one.path)[0].get("echo") == echo or (te > 0 and abs(one.te_ms - te) < 0.3))
    return files, notes


def _of_one_run(paths: list[Path], own: dict[str, Any]) -> tuple[list[Path], tuple[str, ...]]:
    """Leave out repeats: of several files of one echo, all but that of the scan's own run."""
    kept: dict[float, list[Path]] = {}
    for path in paths:
        kept.setdefault(echo_ms_of(sidecar_of(path)), []).append(path)
    chosen, notes = [], []
    for rivals in kept.values():
        order = sorted(rivals, key=lambda path: _far_from(sidecar_of(path), own))
        if len(order) > 1 and _far_from(sidecar_of(order[0]), own) == _far_from(sidecar_of(order[1]), own):
            named = " and ".join(path.name for path in order)
            notes.append(
                f"{PHASE_NOT_USED} {named} fit the scan equally well. Choose the right one (in the shell: --phase)."
            )
            continue
        chosen.append(order[0])
        notes += [f"Phase {path.name} was not used: {order[0].name} is nearer to the scan." for path in order[1:]]
    return chosen, tuple(notes)


def _far_from(about: dict[str, Any], own: dict[str, Any]) -> tuple[bool, float, bool]:
    """Order repeats: those of the scan's acquisition time first, then by series number, earlier ones first."""
    theirs, scans = about.get("SeriesNumber"), own.get("SeriesNumber")
    apart = theirs - scans if isinstance(theirs, (int, float)) and isinstance(scans, (int, float)) else 0
    return about.get("AcquisitionTime") != own.get("AcquisitionTime"), abs(apart), apart > 0


def sidecar_of(path: Path) -> dict[str, Any]:
    """Read the JSON file beside an image; empty where there is none that can be read."""
    sidecar = path.with_name(f"{scan_stem(path)}.json")
    try:
        if not sidecar.is_file() or sidecar.stat().st_size > LONGEST_SIDECAR:
            return {}
        content = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def write_phase(phase: PhaseImage, notes: Sequence[str], path: Path) -> None:
    """Write a phase image that is paired already, for the search: `notes` say with what and why.

    Raises
    ------
    MachineError
        It cannot be written.
    """
    about = {
        "EchoTime": phase.te_ms / 1e3,
        "Manufacturer": phase.manufacturer,
        "ImageType": ["ORIGINAL", "PRIMARY", "P"],
        PAIRED: {"name": phase.name, "asked": phase.asked, "notes": list(notes)},
    }
    try:
        sitk.WriteImage(phase.image, str(path))
        path.with_name(f"{scan_stem(path)}.json").write_text(json.dumps(about), encoding="utf-8")
    except (RuntimeError, OSError) as error:
        raise MachineError(
            f"The phase could not be written to {path.parent}.", "Free some disk space and try again."
        ) from error


def paired_before(path: Path) -> Paired | None:
    """Give what `write_phase` wrote of a phase image; None of any other file."""
    said = sidecar_of(path).get(PAIRED)
    if not isinstance(said, dict) or not isinstance(said.get("notes"), list):
        return None
    return Paired(str(said.get("name") or path.name), bool(said.get("asked")), tuple(map(str, said["notes"])))


def _described(path: Path, why: str) -> PhaseFile:
    about = sidecar_of(path)
    return PhaseFile(path, why, echo_ms_of(about), str(about.get("Manufacturer") or ""))


def is_image_name(name: str) -> bool:
    """Whether a file of this name may be NIfTI, NRRD or MetaImage."""
    return name.lower().endswith(FILE_SUFFIXES)


def _entities(path: Path) -> tuple[dict[str, str], str]:
    """Split a BIDS name into its entities and its suffix."""
    *parts, suffix = scan_stem(path).split("_")
    pairs = [part.partition("-") for part in parts]
    return {key: value for key, dash, value in pairs if dash}, suffix


def _is_bids_phase(scan: Path, other: Path) -> bool:
    own, suffix = _entities(scan)
    theirs, their_suffix = _entities(other)
    if theirs.get("part") != "phase" or "sub" not in own:
        return False
    same_kind = their_suffix == suffix or {suffix, their_suffix} <= GRADIENT_ECHO
    return same_kind and all(own.get(key) == theirs.get(key) for key in {*own, *theirs} - LEFT_OUT)


def _says_phase(path: Path, own: dict[str, Any]) -> bool:
    about = sidecar_of(path)
    kinds = about.get("ImageType")
    if not isinstance(kinds, list) or not {"P", "PHASE"} & {str(kind).upper() for kind in kinds}:
        return False
    told = [key for key in ("ProtocolName", "EchoTime", "SeriesInstanceUID") if key in own and key in about]
    same = [key for key in told if own[key] == about[key]]
    return bool(same) and all(key in same for key in told if key != "SeriesInstanceUID")


def echo_ms_of(about: dict[str, Any]) -> float:
    """Echo time that a sidecar gives, ms; 0 if it gives none."""
    value = about.get("EchoTime")
    return 1e3 * value if isinstance(value, (int, float)) and 0 < value < 1 else 0.0
