"""DICOM series with one thing changed."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.scan import read_scan


def voxels(scan) -> np.ndarray:
    return sitk.GetArrayFromImage(scan.image)


def refused(path, series=None) -> str:
    with pytest.raises(InputError) as caught:
        read_scan(path, series)
    assert caught.value.hint
    return str(caught.value)


def rewrite(folder, change) -> None:
    """Change every file: `change` is told the data set and its number."""
    for number, path in enumerate(sorted(folder.rglob("*.dcm"))):
        one = pydicom.dcmread(path)
        change(one, number)
        one.save_as(path)
