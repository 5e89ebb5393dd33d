"""DICOM series made up for tests: classic slices, and enhanced multi-frame objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset

MR, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
ROOT = "1.2.826.0.1.3680043.10.1561"  # an example root: nothing here leaves the tests
MAGNITUDE, PHASE = ["ORIGINAL", "PRIMARY", "M", "ND"], ["ORIGINAL", "PRIMARY", "P", "ND"]


def a_volume(slices: int = 12) -> sitk.Image:
    """Random values on a straight grid with voxels of three different sizes."""
    values = np.random.default_rng(1).integers(10, 900, (slices, 24, 22)).astype(np.uint16)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((2.5, 2.0, 3.0))
    image.SetOrigin((-20.0, -30.0, -10.0))
    return image


def write_series(
    folder: Path,
    image: sitk.Image | None = None,
    *,
    number: int = 1,
    echoes: Sequence[float] = (20.0,),
    skip: Sequence[int] = (),
    study: str = f"{ROOT}.1",
    **attributes: Any,
) -> NDArray[np.uint16]:
    """Write a volume as classic slices, one file each, in no order; returns its voxels (the first echo's).

    `attributes` are DICOM keywords set in every file. Each later echo is 100 brighter.
    """
    image = a_volume() if image is None else image
    folder.mkdir(exist_ok=True, parents=True)
    values = sitk.GetArrayFromImage(image).astype(np.uint16)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    for e, echo in enumerate(echoes):
        for k in range(len(values)):
            if k in skip:
                continue
            one = _described(f"{ROOT}.1.{number}.{e}.{k}", MR, number, study)
            one.ImageType, one.EchoTime, one.InstanceNumber = MAGNITUDE, str(echo), str(e * len(values) + k + 1)
            one.ScanningSequence, one.SequenceVariant, one.ScanOptions = "GR", "SP", ""
            one.MRAcquisitionType, one.RepetitionTime, one.EchoTrainLength = "2D", "650", "1"
            x, y, z = image.GetSpacing()
            one.PixelSpacing, one.SliceThickness = [str(y), str(x)], str(z)
            one.ImageOrientationPatient = [f"{v:.8f}" for v in direction.T[:2].ravel()]
            one.ImagePositionPatient = [f"{v:.6f}" for v in image.TransformIndexToPhysicalPoint((0, 0, k))]
            _set_pixels(one, values[k] + 100 * e)
            for keyword, value in attributes.items():
                setattr(one, keyword, value)
            one.save_as(folder / f"series{number}-{e}-{(k * 7919) % len(values):03d}.dcm", enforce_file_format=True)
    return values


def write_enhanced(
    path: Path,
    image: sitk.Image | None = None,
    *,
    number: int = 1,
    echoes: Sequence[float] = (20.0,),
    kinds: Sequence[str] = ("MAGNITUDE",),
    **attributes: Any,
) -> NDArray[np.uint16]:
    """Write one multi-frame object: all slices of all echoes and kinds, back to front; returns the voxels.

    Each later echo is 100 brighter; what is no magnitude has other values altogether.
    """
    image = a_volume() if image is None else image
    path.parent.mkdir(exist_ok=True, parents=True)
    values = sitk.GetArrayFromImage(image).astype(np.uint16)
    one = _described(f"{ROOT}.1.{number}.0", ENHANCED_MR, number, f"{ROOT}.1")
    one.ImageType = [*MAGNITUDE[:3], "NONE"]
    one.AcquisitionContrast, one.ComplexImageComponent = "UNKNOWN", kinds[0] if len(kinds) == 1 else "MIXED"
    frames, stored = [], []
    for kind in kinds:
        for e, echo in enumerate(echoes):
            for k in reversed(range(len(values))):
                frames.append(_frame(image, k, echo, kind))
                stored.append(values[k] + 100 * e if kind == "MAGNITUDE" else 4095 - values[k])
    one.SharedFunctionalGroupsSequence = [Dataset()]
    one.PerFrameFunctionalGroupsSequence = frames
    one.NumberOfFrames = len(frames)
    _set_pixels(one, np.stack(stored))
    for keyword, value in attributes.items():
        setattr(one, keyword, value)
    one.save_as(path, enforce_file_format=True)
    return values


def _described(instance: str, sop_class: str, number: int, study: str) -> Dataset:
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = sop_class
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = instance
    one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = study, f"{ROOT}.2.{number}", f"{ROOT}.3"
    one.SeriesNumber, one.SeriesDescription, one.Modality = number, f"series {number}", "MR"
    one.PatientID, one.PatientName, one.PatientBirthDate, one.PatientSex = "id-4711", "Doe^Jane", "19500102", "F"
    one.StudyDate, one.StudyTime, one.AccessionNumber, one.StudyID = "20260102", "101112", "acc-99", "1"
    one.ReferringPhysicianName, one.Manufacturer, one.PositionReferenceIndicator = "Who^Doctor", "Maker", ""
    one.InstanceNumber = 1
    return one


def _frame(image: sitk.Image, k: int, echo: float, kind: str) -> Dataset:
    x, y, z = image.GetSpacing()
    direction = np.array(image.GetDirection()).reshape(3, 3)
    frame = Dataset()
    macros = {
        "MREchoSequence": {"EffectiveEchoTime": echo},
        "MRImageFrameTypeSequence": {
            "FrameType": ["ORIGINAL", "PRIMARY", kind[0], "NONE"],
            "ComplexImageComponent": kind,
        },
        "PlanePositionSequence": {"ImagePositionPatient": list(image.TransformIndexToPhysicalPoint((0, 0, k)))},
        "PlaneOrientationSequence": {"ImageOrientationPatient": direction.T[:2].ravel().tolist()},
        "PixelMeasuresSequence": {"PixelSpacing": [y, x], "SliceThickness": z},
    }
    for macro, content in macros.items():
        item = Dataset()
        for keyword, value in content.items():
            setattr(item, keyword, value)
        setattr(frame, macro, [item])
    return frame


def _set_pixels(one: Dataset, values: NDArray) -> None:
    one.Rows, one.Columns = values.shape[-2:]
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
    one.PixelData = values.astype(np.uint16).tobytes()
