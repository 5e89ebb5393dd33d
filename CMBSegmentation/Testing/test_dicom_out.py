"""DICOM results: valid, of the patient's study, and read back voxel for voxel and number for number."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dark_spots import ball_brain, only, write_dark_voxel_model
from dicom_series import write_enhanced, write_series
from pydicom.sr.codedict import codes

from CMBCommand import cli
from CMBSegmentationLib.dicom_out import write_objects
from CMBSegmentationLib.dicom_out.codes import finding_site
from CMBSegmentationLib.reading.scan import read_scan
from CMBSegmentationLib.vocabulary.looks import LESION_COLOUR

DATA = Path(os.environ.get("CMB_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
PATIENT = ("id-4711", "Doe", "Jane", "19500102", "20260102", "101112", "acc-99", "Who")


def as_stored(image: sitk.Image) -> sitk.Image:
    return sitk.Cast(sitk.Clamp(image, sitk.sitkFloat32, 0, 4000), sitk.sitkUInt16)


@pytest.fixture(scope="module", params=["classic", "enhanced"])
def a_study(request, tmp_path_factory):
    """An oblique head with two spots; the enhanced one with two echoes and phase in one file. Not to be changed."""
    folder = tmp_path_factory.mktemp("study") / "study"
    image = as_stored(ball_brain(spacing=(1.0, 1.2, 2.0))[0])
    if request.param == "classic":
        write_series(folder, image, SeriesDescription="SWI")
    else:
        write_enhanced(folder / "a.dcm", image, echoes=(5.0, 20.0), kinds=("PHASE", "MAGNITUDE"))
    return folder


def detect_with_dicom(study: Path, folder: Path, *options: str) -> Path:
    """Detect with DICOM results; gives where they are."""
    model, out = write_dark_voxel_model(folder / "dark.onnx"), folder / "out"
    assert cli.main(["detect", str(study), "-o", str(out), *only(model), "--dicom", *options]) == 0
    return out


@pytest.fixture(scope="module")
def results(a_study, tmp_path_factory):
    """The results of `a_study` with DICOM. Not to be changed."""
    return detect_with_dicom(a_study, tmp_path_factory.mktemp("results"))


def findings(out: Path) -> list[dict]:
    (listed,) = out.glob("*_lesions.json")
    return [row for row in json.loads(listed.read_text())["lesions"] if row["status"] == "kept"]


def one(out: Path, ending: str) -> Path:
    (path,) = out.glob(f"*{ending}")
    return path


def assert_valid(*files: Path) -> None:
    """Each by itself, and all of them together, by dicom3tools."""
    assert files
    for file in files:
        said = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        assert "Error" not in said.stdout + said.stderr
    said = subprocess.run(["dcentvfy", *map(str, files)], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert "Error" not in said.stdout + said.stderr


def segments_by_position(path: Path) -> dict[int, set[tuple[float, float, float]]]:
    """Voxel centres of each segment in mm (LPS), from the file alone: frames, positions and spacing."""
    stored = pydicom.dcmread(path)
    pixels = stored.pixel_array.reshape(-1, stored.Rows, stored.Columns)
    shared = stored.SharedFunctionalGroupsSequence[0]
    between_rows, between_columns = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
    centres: dict[int, set] = {}
    for mask, frame in zip(pixels, stored.PerFrameFunctionalGroupsSequence, strict=True):
        corner = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        row, column = np.nonzero(mask)
        points = corner + np.outer(column * between_columns, cosines[0]) + np.outer(row * between_rows, cosines[1])
        number = int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        centres.setdefault(number, set()).update(map(tuple, points.round(2) + 0.0))
    return centres


def test_every_voxel_of_every_lesion_is_in_its_segment(results):
    labels = sitk.ReadImage(str(one(results, "_dseg.nii.gz")))
    values = sitk.GetArrayFromImage(labels)
    found = segments_by_position(one(results, "_seg.dcm"))
    assert set(found) == {row["id"] for row in findings(results)} == {1, 2}
    for number, centres in found.items():
        expected = [
            labels.TransformIndexToPhysicalPoint(tuple(map(int, at[::-1]))) for at in np.argwhere(values == number)
        ]
        assert len(centres) == len(expected) > 0
        there = np.array(sorted(centres))
        for point in expected:
            assert np.linalg.norm(there - point, axis=1).min() < 0.02


def test_highdicom_reads_the_same_voxels_from_the_source_frames(a_study, results):
    segmentation = hd.seg.segread(one(results, "_seg.dcm"))
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(one(results, "_dseg.nii.gz"))))
    files = [pydicom.dcmread(f) for f in a_study.iterdir()]
    if len(files) == 1:
        frames = [  # of the magnitude of the second echo, by position
            number
            for number, group in enumerate(files[0].PerFrameFunctionalGroupsSequence, start=1)
            if group.MREchoSequence[0].EffectiveEchoTime == 20.0
            and group.MRImageFrameTypeSequence[0].ComplexImageComponent == "MAGNITUDE"
        ][::-1]
        read = segmentation.get_pixels_by_source_frame(
            files[0].SOPInstanceUID, frames, combine_segments=True, assert_missing_frames_are_empty=True
        )
    else:
        files.sort(key=lambda f: f.InstanceNumber)
        read = segmentation.get_pixels_by_source_instance(
            [f.SOPInstanceUID for f in files], combine_segments=True, assert_missing_frames_are_empty=True
        )
    np.testing.assert_array_equal(read, values)


def dcmqi(program: str, *arguments: str | Path) -> str:
    """Call a program of dcmqi, which shares no code with what wrote the files; gives what it said."""
    command = Path(sysconfig.get_path("scripts")) / program
    said = subprocess.run([command, *arguments], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout + said.stderr


def test_dcmqi_reads_every_segment_with_its_colour_and_voxels(results, tmp_path):
    said = dcmqi("segimage2itkimage", "--inputDICOM", one(results, "_seg.dcm"), "--outputDirectory", tmp_path)
    assert "absent" not in said
    told = json.loads(one(tmp_path, ".json").read_text())["segmentAttributes"]
    values = sitk.ReadImage(str(one(results, "_dseg.nii.gz")))
    assert len(told) == len(findings(results)) == 2
    for (segment,) in told:
        number = segment["labelID"]
        assert segment["SegmentLabel"] == f"CMB {number}"
        assert segment["recommendedDisplayRGBValue"] == pytest.approx([255 * c for c in LESION_COLOUR], abs=1)
        read = sitk.ReadImage(str(tmp_path / f"{number}.nrrd"))
        voxels = np.argwhere(sitk.GetArrayViewFromImage(read))
        places = [read.TransformIndexToPhysicalPoint([int(i) for i in at[::-1]]) for at in voxels]
        assert {values[values.TransformPhysicalPointToIndex(place)] for place in places} == {number}
        assert len(places) == np.count_nonzero(sitk.GetArrayViewFromImage(values) == number)


def test_dcmqi_reads_every_measurement_and_the_classes_of_the_count(results, tmp_path):
    dcmqi("tid1500reader", "--inputDICOM", one(results, "_sr.dcm"), "--outputMetadata", tmp_path / "sr.json")
    count, *groups = json.loads((tmp_path / "sr.json").read_text())["Measurements"]
    assert float(count["measurementItems"][0]["value"]) == 2
    told = {one["conceptCode"]["CodeMeaning"]: one["conceptValue"] for one in count["qualitativeEvaluations"]}
    assert told["Microbleeds, class of ARIA baseline"]["CodeMeaning"] == "1–4"
    assert told["Microbleeds, class of CROMIS-2"]["CodeMeaning"] == "2–4 (any)"
    assert told["Microbleeds, class of ESO thrombolysis"]["CodeMeaning"] == "1–10 (low to moderate)"
    assert told["Superficial siderosis"]["CodeMeaning"] == "Not assessed"
    regions = [group for group in groups if "ReferencedSegment" in group]
    places = [group["TrackingUniqueIdentifier"] for group in groups if group not in regions]
    assert places == [group["TrackingUniqueIdentifier"] for group in regions]
    for row, group in zip(findings(results), regions, strict=True):
        read = {item["quantity"]["CodeMeaning"]: float(item["value"]) for item in group["measurementItems"]}
        wanted = {"Volume": row["volume_mm3"], "Diameter": row["diameter_mm"], "Probability": row["probability"]}
        assert read == pytest.approx(wanted)
        assert (group["TrackingIdentifier"], group["ReferencedSegment"]) == (f"CMB {row['id']}", row["id"])


def test_the_report_says_what_its_classes_leave_out(a_study, results, tmp_path):
    shutil.copytree(results, tmp_path / "read")
    (listed,) = (tmp_path / "read").glob("*_lesions.json")
    kept = json.loads(listed.read_text())
    kept["lesions"][0] |= {"decision": "accepted", "reader": "SI"}
    listed.write_text(json.dumps(kept))
    assert cli.main(["report", str(tmp_path / "read"), "--scan", str(a_study), "--dicom"]) == 0
    report = hd.sr.srread(one(tmp_path / "read", "_sr.dcm"))
    count = report.content.get_image_measurement_groups()[0][0].ContentSequence
    (note,) = [item.value for item in count if item.ValueType == "TEXT" and "Superficial siderosis" in item.value]
    assert note.endswith("Classes are of the count (without 1 not reviewed yet).")


def test_the_report_names_every_reader_and_none_where_names_are_removed(a_study, results, tmp_path):
    shutil.copytree(results, tmp_path / "read")
    (listed,) = (tmp_path / "read").glob("*_lesions.json")
    kept = json.loads(listed.read_text())
    for row, reader in zip(kept["lesions"], ("KH", "Xavier"), strict=False):
        row |= {"decision": "accepted", "reader": reader}
    listed.write_text(json.dumps(kept))
    call = ["report", str(tmp_path / "read"), "--scan", str(a_study), "--dicom"]
    assert cli.main(call) == 0
    report = one(tmp_path / "read", "_sr.dcm")
    content = hd.sr.srread(report).content[0].ContentSequence
    assert [item.value for item in content if item.name == codes.DCM.PersonObserverName] == ["KH^", "Xavier^"]
    assert_valid(report)
    hidden = tmp_path / "hidden"
    assert cli.main([*call, "--deidentify", "--salt", str(tmp_path / "salt"), "-o", str(hidden)]) == 0
    assert b"KH^" not in one(hidden, "_sr.dcm").read_bytes()
    assert b"Xavier" not in one(hidden, "_sr.dcm").read_bytes()


def test_the_report_has_every_measurement(results):
    report = hd.sr.srread(one(results, "_sr.dcm"))
    segmentation = pydicom.dcmread(one(results, "_seg.dcm"))
    whole = report.content.get_image_measurement_groups()
    assert whole[0].get_measurements(codes.SCT.Volume) == []
    rows = findings(results)
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert len(groups) == len(rows) == 2
    for row, group, segment in zip(rows, groups, segmentation.SegmentSequence, strict=True):
        numbers = {m.name.meaning: m.value for m in group.get_measurements()}
        assert numbers == {
            "Volume": row["volume_mm3"],
            "Diameter": row["diameter_mm"],
            "Probability": row["probability"],
        }
        assert group.tracking_identifier == segment.SegmentLabel == f"CMB {row['id']}"
        assert group.tracking_uid == segment.TrackingUID
        assert group.reference_type == codes.DCM.ReferencedSegment
        (site,) = group.finding_sites
        assert site.value == codes.SCT.Brain
        (centre,) = [item for item in group[0].ContentSequence if item.ValueType == "SCOORD3D"]
        assert centre.value[0] == pytest.approx([-row["r_mm"], -row["a_mm"], row["s_mm"]], abs=1e-3)
        (algorithm,) = [i for i in group[0].ContentSequence if i.name == codes.DCM.AlgorithmName]
        assert algorithm.value == "dark-voxels"
        (version,) = [i for i in group[0].ContentSequence if i.name == codes.DCM.AlgorithmVersion]
        assert version.value.startswith("1 (slicer-cmb ")


def test_the_objects_belong_to_the_patients_study_and_are_valid(a_study, results):
    source = pydicom.dcmread(next(a_study.iterdir()), stop_before_pixels=True)
    for ending in ("_seg.dcm", "_sr.dcm"):
        made = pydicom.dcmread(one(results, ending))
        for keyword in ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "AccessionNumber"):
            assert made[keyword].value == source[keyword].value
    assert pydicom.dcmread(one(results, "_seg.dcm")).FrameOfReferenceUID == source.FrameOfReferenceUID
    assert_valid(one(results, "_seg.dcm"), one(results, "_sr.dcm"))


def test_nothing_of_the_patient_is_in_the_other_results(results):
    endings = ("dseg.tsv", "dseg.json", "lesions.json", ".html")
    texts = [one(results, ending).read_text(encoding="utf-8") for ending in endings]
    others = {file.suffix for file in results.iterdir() if not file.name.endswith(endings)}
    assert others == {".dcm", ".gz"}
    for text in texts:
        assert text
        said = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)  # pictures: any three letters are in them by chance
        assert not [word for word in PATIENT if word in said]


def test_a_deidentified_export_has_nothing_of_the_patient_and_is_valid(a_study, tmp_path):
    out = detect_with_dicom(a_study, tmp_path, "--deidentify", "--salt", str(tmp_path / "salt"))
    source = pydicom.dcmread(next(a_study.iterdir()), stop_before_pixels=True)
    uids = [source[k].value for k in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")]
    objects = [one(out, "_seg.dcm"), one(out, "_sr.dcm")]
    for file in objects:
        raw = file.read_bytes()
        assert not [word for word in PATIENT if word.encode() in raw]
        assert not [uid for uid in uids if uid.encode() + b"\0" in raw]
        assert pydicom.dcmread(file).PatientIdentityRemoved == "YES"
    assert len({pydicom.dcmread(f).StudyInstanceUID for f in objects}) == 1
    assert_valid(*objects)


def test_a_scan_without_lesions_gives_a_report_that_says_so_and_no_segmentation(tmp_path):
    image = as_stored(ball_brain(spots_mm=((60.0, 0.0, 0.0),))[0])  # outside the head
    write_series(tmp_path / "study", image, SeriesDescription="SWI")
    out = detect_with_dicom(tmp_path / "study", tmp_path, "--threshold", "0.99")
    assert findings(out) == []
    assert not list(out.glob("*_seg.dcm"))
    report = hd.sr.srread(one(out, "_sr.dcm"))
    (whole,) = report.content.get_image_measurement_groups()
    assert [m.value for m in whole.get_measurements()] == [0]
    assert_valid(one(out, "_sr.dcm"))


def test_a_region_has_its_code_and_any_other_is_in_the_brain():
    assert finding_site("Thalamus") == codes.SCT.Thalamus
    assert finding_site("") == finding_site("somewhere") == codes.SCT.Brain


def test_dicom_results_that_cannot_be_are_refused_before_the_search(scan_file, dark_model, tmp_path, capsys):
    code = cli.main(["detect", str(scan_file), "-o", str(tmp_path / "out"), *only(dark_model), "--dicom"])
    assert code == 2
    assert "is not DICOM" in capsys.readouterr().err


def test_without_highdicom_it_says_what_to_install(a_study, dark_model, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "highdicom", None)
    code = cli.main(["detect", str(a_study), "-o", str(tmp_path / "out"), *only(dark_model), "--dicom"])
    assert code == 4
    assert "pip install highdicom" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.skipif(not (DATA / "gre_xa30").is_dir(), reason="platform: the real scan does not lie beside the checkout")
def test_a_real_enhanced_scan_gives_valid_objects(tmp_path):
    scan = read_scan(DATA / "gre_xa30" / "dicom").image
    middle = sitk.Image(scan.GetSize(), sitk.sitkUInt8)  # to search the whole head takes ten times as long
    middle.CopyInformation(scan)
    i, j, k = (slice(n // 3, 2 * n // 3) for n in scan.GetSize())
    middle[i, j, k] = 1
    sitk.WriteImage(middle, str(tmp_path / "middle.nii.gz"))
    out = detect_with_dicom(DATA / "gre_xa30" / "dicom", tmp_path, "--mask", str(tmp_path / "middle.nii.gz"))
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(one(out, "_dseg.nii.gz"))))
    read = hd.seg.segread(one(out, "_seg.dcm")).get_volume(combine_segments=True)
    assert np.count_nonzero(read.array) == np.count_nonzero(values) > 0
    assert_valid(one(out, "_seg.dcm"), one(out, "_sr.dcm"))


def test_what_a_library_has_to_say_of_the_scans_headers_does_not_reach_the_user(tmp_path):
    def make() -> dict:
        warnings.warn("The string 'X' is unlikely to represent the intended person name", UserWarning, stacklevel=1)
        return {}

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert write_objects(make, tmp_path, "scan") == {}
