"""De-identified results: no name in any file or file name, the same patient under the same salt, nobody without it."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dark_spots import ball_brain, only, write_dark_voxel_model
from dicom_series import write_series

from CMBCommand import cli
from CMBSegmentationLib.errors import InputError, MachineError
from CMBSegmentationLib.results.as_detection import read_detection
from CMBSegmentationLib.results.deidentify import Pseudonyms, read_pseudonyms

NAMES = ("Doe", "Jane", "id-4711", "19500102", "acc-99", "Kowalski", "Anna", "Station 9")
DAY = "2026-01-02T03:04:05+00:00"
PAPER = ("_report.dcm", "_report.pdf")
PICTURE = re.compile(r"data:image/[^\"')]+")  # in it, letters come in any order
VOXEL_MM = (2.0, 2.4, 3.0)
SPOTS_MM = ((12.0, 5.0, 3.0), (-14.0, -9.0, 8.0), (0.0, 15.0, -9.0))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_dark_voxel_model(tmp_path_factory.mktemp("model") / "dark.onnx")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Of Jane Doe, in a folder of her name, with a second series whose description is told in a note."""
    folder = tmp_path_factory.mktemp("study") / "Doe_Jane_19500102"
    image = sitk.Cast(
        sitk.Clamp(ball_brain(VOXEL_MM, spots_mm=SPOTS_MM)[0], sitk.sitkFloat32, 0, 4000), sitk.sitkUInt16
    )
    write_series(folder, image, SeriesDescription="SWI")
    write_series(folder, image, number=2, SeriesDescription="localizer Station 9 Doe")
    return folder


@pytest.fixture
def salt(tmp_path):
    path = tmp_path / "salt"
    read_pseudonyms(path)
    return path


def texts_of(folder):
    """Every file as text, gzip unpacked, and its name."""
    for path in folder.rglob("*"):
        if path.is_file():
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            if path.suffix == ".pdf":
                content = subprocess.run(["pdftotext", str(path), "-"], capture_output=True, check=True).stdout
            yield path.name, content.decode("utf-8", errors="replace")


def assert_nameless(folder, *more):
    for name, text in texts_of(folder):
        for one in (*NAMES, *more):
            assert one not in name, name
            assert one not in PICTURE.sub("", text), (name, one)


def detect(scan, out, model, *options):
    assert cli.main(["detect", str(scan), "-o", str(out), *only(model), *options]) == 0
    return out


def names_of(folder):
    return {path.name for path in folder.iterdir()}


def stems(folder):
    return {path.name.partition("_desc-")[0] for path in folder.iterdir()}


def test_no_result_of_a_search_names_the_patient(study, model, salt, tmp_path):
    options = ("--deidentify", "--salt", str(salt), "--save-probability", "--dicom")
    out = detect(study, tmp_path / "out", model, *options)
    assert_nameless(out, str(study))
    (stem,) = stems(out)
    assert stem.startswith("sub-")
    (listed,) = out.glob("*_lesions.json")
    content = json.loads(listed.read_text())
    assert content["scan"] == content["search"]["scan"]["file"] == stem
    (report,) = out.glob("*_sr.dcm")
    assert stem.startswith(f"sub-{pydicom.dcmread(report).PatientID}_")


def test_a_file_that_is_called_like_its_patient_loses_that_name(model, salt, tmp_path):
    path = tmp_path / "Kowalski_Anna_T2starw.nii.gz"
    sitk.WriteImage(ball_brain(VOXEL_MM)[0], str(path))
    assert_nameless(detect(path, tmp_path / "out", model, "--deidentify", "--salt", str(salt)))


def test_no_report_names_patient_or_reader(study, model, salt, tmp_path):
    out = reviewed(detect(study, tmp_path / "out", model, "--save-probability"))
    new = tmp_path / "new"
    call = ["report", str(out), "--scan", str(study), "--pdf", "--dropped", "--dicom", "-o", str(new)]
    assert cli.main([*call, "--deidentify", "--salt", str(salt)]) == 0
    source = pydicom.dcmread(next(study.iterdir()))
    uids = (source.StudyInstanceUID, source.SeriesInstanceUID, source.SOPInstanceUID, source.FrameOfReferenceUID)
    assert_nameless(new, str(study), "Kowalski", "2026-01-02", "20260102", *uids)
    again = detect(
        study, tmp_path / "again", model, "--deidentify", "--salt", str(salt), "--save-probability", "--dicom"
    )
    assert names_of(new) == names_of(again) | {f"{stem}_desc-cmb{end}" for stem in stems(again) for end in PAPER}


def reviewed(out):
    """Have Anna Kowalski read what was found: all accepted but the first, which is a vessel."""
    (listed,) = out.glob("*_lesions.json")
    content = json.loads(listed.read_text())
    said = {"decision": "accepted", "mimic": "", "reader": "Anna Kowalski", "decided_at": DAY, "origin": "detector"}
    for row in content["lesions"]:
        if row["status"] == "kept":
            row.update(said)
    content["lesions"][0].update(decision="rejected", mimic="vessel")
    content["search"] |= {"readers": ["Anna Kowalski"], "reviewed_at": DAY, "date": DAY}
    content["provenance"] |= {"date": DAY, "review": {"readers": ["Anna Kowalski"], "date": DAY}}
    listed.write_text(json.dumps(content))
    return out


def test_a_review_without_names_is_a_whole_result_folder_that_is_read_back(study, model, salt, tmp_path, capsys):
    out = reviewed(detect(study, tmp_path / "out", model))
    new = tmp_path / "new"
    options = ["--scan", str(study), "--deidentify", "--salt", str(salt)]
    assert cli.main(["report", str(out), *options, "-o", str(new)]) == 0
    assert {str(path) for path in new.iterdir()} <= set(capsys.readouterr().out.splitlines())
    own, named = read_detection(new, study), read_detection(out, study)
    assert own.detection.lesions == [replace(one, reader="", decided_at="") for one in named.detection.lesions]
    assert {one.decision for one in own.detection.lesions} >= {"accepted", "rejected"}
    assert np.array_equal(*(sitk.GetArrayFromImage(one.detection.labels) for one in (own, named)))
    (about,) = new.glob("*_dseg.json")
    assert json.loads(about.read_text())["Manual"] is True
    before = names_of(new)
    assert cli.main(["report", str(new), *options]) == 0  # again, in its own place
    assert names_of(new) == before


def test_nothing_without_names_is_put_beside_results_with_names(study, model, salt, tmp_path, capsys):
    out = detect(study, tmp_path / "out", model)
    before = names_of(out)
    options = ["--deidentify", "--salt", str(salt)]
    for call in (
        ["report", str(out), "--scan", str(study)],
        ["report", str(out), "--scan", str(study), "-o", str(out)],
        ["detect", str(study), "-o", str(out), *only(model), "--overwrite"],
    ):
        assert cli.main([*call, *options]) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert "holds results that are not de-identified" in said
        assert "Give another folder with -o." in said
        assert names_of(out) == before


def test_the_same_patient_has_the_same_pseudonym_and_other_scans_other_files(study, model, salt, tmp_path):
    options = ("--deidentify", "--salt", str(salt))
    moved = shutil.copytree(study, tmp_path / "moved")
    out = tmp_path / "out"
    detect(study, out, model, *options, "--series", "1")
    detect(study, out, model, *options, "--series", "2")
    assert len(stems(out)) == 2
    assert len({stem.partition("_")[0] for stem in stems(out)}) == 1
    again = detect(moved, tmp_path / "again", model, *options, "--series", "1")
    assert stems(again) < stems(out)
    other = detect(study, tmp_path / "other", model, "--deidentify", "--salt", str(tmp_path / "other-salt"))
    assert not stems(other) & stems(out)


def test_earlier_results_under_a_pseudonym_are_not_replaced_unasked(study, model, salt, tmp_path, capsys):
    call = ["detect", str(study), "-o", str(tmp_path / "out"), *only(model), "--deidentify", "--salt", str(salt)]
    assert cli.main(call) == 0
    assert cli.main(call) == 2
    assert "already holds results" in capsys.readouterr().err


def test_a_salt_is_made_once_for_its_user_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    first, second = read_pseudonyms(), read_pseudonyms()
    assert first == second
    path = tmp_path / "slicer-cmb" / "deidentify-salt"
    assert path.stat().st_mode & 0o777 == 0o600
    assert first.salt.decode() not in repr(first)
    path.unlink()
    assert read_pseudonyms() != first


def test_a_salt_that_is_no_secret_is_refused(tmp_path):
    path = tmp_path / "salt"
    path.write_text("x" * 64)
    path.chmod(0o644)
    with pytest.raises(InputError, match="may be read by others"):
        read_pseudonyms(path)
    path.chmod(0o600)
    assert read_pseudonyms(path).salt == b"x" * 64
    path.write_text("short\n")
    with pytest.raises(InputError, match="holds 5 bytes"):
        read_pseudonyms(path)
    with pytest.raises(MachineError, match="cannot be read or made"):
        read_pseudonyms(path / "no-folder" / "salt")


def test_a_salt_without_pseudonyms_is_a_mistake(tmp_path, capsys):
    for call in (["detect", "x.nii", "-o", "out"], ["report", "out", "--scan", "x.nii"]):
        assert cli.main([*call, "--salt", str(tmp_path / "salt")]) == 2
        assert "Add --deidentify" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_a_pseudonym_cannot_be_found_by_hashing_all_numbers():
    one, other = Pseudonyms(b"a" * 32), Pseudonyms(b"b" * 32)
    assert one.patient("4711") == Pseudonyms(b"a" * 32).patient("4711") != other.patient("4711")
    assert one.uid("1.2.3") != other.uid("1.2.3")
    assert pydicom.uid.UID(one.uid("1.2.3")).is_valid
    assert one.patient("4711") not in one.stem("sub-4711_x").replace(one.patient("4711"), "")
    assert one.stem("sub-01_ses-1_T2starw").partition("_")[0] == one.stem("sub-01_ses-2_T2starw").partition("_")[0]
    assert one.stem("sub-01_ses-1_T2starw") != one.stem("sub-01_ses-2_T2starw")
