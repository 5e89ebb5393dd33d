"""A detection in a DICOM scan as DICOM objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from ..deidentify import Pseudonyms
from ..dicom_headers import Frame
from ..errors import InputError, MachineError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ..detection import Detection


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


def check_can_export(frames: Sequence[Frame], scan: str) -> None:
    """Refuse, before any work is done, what cannot become DICOM.

    Parameters
    ----------
    frames : sequence of Frame
        `Scan.frames`.
    scan : str
        Its name, for messages.

    Raises
    ------
    InputError
        The scan is no DICOM, or its slices are spread over several multi-frame files.
    MachineError
        highdicom is not installed.
    """
    if not frames:
        raise InputError(
            f"{scan} is not DICOM: there is no study for DICOM results to belong to.", "Leave --dicom away."
        )
    files = {frame.path for frame in frames}
    if 1 < len(files) < len(frames):
        raise InputError(
            f"The slices of {scan} are spread over {len(files)} multi-frame files.",
            "DICOM results need them in one file, or in one file each; leave --dicom away.",
        )
    try:
        import highdicom  # noqa: F401 - asked for now, not after minutes of searching
    except ImportError as error:
        raise MachineError(
            "DICOM results need highdicom, which is not installed.", "Install it: pip install 'slicer-cmb[dicom]'."
        ) from error


def dicom_objects(
    detection: Detection,
    frames: Sequence[Frame],
    export: DicomExport,
    reviewed: Mapping[int, Mapping[str, Any]] | None = None,
) -> dict[str, Dataset]:
    """Make the objects.

    Parameters
    ----------
    detection : Detection
    frames : sequence of Frame
        `Scan.frames` of the scan that was searched; checked by `check_can_export`.
    export : DicomExport
    reviewed : mapping of int to mapping, optional
        What readers said, by lesion id: values of `review.lesion_list.REVIEW_COLUMNS`.

    Returns
    -------
    dict
        ``dicom_seg`` (not where there is no lesion: a segmentation has at least one segment) and
        ``dicom_sr``. Segments are numbered from 1 without gaps, in the order of the lesions.
    """
    from highdicom import UID

    from .measurements import report_object
    from .segmentation import segmentation_object
    from .software import software_from
    from .source import mark_deidentified, source_headers

    sources = source_headers(frames, pseudonyms=export.pseudonyms)
    software = software_from(detection.provenance)
    detection, reviewed = _numbered(detection, reviewed or {})
    lesions = detection.accepted
    tracking_uids = {lesion.id: str(UID()) for lesion in lesions}
    objects: dict[str, Dataset] = {}
    segmentation = None
    if lesions:
        segmentation = segmentation_object(
            detection.labels, lesions, frames, sources, software, tracking_uids, bool(reviewed)
        )
        objects["dicom_seg"] = segmentation
    objects["dicom_sr"] = report_object(
        lesions,
        segmentation,
        frames,
        sources,
        software,
        tracking_uids,
        reviewed,
        named=not export.deidentified,
    )
    if export.deidentified:
        for one in objects.values():
            mark_deidentified(one)
    return objects


def _numbered(
    detection: Detection, reviewed: Mapping[int, Mapping[str, Any]]
) -> tuple[Detection, dict[int, Mapping[str, Any]]]:
    """Number the accepted lesions from 1 without gaps: a review leaves gaps, a segmentation must not have any."""
    numbers = {one.id: number for number, one in enumerate(detection.accepted, start=1)}
    mapping = np.zeros(int(sitk.GetArrayViewFromImage(detection.labels).max()) + 1, np.uint16)
    for old, new in numbers.items():
        if old < len(mapping):
            mapping[old] = new
    labels = sitk.GetImageFromArray(mapping[sitk.GetArrayViewFromImage(detection.labels)])
    labels.CopyInformation(detection.labels)
    lesions = [replace(one, id=numbers[one.id]) for one in detection.accepted]
    said = {numbers[old]: about for old, about in reviewed.items() if old in numbers and about.get("decision")}
    return replace(detection, lesions=lesions, labels=labels), said
