"""A detection read back from its result folder and its scan, to make reports, comparisons and DICOM of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from ..detecting.brain_mask import brain_mask
from ..detecting.detect import Detection
from ..detecting.lesions import Lesion
from ..errors import InputError
from ..reading.apart import read_scan_apart
from ..reading.grid import is_same_grid
from ..reading.scan import FILE_SUFFIXES, Scan, scan_stem
from ..reading.scan_identity import ScanIdentity, identity_of, what_differs
from .earlier_versions import candidates_of_earlier
from .read_back import read_result_folder

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

    from ..reading.dicom.headers import Frame


class ScanNotFoundError(InputError):
    """The scan of stored results lies neither with them nor beside them."""


@dataclass(frozen=True)
class StoredDetection:
    """What a result folder holds, complete again.

    Attributes
    ----------
    detection : Detection
        Its probability, where that was not stored, is each lesion's highest within its label.
    stem : str
        The scan's name without extension.
    notes : tuple of str
        What was repaired on reading the scan at the time.
    frames : tuple of Frame
        Of a DICOM scan.
    identity : ScanIdentity
        Whose scan it is.
    header : nibabel.nifti1.Nifti1Header or None
        Of the scan's NIfTI file.
    has_images : bool
        Whether the probability and the brain were stored, too.
    """

    detection: Detection
    stem: str
    notes: tuple[str, ...]
    frames: tuple[Frame, ...]
    identity: ScanIdentity
    header: Nifti1Header | None = None
    has_images: bool = False


def read_detection(folder: Path, scan: Path, series: str | None = None) -> StoredDetection:
    """Read a detection back.

    Parameters
    ----------
    folder : Path
        That `running.write.write_results` wrote; of several results, those that are named as the scan are meant.
    scan : Path
        The scan that was searched: a file or a DICOM folder.
    series : str, optional
        Of a DICOM folder, as for `reading.scan.read_scan`.

    Returns
    -------
    StoredDetection

    Raises
    ------
    InputError
        The folder or the scan cannot be read, or the scan is another one.
    """
    chosen = read_scan_apart(scan, series) if series is not None else None
    found = read_result_folder(folder, scan_stem(scan) if chosen is None else chosen.stem)
    stored = found.stored
    read = chosen or _read(scan, stored.search.scan.series_uid)
    image, labels, identity = read.image, found.labels, identity_of(read)
    differs = "its grid is another one"
    if is_same_grid(image, labels):
        differs = what_differs(stored.search.scan, image, identity)
    if differs:
        raise InputError(
            f"{scan.name} is not the scan of these results: {differs}.",
            f"Give the scan that was searched ({found.stem}).",
        )
    labels = sitk.Cast(labels, sitk.sitkUInt16)
    labels.CopyInformation(image)
    for one in (found.probability, found.brain, found.field):
        if one is not None and one.GetSize() != image.GetSize():
            raise InputError(f"The results in {folder} are not all of one scan.", "Run the detection again.")
    probability = found.probability or _probability(labels, stored.lesions)
    probability.CopyInformation(image)
    brain = found.brain or brain_mask(image)
    brain.CopyInformation(image)
    if found.field is not None:
        found.field.CopyInformation(image)
    candidates = stored.candidates or candidates_of_earlier(stored.lesions, probability, image, brain)
    detection = Detection(
        list(stored.lesions),
        labels,
        probability,
        brain,
        image,
        stored.rules,
        stored.search,
        candidates,
        found.field,
    )
    has_images = found.probability is not None and found.brain is not None
    return StoredDetection(
        detection, found.stem, stored.notes, tuple(read.frames), identity, read.header, has_images=has_images
    )


def find_scan(folder: Path) -> Path:
    """Find the scan of a result folder, in it or beside it.

    Parameters
    ----------
    folder : Path
        With the results of one scan.

    Returns
    -------
    Path
        By the name that the results have or that they give.

    Raises
    ------
    InputError
        The folder cannot be read.
    SeveralResultsError
        It holds the results of several scans.
    ScanNotFoundError
        The scan is in neither place.
    """
    found = read_result_folder(folder)
    wanted = {found.stem, scan_stem(Path(found.stored.search.scan.file or found.stem))}
    places = (folder, folder.resolve().parent)
    scans = [path for place in places for path in sorted(place.iterdir()) if scan_stem(path) in wanted]
    for path in scans:
        if path.name.lower().endswith(FILE_SUFFIXES) or (path.is_dir() and path.resolve() != folder.resolve()):
            return path
    raise ScanNotFoundError(
        f"The scan of the results in {folder} ({found.stem}) is neither there nor beside it.",
        "Put it there, or say where it is.",
    )


def _read(scan: Path, searched: str) -> Scan:
    """Read a scan; of a DICOM folder with many series the one that was searched (its UID), where it is there."""
    if searched and scan.is_dir():
        with suppress(InputError):  # another folder: what is wrong with it is told below
            return read_scan_apart(scan, searched)
    return read_scan_apart(scan)


def _probability(labels: sitk.Image, lesions: Sequence[Lesion]) -> sitk.Image:
    highest = np.zeros(max((one.id for one in lesions), default=0) + 1, np.float32)
    for one in lesions:
        highest[one.id] = one.probability or 0.0  # what a reader made has none
    values = sitk.GetArrayViewFromImage(labels)
    return sitk.GetImageFromArray(highest[np.minimum(values, len(highest) - 1)])
