"""Images that lie together: which of them are scans that show microbleeds, by their names and sidecars."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..dicom.headers import KINDS
from ..scan import scan_stem
from .files import is_image_name, phase_files_of, sidecar_of

PHASE, PROJECTION, DERIVED = "phase", "projection", "derived image"
NO_MAGNITUDE = {  # words of a label, which may be written together: SWImIP, rec-phaseMap
    PROJECTION: r"[Mm](in|ax)?IP|mip|minip|maxip|[Mm]inimum|[Mm]aximum",
    PHASE: r"[Pp]ha(se)?|PHA(SE)?",
    "real or imaginary part": r"[Rr]eal|REAL|[Ii]mag(inary)?|IMAG",
    "map": r"[Mm]aps?|MAP|QSM|qsm|[Cc]hi|CHI",
    "mask": r"[Mm]ask",
}
WORDS = {kind: re.compile(rf"(?<![a-z])({words})(?![a-z])") for kind, words in NO_MAGNITUDE.items()}
TOLD_BY = ("part", "rec", "acq", "desc")  # entities whose value may say that it is no magnitude
SUFFIXES = {  # the last part of a name, as BIDS and converters have it
    **dict.fromkeys(("minIP", "mIP", "MinIP"), PROJECTION),
    **dict.fromkeys(("phase", "Phase", "ph", "pha"), PHASE),
    **dict.fromkeys(("dseg", "probseg", "mask"), DERIVED),
}
RESOURCE_FORK = "._"  # how macOS begins the name of what it keeps beside a file on other systems' disks


def kind_of_name(name: str) -> str:
    """Tell what an image is by its name, a BIDS one or a converter's; empty of what may be a scan.

    Examples
    --------
    >>> [kind_of_name(f"sub-1_{rest}.nii.gz") for rest in ("T2starw", "part-phase_T2starw", "minIP")]
    ['', 'phase', 'projection']
    """
    *parts, suffix = scan_stem(Path(name)).split("_")
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    entities = {key: value for key, dash, value in (part.partition("-") for part in parts) if dash}
    values = [*(entities.get(key, "") for key in TOLD_BY), suffix]
    found = next((kind for kind, words in WORDS.items() if any(words.search(value) for value in values)), "")
    return found or (DERIVED if "desc" in entities else "")


def images_among(paths: Sequence[Path]) -> list[Path]:
    """Give those whose names are those of images, in order of name."""
    return sorted(one for one in paths if is_image_name(one.name) and not one.name.startswith(RESOURCE_FORK))


def scans_among(images: Sequence[Path]) -> list[Path]:
    """Leave out what is plainly no scan of its own: phase, projections, maps, masks.

    Parameters
    ----------
    images : sequence of Path
        All in one folder, their sidecars (.json) beside them.

    Returns
    -------
    list of Path
        In the same order. All of them where nothing would be left: what somebody gives alone is meant.
    """
    likely = [one for one in images if not (kind_of_name(one.name) or _kind_in_sidecar(one))]
    partners = {file.path for one in likely for file in phase_files_of(one)[0]}
    return [one for one in likely if one not in partners] or list(images)


def _kind_in_sidecar(path: Path) -> str:
    told = sidecar_of(path).get("ImageType")
    words = {str(word).upper() for word in told} if isinstance(told, list) else set()
    return next((kind for kind, known in KINDS.items() if known & words), "")
