"""Headers that a DICOM export meets: other scripts, broken values, missing UIDs; nothing else is lost."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pydicom
import pytest
from dark_spots import ball_brain, only, write_dark_voxel_model
from dicom_series import ENHANCED_MR, write_series
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from test_dicom_out import as_stored, assert_valid, one

from CMBCommand import cli
from CMBSegmentationLib.dicom_out.codes import ABNORMALITY, BRAIN, HEMORRHAGE
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.vocabulary import looks as segment_looks

HEAD = as_stored(ball_brain(spacing=(2.0, 2.4, 3.0))[0])
ONE_SPOT = as_stored(ball_brain(spacing=(2.0, 2.4, 3.0), spots_mm=((12.0, 5.0, 3.0),))[0])
OBJECTS = ("_seg.dcm", "_sr.dcm")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_dark_voxel_model(tmp_path_factory.mktemp("model") / "dark.onnx")


@pytest.fixture(autouse=True)
def odd_values_may_be_written(monkeypatch):
    monkeypatch.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.IGNORE)


def detect(study: Path, out: Path, model: Path, *options: str) -> int:
    return cli.main(["detect", str(study), "-o", str(out), *only(model), "--dicom", *options])


def notes_of(out: Path) -> str:
    return " ".join(json.loads(one(out, "_lesions.json").read_text())["notes"])


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        (["", "ISO 2022 IR 87"], "Suzuki^Hanako=鈴木^花子=すずき^はなこ"),
        (["", "ISO 2022 IR 149"], "Kim^Minji=金^旼志=김^민지"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        ("ISO_IR 144", "Люкceмбypг"),
        ("ISO_IR 126", "Διονυσιος"),
        ("ISO_IR 192", "Müller^Jürgen"),
        ("latin-1", "Müller^Jürgen"),
        (None, "Plain^Name"),
    ],
)
def test_a_name_in_any_script_is_the_same_in_every_object(model, tmp_path, character_set, name):
    more = {} if character_set is None else {"SpecificCharacterSet": character_set}
    write_series(tmp_path / "study", HEAD, SeriesDescription="SWI", **more, PatientName=name)
    with warnings.catch_warnings():  # none of highdicom's is for the user
        warnings.filterwarnings("error", "The string", UserWarning)
        assert detect(tmp_path / "study", tmp_path / "out", model) == 0
    source = pydicom.dcmread(next((tmp_path / "study").iterdir()))
    for ending in OBJECTS:
        written = pydicom.dcmread(one(tmp_path / "out", ending))
        assert written.SpecificCharacterSet == "ISO_IR 192"
        for group in ("alphabetic", "ideographic", "phonetic"):
            assert getattr(written.PatientName, group) == getattr(source.PatientName, group)
        assert str(written.PatientName) == name
    assert_valid(*(one(tmp_path / "out", ending) for ending in OBJECTS))


BROKEN = (  # of one scan each: its values, what is written in their place, what is told
    [
        ({"PatientSex": "male"}, {"PatientSex": "M"}, "Patient's Sex"),
        ({"PatientBirthDate": "19500000"}, {"PatientBirthDate": None}, "Patient's Birth Date"),
        ({"StudyTime": "23:59"}, {"StudyTime": "2359"}, "Study Time"),
        ({"AccessionNumber": "A" * 17}, {"AccessionNumber": ""}, "Accession Number"),
        ({"PatientName": "A^" * 40}, {"PatientName": ""}, "Patient's Name"),
        ({"PatientAge": "73"}, {"PatientAge": ""}, "Patient's Age"),
    ],
    [
        ({"PatientSex": "?"}, {"PatientSex": ""}, "Patient's Sex"),
        ({"PatientBirthDate": "1950-01-31"}, {"PatientBirthDate": "19500131"}, "Patient's Birth Date"),
        ({"StudyTime": "101112.12345678"}, {"StudyTime": "101112.123456"}, "Study Time"),
        ({"PatientID": ["", "A1"]}, {"PatientID": ""}, "Patient ID"),
        ({"StudyDescription": "Head\x07\x00", "StudyID": "\x1b"}, {"StudyID": ""}, "Study Description"),
    ],
    [
        ({"StudyDate": "ANON", "StudyTime": "ANON"}, {"StudyDate": None, "StudyTime": None}, "Study Date, Study Time"),
        ({"Modality": "mr", "SeriesNumber": 3}, {"PatientID": "id-4711"}, "Modality"),
    ],
)


@pytest.mark.parametrize("broken", BROKEN)
def test_what_breaks_its_rules_is_mended_or_left_empty_and_told(model, tmp_path, broken):
    values = {keyword: value for given, _, _ in broken for keyword, value in given.items()}
    write_series(tmp_path / "study", HEAD, SeriesDescription="SWI", **values)
    assert detect(tmp_path / "study", tmp_path / "out", model) == 0
    for ending in OBJECTS:
        found = pydicom.dcmread(one(tmp_path / "out", ending))
        for keyword, value in ((keyword, value) for _, written, _ in broken for keyword, value in written.items()):
            assert (found[keyword].value or None) == (value or None)
    assert [told for _, _, told in broken if told not in notes_of(tmp_path / "out")] == []
    assert_valid(*(one(tmp_path / "out", ending) for ending in OBJECTS))


def test_a_number_that_is_none_is_left_empty_and_told(model, tmp_path):
    write_series(tmp_path / "study", HEAD, SeriesDescription="SWI", PatientWeight="70.512")
    for path in (tmp_path / "study").iterdir():
        path.write_bytes(path.read_bytes().replace(b"70.512", b"70,512"))
    assert detect(tmp_path / "study", tmp_path / "out", model) == 0
    assert not pydicom.dcmread(one(tmp_path / "out", "_seg.dcm")).get("PatientWeight")
    assert "Patient's Weight" in notes_of(tmp_path / "out")
    assert_valid(*(one(tmp_path / "out", ending) for ending in OBJECTS))


def without(study: Path, keyword: str) -> None:
    for path in study.iterdir():
        slice_ = pydicom.dcmread(path)
        delattr(slice_, keyword)
        slice_.save_as(path)


@pytest.mark.parametrize(
    ("keyword", "named"),
    [
        ("StudyInstanceUID", "Study Instance UID"),
        ("SeriesInstanceUID", "Series Instance UID"),
        ("SOPInstanceUID", "SOP Instance UID"),
    ],
)
def test_a_missing_uid_is_named_before_the_search(model, tmp_path, capsys, monkeypatch, keyword, named):
    write_series(tmp_path / "study", HEAD, SeriesDescription="SWI")
    without(tmp_path / "study", keyword)
    monkeypatch.setattr("CMBSegmentationLib.running.run.detect", None)
    assert detect(tmp_path / "study", tmp_path / "out", model) == 2
    assert named in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())


def test_a_missing_frame_of_reference_is_made_up_the_same_each_time_and_told(model, tmp_path):
    write_series(tmp_path / "study", HEAD, SeriesDescription="SWI")
    without(tmp_path / "study", "FrameOfReferenceUID")
    for out in ("a", "b"):
        assert detect(tmp_path / "study", tmp_path / out, model) == 0
    first, second = (pydicom.dcmread(one(tmp_path / out, "_seg.dcm")).FrameOfReferenceUID for out in ("a", "b"))
    assert first == second
    assert "Frame of Reference" in notes_of(tmp_path / "a")
    assert_valid(*(one(tmp_path / "a", ending) for ending in OBJECTS))


def test_enhanced_slices_of_one_file_each_are_referred_to_by_their_own_class(model, tmp_path):
    study = tmp_path / "study"
    write_series(study, HEAD, SeriesDescription="SWI")
    for path in study.iterdir():
        made_enhanced(pydicom.dcmread(path)).save_as(path, enforce_file_format=True)
    assert detect(study, tmp_path / "out", model) == 0
    files = [one(tmp_path / "out", ending) for ending in OBJECTS]
    for file in files:
        classes = {str(item.ReferencedSOPClassUID) for item in references(pydicom.dcmread(file))}
        assert classes <= {ENHANCED_MR, str(pydicom.uid.SegmentationStorage)}
        assert ENHANCED_MR in classes
    assert_valid(*files)


def made_enhanced(slice_: Dataset) -> Dataset:
    shared, own = Dataset(), Dataset()
    moved = {
        "PixelMeasuresSequence": (shared, ("PixelSpacing", "SliceThickness")),
        "PlaneOrientationSequence": (shared, ("ImageOrientationPatient",)),
        "PlanePositionSequence": (own, ("ImagePositionPatient",)),
    }
    for macro, (group, keywords) in moved.items():
        item = Dataset()
        for keyword in keywords:
            item[keyword] = slice_[keyword]
            delattr(slice_, keyword)
        setattr(group, macro, [item])
    slice_.SharedFunctionalGroupsSequence, slice_.PerFrameFunctionalGroupsSequence = [shared], [own]
    slice_.NumberOfFrames = 1
    slice_.SOPClassUID = slice_.file_meta.MediaStorageSOPClassUID = ENHANCED_MR
    return slice_


def references(dataset: Dataset) -> list[Dataset]:
    return [item for item in all_items(dataset) if "ReferencedSOPInstanceUID" in item]


def all_items(dataset: Dataset) -> list[Dataset]:
    own = [item for element in dataset if element.VR == "SQ" for item in element.value]
    return [*own, *(deeper for item in own for deeper in all_items(item))]


def test_exactly_one_microbleed_can_be_exported(model, tmp_path):
    write_series(tmp_path / "study", ONE_SPOT, SeriesDescription="SWI")
    assert detect(tmp_path / "study", tmp_path / "out", model) == 0
    segmentation = pydicom.dcmread(one(tmp_path / "out", "_seg.dcm"))
    assert len(segmentation.SegmentSequence) == 1
    for frame in segmentation.PerFrameFunctionalGroupsSequence:
        assert frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 1
    assert_valid(*(one(tmp_path / "out", ending) for ending in OBJECTS))


def test_each_segment_has_the_colour_of_our_own_views_and_its_terminology(model, tmp_path):
    import highdicom as hd

    write_series(tmp_path / "study", HEAD, SeriesDescription="SWI")
    assert detect(tmp_path / "study", tmp_path / "out", model) == 0
    segments = pydicom.dcmread(one(tmp_path / "out", "_seg.dcm")).SegmentSequence
    wanted = hd.color.CIELabColor.from_rgb(*(round(255 * part) for part in segment_looks.LESION_COLOUR)).value
    assert len(segments) == 2
    for segment in segments:
        assert tuple(segment.RecommendedDisplayCIELabValue) == tuple(wanted)
        assert segment.SegmentedPropertyCategoryCodeSequence[0].CodeValue == ABNORMALITY.value
        assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == codes.SCT.Hemorrhage.value
        assert segment.AnatomicRegionSequence[0].CodeValue == BRAIN.value


def test_slicers_words_for_a_segment_are_those_of_the_dicom_objects():
    for code in (ABNORMALITY, HEMORRHAGE, BRAIN):
        assert f"{code.scheme_designator}^{code.value}^" in segment_looks.TERMINOLOGY


@pytest.mark.parametrize(
    ("error", "code"), [(AttributeError("no such thing"), 4), (InputError("It is wrong.", "Mend it."), 2)]
)
def test_a_failed_export_leaves_the_other_results_and_says_so(model, tmp_path, capsys, monkeypatch, error, code):
    write_series(tmp_path / "study", HEAD, SeriesDescription="SWI")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("CMBSegmentationLib.running.run.dicom_objects", fail)
    assert detect(tmp_path / "study", tmp_path / "out", model) == code
    told = capsys.readouterr().err
    assert "only the DICOM results are missing" in told
    assert "Unexpected" not in told
    left = {path.name.partition("_desc-")[2] for path in (tmp_path / "out").iterdir()}
    assert left == {"cmb_dseg.nii.gz", "cmb_dseg.tsv", "cmb_dseg.json", "cmb_lesions.json", "cmb_report.html"}


def test_headers_that_highdicom_refuses_are_told_before_the_search(model, tmp_path, capsys, monkeypatch):
    study = tmp_path / "study"
    write_series(study, HEAD, SeriesDescription="SWI")
    monkeypatch.setattr("CMBSegmentationLib.running.run.detect", None)
    monkeypatch.setattr("highdicom.seg.Segmentation", lambda *_, **__: 1 / 0)
    assert detect(study, tmp_path / "out", model) == 2
    assert "cannot be carried over to DICOM results" in capsys.readouterr().err


def test_a_models_own_words_fit_into_dicom(tmp_path):
    from dataclasses import replace

    from dark_spots import MANIFEST

    wordy = write_dark_voxel_model(tmp_path / "wordy.onnx", replace(MANIFEST, name="long\\" * 30, version="1" * 80))
    write_series(tmp_path / "study", HEAD, SeriesDescription="SWI")
    assert detect(tmp_path / "study", tmp_path / "out", wordy) == 0
    assert_valid(*(one(tmp_path / "out", ending) for ending in OBJECTS))


def test_the_report_for_the_archive_has_the_name_in_any_script_and_our_colours_by_verdict(model, tmp_path):
    import highdicom as hd

    study, name = tmp_path / "study", "Yamada^Tarou=山田^太郎=やまだ^たろう"
    charset = ["", "ISO 2022 IR 87"]
    write_series(study, HEAD, SeriesDescription="SWI", SpecificCharacterSet=charset, PatientName=name)
    out = tmp_path / "out"
    assert cli.main(["detect", str(study), "-o", str(out), *only(model)]) == 0
    listed = one(out, "_lesions.json")
    content = json.loads(listed.read_text())
    for row, decision in zip(content["lesions"], ("uncertain", "accepted"), strict=False):
        row |= {"decision": decision, "reader": "Süß", "mimic": "", "decided_at": "", "origin": "detected"}
    listed.write_text(json.dumps(content))
    assert cli.main(["report", str(out), "--scan", str(study), "--dicom"]) == 0
    files = [one(out, ending) for ending in (*OBJECTS, "_report.dcm")]
    assert {str(pydicom.dcmread(file).PatientName) for file in files} == {name}
    assert "Süß" in str(pydicom.dcmread(files[1]))
    assert_valid(*files)
    shown = [tuple(one.RecommendedDisplayCIELabValue) for one in pydicom.dcmread(files[0]).SegmentSequence]
    colours = (segment_looks.REVIEW_COLOURS[decision] for decision in ("uncertain", "accepted"))
    wanted = [hd.color.CIELabColor.from_rgb(*(round(255 * part) for part in colour)).value for colour in colours]
    assert shown == [tuple(one) for one in wanted]


def test_a_failed_export_leaves_the_report_that_was_made_anew(model, tmp_path, capsys, monkeypatch):
    study, out = tmp_path / "study", tmp_path / "out"
    write_series(study, HEAD, SeriesDescription="SWI")
    assert cli.main(["detect", str(study), "-o", str(out), *only(model)]) == 0
    one(out, "_report.html").unlink()
    monkeypatch.setattr("CMBCommand.report.dicom_objects", lambda *_: 1 / 0)
    assert cli.main(["report", str(out), "--scan", str(study), "--dicom"]) == 4
    assert "only the DICOM results are missing" in capsys.readouterr().err
    assert one(out, "_report.html").stat().st_size > 1000
    assert not list(out.glob("*.dcm"))
