"""A part of the bundled sample scan, for tests that need the bundled networks but not a whole head."""

from __future__ import annotations

import json

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib.files.bundled import sample_scan

BOX = (slice(90, 270), slice(130, 310), slice(6, 28))  # i, j, k: 81 x 81 x 88 mm of the right hemisphere
SMALL_BOX = (slice(110, 250), slice(160, 290), slice(8, 28))  # what the networks search in four seconds


def part_of_sample(box: tuple[slice, slice, slice] = BOX) -> sitk.Image:
    """Cut a box out of the sample scan; it keeps its place in the patient."""
    return sitk.ReadImage(str(sample_scan()))[box]


def true_centres(part: sitk.Image | None = None) -> NDArray[np.float64]:
    """Give the centres (RAS, mm) of the sample's lesions; of those in a part of it."""
    truth = json.loads(sample_scan().with_name("cmb-sample_T2starw_truth.json").read_text(encoding="utf-8"))
    centres = np.array([[one["r_mm"], one["a_mm"], one["s_mm"]] for one in truth["lesions"]])
    if part is None:
        return centres
    index = np.array([part.TransformPhysicalPointToIndex((-r, -a, s)) for r, a, s in centres.tolist()])
    return centres[((index >= 0) & (index < part.GetSize())).all(axis=1)]
