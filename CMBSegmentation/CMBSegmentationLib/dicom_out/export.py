"""A detection in a DICOM scan as DICOM objects."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import SimpleITK as sitk

from ..detecting.lesions import Lesion
from ..errors import Cancelled, CMBError, InputError, MachineError
from ..files.draft_folder import drafts, move_in
from ..results.counts import Counts, counts_of
from ..results.deidentify import Pseudonyms
from ..results.names import ENDINGS_DICOM, ENDINGS_REPORT, first_part
from ..vocabulary.verdicts import KEPT

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ..detecting.detect import Detection
    from ..reading.dicom.headers import Frame
    from .software import Software


@dataclass(frozen=True)
class DicomExport:
    """What a user wants as DICOM.

    Attributes
    ----------
    pseudonyms : Pseudonyms or None
        In place of the patient, who is then taken out of the objects.
    """

    pseudonyms: Pseudonyms | None = None

    @property
    def deidentified(self) -> bool:
        """Whether the patient is taken out."""
        return self.pseudonyms is not None


@dataclass(frozen=True)
class ExportSource:
    """What DICOM objects take of their source, cleaned and seen to be enough.

    Attributes
    ----------
    frames : tuple of Frame
    headers : tuple of Dataset
        Of the files that hold the frames.
    classes : dict of str to str
        As `single_frames.as_classic` gives it.
    export : DicomExport
    notes : tuple of str
        What the objects do not carry over, worded for the user.
    """

    frames: tuple[Frame, ...]
    headers: tuple[Dataset, ...]
    classes: dict[str, str]
    export: DicomExport
    notes: tuple[str, ...]


def prepare_export(frames: Sequence[Frame], scan: str, export: DicomExport) -> ExportSource:
    """Clean the source's headers and make objects of them once for trial, before any work is done.

    Parameters
    ----------
    frames : sequence of Frame
        `Scan.frames`.
    scan : str
        Its name, for messages.
    export : DicomExport

    Returns
    -------
    ExportSource

    Raises
    ------
    InputError
        The scan is no DICOM, its slices are spread over several multi-frame files, or its headers do not hold what
        DICOM objects need.
    MachineError
        highdicom is not installed.
    """
    if not frames:
        raise InputError(
            f"{scan} is not DICOM: there is no study for DICOM results to belong to.",
            "Leave DICOM out (in the shell: without --dicom).",
        )
    files = {frame.path for frame in frames}
    if 1 < len(files) < len(frames):
        raise InputError(
            f"The slices of {scan} are spread over {len(files)} multi-frame files.",
            "DICOM results need them in one file, or in one file each; "
            "leave DICOM out (in the shell: without --dicom).",
        )
    try:
        import highdicom  # noqa: F401 - asked for now, not after minutes of searching
    except ImportError as error:
        raise MachineError(
            "DICOM results need highdicom, which is not installed.", "Install it: pip install highdicom."
        ) from error
    from .single_frames import as_classic
    from .source import source_headers

    headers, notes = source_headers(frames, pseudonyms=export.pseudonyms)
    classes = as_classic(headers, frames)
    source = ExportSource(tuple(frames), tuple(headers), classes, export, tuple(notes))
    _try_out(source, scan)
    return source


def _try_out(source: ExportSource, scan: str) -> None:
    """Make the objects of one voxel in the first slice; `InputError` if the headers do not allow it."""
    from .software import Software

    rows, columns = source.frames[0].size
    labels = sitk.Image([columns, rows, 1], sitk.sitkUInt16)
    labels[0, 0, 0] = 1
    lesion = Lesion(1, KEPT, 0, 0, 0, 1, 1, 1, 0, 1)
    first = replace(source, frames=source.frames[:1])
    try:
        with _unsaid():
            for one in _objects(labels, [lesion], first, Software.NONE, counts_of([lesion])).values():
                one.save_as(BytesIO(), enforce_file_format=True)
    except CMBError:
        raise
    except Exception as error:  # highdicom's and pydicom's, of any kind
        raise InputError(
            f"The headers of {scan} cannot be carried over to DICOM results ({_last_line(error)}).",
            "Export the series from the archive again, or leave the DICOM results out: the others need no headers.",
        ) from error


def dicom_objects(detection: Detection, source: ExportSource) -> dict[str, Dataset]:
    """Make the objects.

    Parameters
    ----------
    detection : Detection
    source : ExportSource
        Of the scan that was searched.

    Returns
    -------
    dict
        ``dicom_seg`` (not where there is no lesion: a segmentation has at least one segment) and
        ``dicom_sr``. Lesions keep their numbers; segments are numbered without gaps, in the order of the lesions.
    """
    from .software import software_from

    software = software_from(detection.search, detection.rules)
    return _objects(detection.labels, detection.listed, source, software, counts_of(detection.lesions))


def _objects(
    labels: sitk.Image,
    lesions: Sequence[Lesion],
    source: ExportSource,
    software: Software,
    counts: Counts,
) -> dict[str, Dataset]:
    from highdicom import UID

    from .measurements import report_object
    from .segmentation import segmentation_object
    from .single_frames import name_own_classes
    from .software import name_equipment
    from .source import mark_deidentified

    frames, headers = source.frames, list(source.headers)
    tracking_uids = {lesion.id: str(UID()) for lesion in lesions}
    objects: dict[str, Dataset] = {}
    segmentation = None
    if lesions:
        segmentation = segmentation_object(labels, lesions, frames, headers, software, tracking_uids)
        objects["dicom_seg"] = segmentation
    objects["dicom_sr"] = report_object(
        lesions,
        segmentation,
        frames,
        headers,
        software,
        tracking_uids,
        counts,
        named=not source.export.deidentified,
    )
    name_own_classes(objects.values(), source.classes)
    for one in objects.values():
        name_equipment(one, software)
        if source.export.deidentified:
            mark_deidentified(one)
    return objects


def write_objects(make: Callable[[], Mapping[str, Dataset]], out: Path, stem: str) -> dict[str, Path]:
    """Make DICOM objects and write them beside results that are there already.

    Parameters
    ----------
    make : callable
        Gives the objects by kind, of `results.names.ENDINGS_DICOM` and `ENDINGS_REPORT`.
    out : Path
        Where the list and the report are.
    stem : str
        The scan's name without extension.

    Returns
    -------
    dict
        Path by kind.

    Raises
    ------
    CMBError
        They could not be made or written. The message says that the other results are there.
    """
    kept = f"The list, the segmentation and the report are in {out}; only the DICOM results are missing."
    try:
        with _unsaid():
            objects = make()
        files = {kind: first_part(stem) + (ENDINGS_DICOM | ENDINGS_REPORT)[kind] for kind in objects}
        with drafts(out) as draft:
            for kind, one in objects.items():
                one.save_as(draft / files[kind], enforce_file_format=True)
            move_in(draft, out, files.values())
    except Cancelled:
        raise
    except CMBError as error:
        raise type(error)(f"{error.message} {kept}", error.hint) from error
    except Exception as error:  # highdicom's and pydicom's, of any kind
        raise MachineError(
            f"The DICOM results could not be made ({_last_line(error)}). {kept}",
            "Report it; in the shell, --debug says more, and cmb report --dicom tries again without a search.",
        ) from error
    return {kind: out / file for kind, file in files.items()}


@contextmanager
def _unsaid() -> Iterator[None]:
    """Keep from the user what highdicom warns of in values that the scan's own headers have."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _last_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[-1][:200]}" if text else type(error).__name__
