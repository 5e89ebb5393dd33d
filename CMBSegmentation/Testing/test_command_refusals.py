"""The command: scans, models and options that it refuses, with the reason."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from commands import SMALL, cmb, noise_image, written
from dark_spots import MANIFEST, only, write_dark_voxel_model

__all__ = ["cmb"]


# What it refuses


def make_bad_scan(kind: str, folder: Path) -> Path:
    path = folder / "bad.nii.gz"
    if kind == "missing":
        return folder / "nowhere.nii.gz"
    if kind == "text":
        path.write_text("this is no scan")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncated":
        sitk.WriteImage(noise_image(), str(path))
        path.write_bytes(path.read_bytes()[:-2000])
    elif kind == "4D":
        sitk.WriteImage(sitk.JoinSeries([noise_image()] * 3), str(path))
    elif kind == "RGB":
        sitk.WriteImage(sitk.Compose([sitk.Cast(noise_image(), sitk.sitkUInt8)] * 3), str(path))
    elif kind == "2D":
        sitk.WriteImage(noise_image([24, 24]), str(path))
    elif kind == "one slice":
        sitk.WriteImage(noise_image([24, 24, 1]), str(path))
    elif kind == "constant":
        sitk.WriteImage(noise_image() * 0 + 7, str(path))
    elif kind == "NaN":
        sitk.WriteImage(sitk.GetImageFromArray(np.full(SMALL, np.nan, np.float32)), str(path))
    elif kind in ("zero spacing", "negative spacing"):
        path = folder / "bad.nii"
        sitk.WriteImage(noise_image(), str(path))
        raw = bytearray(path.read_bytes())
        raw[84:88] = np.float32(0.0 if kind == "zero spacing" else -2.0).tobytes()  # pixdim[2] of NIfTI-1
        path.write_bytes(raw)
    elif kind == "zero spacing in MetaImage":
        path = folder / "bad.mha"
        sitk.WriteImage(noise_image(), str(path))
        path.write_bytes(path.read_bytes().replace(b"ElementSpacing = 2 2 2", b"ElementSpacing = 2 0 2"))
    elif kind == "picture":
        path = folder / "bad.png"
        sitk.WriteImage(sitk.Cast(noise_image([24, 24]), sitk.sitkUInt8), str(path))
    elif kind == "wrong unit":
        image = noise_image()
        image.SetSpacing((2000.0, 2000.0, 2000.0))
        sitk.WriteImage(image, str(path))
    elif kind == "empty folder":
        path = folder / "dicom"
        path.mkdir()
    return path


BAD_SCANS = {
    "missing": "does not exist",
    "text": "not a gzip file",
    "empty": "empty file",
    "truncated": "cut off or damaged",
    "4D": r"3 volumes \(4D\)",
    "RGB": "3 values a voxel",
    "2D": "2D",
    "one slice": "too few slices",
    "constant": "same everywhere",
    "NaN": "no valid voxel",
    "zero spacing": "2 x 0 x 2 mm wide",
    "negative spacing": "mm wide",
    "zero spacing in MetaImage": "mm|cannot be read",
    "picture": "2D|not a scan",
    "wrong unit": "not the size of a head",
    "empty folder": "no DICOM image",
}


@pytest.mark.parametrize("kind", BAD_SCANS)
def test_a_bad_scan_is_refused_with_the_reason_and_nothing_is_written(cmb, kind, dark_model, tmp_path):
    scan = make_bad_scan(kind, tmp_path)
    code, out, said = cmb("detect", scan, "-o", tmp_path / "out", *only(dark_model))
    assert code == 2
    assert re.search(BAD_SCANS[kind], said)
    assert "Traceback" not in out + said
    assert not (tmp_path / "out").exists() or written(tmp_path / "out") == []


def make_bad_model(kind: str, folder: Path) -> Path:
    path = folder / "bad.onnx"
    if kind == "missing":
        return folder / "nowhere.onnx"
    if kind == "text":
        path.write_text("this is no model")
    elif kind == "no manifest":
        write_dark_voxel_model(path, None)
    elif kind == "damaged manifest":
        write_dark_voxel_model(path, "{")
    elif kind == "newer manifest":
        write_dark_voxel_model(path, replace(MANIFEST, schema_version=99))
    elif kind == "lacking manifest":
        write_dark_voxel_model(path, '{"schema_version": 1, "name": "x"}')
    elif kind == "other task":
        write_dark_voxel_model(path, replace(MANIFEST, task="regions"))
    elif kind == "other patch":
        write_dark_voxel_model(path, replace(MANIFEST, patch_size=(48, 48, 48)))
    elif kind == "impossible threshold":
        write_dark_voxel_model(path, replace(MANIFEST, threshold=2.0))
    elif kind == "wrong type":
        write_dark_voxel_model(path, replace(MANIFEST, overlap="much"))
    elif kind == "truncated":
        write_dark_voxel_model(path)
        path.write_bytes(path.read_bytes()[:-100])
    return path


BAD_MODELS = {
    "missing": "no model",
    "text": "cannot be opened as an ONNX model",
    "no manifest": "has no manifest",
    "damaged manifest": "damaged",
    "newer manifest": "schema version 99",
    "lacking manifest": "is missing",
    "other task": "for the task 'regions'",
    "other patch": "its manifest says",
    "impossible threshold": "threshold is 2.0; it must be above 0 and below 1",
    "wrong type": "overlap is .much.; it must be a finite number",
    "truncated": "cannot be opened|no manifest|damaged",
}


@pytest.mark.parametrize("kind", BAD_MODELS)
def test_a_bad_model_is_refused_with_the_reason(cmb, kind, scan_file, tmp_path):
    code, out, said = cmb("detect", scan_file, "-o", tmp_path / "out", *only(make_bad_model(kind, tmp_path)))
    assert code == 3
    assert re.search(BAD_MODELS[kind], said)
    assert "Traceback" not in out + said
    assert written(tmp_path / "out") == []


def test_a_bundled_model_that_was_changed_is_refused(cmb, scan_file, tmp_path, monkeypatch):
    from CMBSegmentationLib.models import model_file as model

    folder = tmp_path / "Resources" / "Models"
    folder.mkdir(parents=True)
    write_dark_voxel_model(folder / "dark.onnx")
    monkeypatch.setattr(model, "resource_folder", lambda: tmp_path / "Resources")
    monkeypatch.setitem(model.BUNDLED_SHA256, "dark.onnx", "0" * 64)
    code, _, said = cmb("detect", scan_file, "-o", tmp_path / "out", "--model", "dark")
    assert code == 3
    assert "not the file that was shipped" in said


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--threshold", "0.9995", "not between 0.001 and 0.999"),
        ("--threshold", "0", "not between 0.001 and 0.999"),
        ("--overlap", "1", "not between 0 and 0.9"),
        ("--blending", "magic", "not known"),
        ("--device", "abacus", "Unknown device"),
        ("--threshold", "much", "invalid float"),
    ],
)
def test_a_wrong_option_is_refused(cmb, scan_file, dark_model, tmp_path, option, value, reason):
    code, _, said = cmb("detect", scan_file, "-o", tmp_path / "out", *only(dark_model), option, value)
    assert code == 2
    assert reason in said


def test_a_device_that_is_not_there_is_the_machines_fault(cmb, scan_file, dark_model, tmp_path):
    import onnxruntime

    if "CoreMLExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("platform: this machine has CoreML")
    code, _, said = cmb("detect", scan_file, "-o", tmp_path / "out", *only(dark_model), "--device", "coreml")
    assert code == 4
    assert "not available here" in said
