"""The bundled sample scan: a two-voxel scribble in each true lesion gives one mask each, where the lesion is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from CMBScribbleGrowLib.scribbles.run import GrowRequest, grow_scribbles
from CMBSegmentationLib.compare.match import match_centres
from CMBSegmentationLib.files.bundled import sample_scan


def test_each_scribbled_lesion_of_the_sample_is_one_component_at_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = sitk.ReadImage(str(sample_scan()))
    truth = json.loads(sample_scan().with_name("cmb-sample_T2starw_truth.json").read_text())["lesions"]
    labels = np.zeros(scan.GetSize()[::-1], np.uint8)
    for number, lesion in enumerate(truth, 1):
        i, j, k = scan.TransformPhysicalPointToIndex((-lesion["r_mm"], -lesion["a_mm"], lesion["s_mm"]))
        labels[k, j, i : i + 2] = number
    scribbles = sitk.GetImageFromArray(labels)
    scribbles.CopyInformation(scan)
    sitk.WriteImage(scribbles, str(tmp_path / "scribbles.nii.gz"))

    # figures are made and not rendered: CMBScribbleGrow/Testing/test_grow_command.py does
    monkeypatch.setattr("CMBScribbleGrowLib.scribbles.pictures._save", lambda figure, path: path.write_bytes(b""))
    outcome = grow_scribbles(GrowRequest(sample_scan(), tmp_path / "scribbles.nii.gz", tmp_path / "out"))

    masks = sitk.GetArrayFromImage(sitk.ReadImage(str(outcome.files["labels"])))
    for number in range(1, len(truth) + 1):
        assert ndimage.label(masks == number, np.ones((3, 3, 3)))[1] == 1
    grown = np.array([one.lesion.centre_mm for one in outcome.lesions])
    true = np.array([[lesion["r_mm"], lesion["a_mm"], lesion["s_mm"]] for lesion in truth])
    # one, in the bright wall of a ventricle, is no darker than the tissue a slice below and grows into it
    assert len(match_centres(grown, true, 3.0)) >= len(truth) - 1
    assert len(outcome.files["pictures"]) == len(outcome.files["curves"]) == len(truth)
