"""Images that were sent together: the one that is the scan, or the question which."""

from __future__ import annotations

from pathlib import Path

from CMBSegmentationLib.reading.dicom.series import OfferedSeries, SeriesChoiceError
from CMBSegmentationLib.reading.phase.files import phase_files_of
from CMBSegmentationLib.reading.phase.several_files import images_among, scans_among

from .kept_results import KeptScan

MOST_NAMED = 3


class ImageChoiceError(SeriesChoiceError):
    """Which of several images is meant only the reader can say; an image's name stands for a series' UID."""


def one_of_images(wanted: KeptScan) -> tuple[KeptScan, tuple[str, ...]]:
    """Find the scan among images that were sent together; anything else is given back as it is.

    Parameters
    ----------
    wanted : KeptScan
        Its `series` is the name of the file that the reader chose; None before.

    Returns
    -------
    wanted : KeptScan
        Of one file.
    notes : tuple of str
        Which files were left out.

    Raises
    ------
    ImageChoiceError
        Several may be the scan: only the reader can say which.
    """
    folder = Path(wanted.path)
    if not wanted.uploaded or not folder.is_dir() or not (images := images_among(list(folder.iterdir()))):
        return wanted, ()
    scans = scans_among(images)
    chosen = scans if len(scans) == 1 else [one for one in scans if one.name == wanted.series]
    if not chosen:
        raise ImageChoiceError(
            f"{len(scans)} of {len(images)} images may be the scan.",
            offered=[OfferedSeries(one.name, one.name, _about(one)) for one in scans],
        )
    (scan,) = chosen
    phase = {file.path for file in phase_files_of(scan)[0]}
    left = [one.name for one in images if one != scan and one not in phase]
    more = f" and {len(left) - MOST_NAMED} more" if len(left) > MOST_NAMED else ""
    notes = (f"Sent along and not opened: {', '.join(left[:MOST_NAMED])}{more}.",) if left else ()
    return KeptScan(str(scan), scan.name, uploaded=True), notes


def _about(path: Path) -> str:
    phase = ", ".join(file.path.name for file in phase_files_of(path)[0])
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    return f"{size}; its phase: {phase}" if phase else size
