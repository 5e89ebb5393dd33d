"""Series that are no plain volume, and choices that only a user can make."""

from __future__ import annotations

import pickle
import shutil

import numpy as np
import pydicom
import pytest
from dicom_series import ENHANCED_MR, MAGNITUDE, ROOT, a_volume, write_series
from odd_dicom import refused, rewrite, voxels

from CMBSegmentationLib.reading.dicom.series import SeriesChoiceError
from CMBSegmentationLib.reading.scan import read_scan
from CMBSegmentationLib.reading.scan_identity import identity_of

OTHER, DERIVED = ["ORIGINAL", "PRIMARY", "OTHER"], ["DERIVED", "SECONDARY", "OTHER"]


# The wrong picture


@pytest.mark.parametrize("name", ["AX T2* FA 20", "GRE_TE20_FA15", "ax t2star fa=12"])
def test_a_flip_angle_in_the_name_makes_no_map_of_a_scan(tmp_path, name):
    write_series(tmp_path, SeriesDescription=name, ImageType=OTHER)
    assert read_scan(tmp_path).notes == ()


WRONG = {
    "minimum in words": {"SeriesDescription": "SWI Minimum Intensity Projection", "ImageType": DERIVED},
    "minimum apart": {"SeriesDescription": "SWI MIN IP", "ImageType": DERIVED},
    "minimum with a dash": {"SeriesDescription": "ax SWI MIN-IP 10mm", "ImageType": DERIVED},
    "minimum projection": {"SeriesDescription": "SWAN MinProj", "ImageType": DERIVED},
    "T2* map": {"SeriesDescription": "T2* map", "ImageType": DERIVED},
    "R2*": {"SeriesDescription": "R2STAR MAP: SWAN", "ImageType": DERIVED},
    "susceptibility map": {"SeriesDescription": "SWI QSM", "ImageType": DERIVED},
    "perfusion": {"SeriesDescription": "T2* Perfusion", "ScanningSequence": "EP", "ImageType": OTHER},
    "of another modality": {"SeriesDescription": "SWI", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "Modality": "CT"},
    "segmentation": {"SeriesDescription": "SWI", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4", "Modality": "SEG"},
    "parametric map": {"SeriesDescription": "SWI", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.30"},
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("number", [4, 500])
def test_what_is_no_plain_volume_never_wins(tmp_path, wrong, number):
    values = write_series(tmp_path / "right", number=5, SeriesDescription="AX GRE", ImageType=OTHER)
    write_series(tmp_path / "wrong", a_volume() + 9, number=number, **WRONG[wrong])
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), values)


@pytest.mark.parametrize("wrong", [name for name in WRONG if name not in ("perfusion", "R2*")])
def test_nor_is_it_taken_alone(tmp_path, wrong):
    write_series(tmp_path, **WRONG[wrong])
    assert "images only" in (said := refused(tmp_path)) or "no DICOM image" in said


def test_a_time_series_never_wins(tmp_path):
    values = write_series(tmp_path / "right", number=5, SeriesDescription="AX GRE")
    for time in range(3):
        same = {"SeriesInstanceUID": f"{ROOT}.2.9", "SeriesNumber": 9, "SeriesDescription": "T2* dynamic"}
        write_series(tmp_path / str(time), number=90 + time, **same)
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), values)


@pytest.mark.parametrize(("value", "kind"), [(1, "phase"), (2, "real"), (3, "imaginary")])
@pytest.mark.parametrize("vr", ["SS", "UN"])
def test_what_ge_writes_in_its_own_tag_counts(tmp_path, value, kind, vr):
    write_series(tmp_path / "part", number=3, ImageType=OTHER, SeriesDescription="SWAN")
    stored = value if vr == "SS" else value.to_bytes(2, "little")
    rewrite(tmp_path / "part", lambda one, number: ge(one, vr, stored))
    assert f"{kind} images only" in refused(tmp_path / "part")
    same = {"SeriesInstanceUID": f"{ROOT}.2.3", "SeriesNumber": 3, "ImageType": OTHER, "SeriesDescription": "SWAN"}
    values = write_series(tmp_path / "magnitude", a_volume() + 9, number=8, **same)
    rewrite(tmp_path / "magnitude", lambda one, number: ge(one, "SS", 0))
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), values)


def ge(one, vr, value):
    one.Manufacturer = "GE MEDICAL SYSTEMS"
    one.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x2F, vr, value)


@pytest.mark.parametrize(
    "reformat",
    [
        {"ImageType": ["DERIVED", "SECONDARY", "MPR", "CSA MPR", "", "M", "SWI"], "SeriesDescription": "SWI_MPR"},
        {"ImageType": ["DERIVED", "SECONDARY", "M", "SWI"], "SeriesDescription": "SWI"},
        {"ImageType": [*MAGNITUDE[:3], "SWI"], "SeriesDescription": "SWI reformat cor"},
    ],
)
def test_a_reformat_comes_after_its_original(tmp_path, reformat):
    write_series(tmp_path / "b", a_volume() + 9, number=4, **reformat)
    values = write_series(tmp_path / "a", number=14, ImageType=[*MAGNITUDE[:3], "SWI"], SeriesDescription="SWI")
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), values)


def test_echo_times_that_differ_in_the_last_digit_are_one_echo(tmp_path):
    values = write_series(tmp_path)
    rewrite(tmp_path, lambda one, number: setattr(one, "EchoTime", f"{20 + 0.001 * (number % 3):g}"))
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(voxels(scan), values)
    assert scan.notes == ()


@pytest.mark.parametrize(
    "same",
    [
        {"PatientName": "DOE^JANE^^"},
        {"PatientName": "Doe^Jane ="},
        {"PatientName": "Doe^Jane=土井^ジェーン"},
        {"PatientBirthDate": ""},
        {"PatientName": "", "PatientBirthDate": ""},
    ],
)
def test_a_name_that_is_padded_or_says_less_is_the_same_person(tmp_path, same):
    values = write_series(tmp_path, number=1, SeriesDescription="SWI")
    charset = {"SpecificCharacterSet": "ISO_IR 192"} if "=土" in same.get("PatientName", "") else {}
    write_series(tmp_path, number=2, SeriesDescription="T1", ScanningSequence="SE", **same, **charset)
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), values)


def test_two_examinations_are_told_apart_and_named(tmp_path):
    write_series(tmp_path, number=5, SeriesDescription="SWI", StudyDate="20240102")
    write_series(tmp_path, number=6, SeriesDescription="SWI", StudyDate="20260304", study=f"{ROOT}.8")
    said = refused(tmp_path)
    assert "2 examinations (of 2024-01-02: 5 'SWI'; of 2026-03-04: 6 'SWI')" in said
    for number, day in (("5", "2024-01-02"), ("6", "2026-03-04")):
        scan = read_scan(tmp_path, number)
        assert scan.notes == (f"Of 2 DICOM series, {number} 'SWI' of {day} was taken: it was asked for.",)
        assert identity_of(scan).series == f"series {number} 'SWI', {day}"
        assert scan.stem == f"{tmp_path.name}_series-{number}"


def test_files_of_two_visits_whose_series_have_one_number_have_two_names(tmp_path):
    for number in (5, 6):
        write_series(tmp_path, number=number, SeriesNumber=5, SeriesDescription="SWI", study=f"{ROOT}.{number}")
    stems = {read_scan(tmp_path, f"{ROOT}.2.{number}").stem for number in (5, 6)}
    assert len(stems) == 2
    assert all(stem.startswith(f"{tmp_path.name}_series-5-") for stem in stems)


def test_the_only_series_of_a_folder_needs_no_name_of_its_own(tmp_path):
    write_series(tmp_path, number=5, SeriesDescription="SWI")
    scan = read_scan(tmp_path, "5")
    assert (scan.stem, scan.notes) == (tmp_path.name, ())


def test_one_slice_is_refused_without_saying_where_it_lies(tmp_path):
    write_series(tmp_path)
    said = refused(next(tmp_path.iterdir()))
    assert "Give the folder that holds all of them." in said
    assert str(tmp_path) not in said


def test_the_choice_that_only_a_user_can_make_is_offered_and_outlasts_a_copy(tmp_path):
    write_series(tmp_path / "a", number=14, SeriesDescription="SWI")
    write_series(tmp_path / "b", number=15, SeriesDescription="SWI")
    write_series(tmp_path / "c", number=16, ImageType=["ORIGINAL", "PRIMARY", "P"], SeriesDescription="phase")
    with pytest.raises(SeriesChoiceError) as caught:
        read_scan(tmp_path)
    error = pickle.loads(pickle.dumps(caught.value))  # as from the process that reads
    assert [one.name for one in error.offered] == ["14 'SWI'", "15 'SWI'"]
    assert error.hint == caught.value.hint
    assert read_scan(tmp_path, error.offered[1].uid).frames


def test_the_programs_own_segmentation_in_the_folder_is_no_series(tmp_path):
    write_series(tmp_path, SeriesDescription="AX GRE", EchoTime="6", ImageType=OTHER)
    before = read_scan(tmp_path)
    seg = pydicom.dcmread(next(tmp_path.iterdir()))
    seg.SOPClassUID = seg.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    seg.SOPInstanceUID, seg.SeriesInstanceUID, seg.Modality = f"{ROOT}.77", f"{ROOT}.78", "SEG"
    seg.save_as(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), voxels(before))


def test_enhanced_objects_of_one_frame_each_are_a_series(tmp_path):
    values = write_series(tmp_path)

    def enhance(one, number):
        one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = ENHANCED_MR
        own, place = pydicom.Dataset(), pydicom.Dataset()
        place.ImagePositionPatient = one.ImagePositionPatient
        own.PlanePositionSequence = [place]
        del one.ImagePositionPatient
        one.PerFrameFunctionalGroupsSequence, one.NumberOfFrames = [own], 1

    rewrite(tmp_path, enhance)
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), values)


def test_other_files_in_the_folder_do_no_harm(tmp_path):
    values = write_series(tmp_path)
    (tmp_path / "README.txt").write_text("notes")
    (tmp_path / ".DS_Store").write_bytes(b"\0" * 300)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 300)
    shutil.copy(next(tmp_path.glob("*.dcm")), tmp_path / "copy.dcm")
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(voxels(scan), values)
    assert scan.notes == ("1 duplicate slice skipped.",)
