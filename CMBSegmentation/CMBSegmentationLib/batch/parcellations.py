"""Where the parcellation of each scan of a batch lies."""

from __future__ import annotations

import glob
from pathlib import Path
from string import Formatter

from ..errors import InputError
from .bids import BidsScan

FIELDS = ("subject", "session", "scan", "folder")
HINT = "Write it with {subject}, {session}, {scan} or {folder}: derivatives/freesurfer/sub-{subject}/aparc+aseg.nii.gz"


def check_pattern(pattern: str) -> str:
    """Give a pattern whose fields are all known; `InputError` with any other."""
    try:
        fields = {name for _, name, spec, _ in Formatter().parse(pattern) if name is not None}
    except ValueError as error:
        raise InputError(f"The pattern of the parcellations cannot be read ({error}): {pattern}", HINT) from error
    _check_plain(pattern)
    strange = sorted(fields - set(FIELDS))
    if strange:
        raise InputError(f"The pattern of the parcellations has the field {{{strange[0]}}}, which is not known.", HINT)
    if not fields:
        raise InputError(f"The pattern of the parcellations names one file for all scans: {pattern}", HINT)
    return pattern


def parcellation_of(scan: BidsScan, pattern: str) -> Path:
    """Name the parcellation of a scan.

    Parameters
    ----------
    scan : BidsScan
    pattern : str
        As `check_pattern` gave it: ``{subject}`` and ``{session}`` are labels without ``sub-`` and ``ses-``, ``{scan}``
        the scan's name without extension, ``{folder}`` its folder in the dataset, such as ``sub-1/ses-2/anat``. A
        relative path is one in the dataset. ``*`` stands for any letters, where one file fits.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        There is no such file, or there are several.
    """
    dataset = scan.path.parents[len(scan.folder.parts)]
    values = {
        "subject": scan.subject,
        "session": scan.session,
        "scan": scan.stem,
        "folder": Path(scan.source).parent.as_posix(),
    }
    path = dataset / pattern.format(**values)
    found = _fitting(dataset, pattern, values) if "*" in pattern else [path]
    if len(found) == 1 and found[0].is_file():
        return found[0]
    if len(found) > 1:
        raise InputError(f"{len(found)} parcellations fit {path}.", "Write the pattern so that one file fits a scan.")
    raise InputError(f"There is no parcellation {path}.", "Check the pattern: other scans are searched.")


def _check_plain(pattern: str) -> None:
    """Refuse ``{subject:d}`` and the like, which would fail for every scan."""
    if any(spec or conversion for _, _, spec, conversion in Formatter().parse(pattern)):
        raise InputError(f"The pattern of the parcellations has a field with a format: {pattern}", HINT)


def _fitting(dataset: Path, pattern: str, values: dict[str, str]) -> list[Path]:
    """Find the files that fit; only the pattern's own ``*`` stands for other letters."""
    escaped = glob.escape(pattern).replace("[*]", "*").format(**{key: glob.escape(one) for key, one in values.items()})
    return sorted(Path(one) for one in glob.glob(str(Path(glob.escape(str(dataset))) / escaped)))
