"""Slices that are files of another class than classic MR, such as enhanced objects of one frame each.

highdicom takes either many objects of a class that has one frame, or one object of a class that may have several.
So it is shown classic slices, and what it wrote is made to name the classes that the files have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from ..reading.dicom.headers import Frame
from .source import decimals

MULTI_FRAME_ONLY = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "NumberOfFrames")


def as_classic(headers: Sequence[Dataset], frames: Sequence[Frame]) -> dict[str, str]:
    """Turn the headers of many files into those of classic MR slices.

    Parameters
    ----------
    headers : sequence of Dataset
        Changed in place; the header of a single file stays as it is.
    frames : sequence of Frame
        In the order of the headers, one each.

    Returns
    -------
    dict of str to str
        The class that a file has, by its SOP Instance UID, of those that were changed.
    """
    classes: dict[str, str] = {}
    if len(headers) == 1:
        return classes
    for header, frame in zip(headers, frames, strict=True):
        if header.SOPClassUID == MRImageStorage:
            continue
        classes[str(header.SOPInstanceUID)] = str(header.SOPClassUID)
        header.SOPClassUID = MRImageStorage
        for keyword in MULTI_FRAME_ONLY:
            if keyword in header:
                delattr(header, keyword)
        assert frame.position is not None  # or `read_dicom` would have refused it
        assert frame.orientation is not None
        assert frame.spacing is not None
        header.ImagePositionPatient = decimals(frame.position)
        header.ImageOrientationPatient = decimals(frame.orientation)
        header.PixelSpacing = decimals(frame.spacing)
        header.SliceThickness = decimals([frame.thickness_mm])[0] or None
    return classes


def name_own_classes(objects: Iterable[Dataset], classes: Mapping[str, str]) -> None:
    """Have every reference of objects name the class that the file has, as `as_classic` gave it."""
    for one in objects if classes else ():
        for element in one:
            if element.VR == "SQ":
                name_own_classes(element.value, classes)
        if (own := classes.get(str(one.get("ReferencedSOPInstanceUID", "")))) is not None:
            one.ReferencedSOPClassUID = own
