"""DICOM as it should not be and is: broken values, lost slices, other objects, and pictures that are no scan."""

from __future__ import annotations

import pickle
import shutil

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_series import ENHANCED_MR, MAGNITUDE, ROOT, a_volume, write_enhanced, write_series
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.dicom.series import SeriesChoiceError
from CMBSegmentationLib.reading.dicom.values import numbers
from CMBSegmentationLib.reading.scan import read_scan
from CMBSegmentationLib.reading.scan_identity import identity_of

OTHER, DERIVED = ["ORIGINAL", "PRIMARY", "OTHER"], ["DERIVED", "SECONDARY", "OTHER"]


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


def with_raw(tag, vr, value):
    def change(one, number):
        one[tag] = RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)

    return change


# Values that break their value representation


@pytest.mark.parametrize(
    ("tag", "vr", "value", "spacing"),
    [
        (0x00280030, "DS", b"2,0\\2,5 ", (2.5, 2.0)),
        (0x00280030, "DS", b"2.5 ", (2.5, 2.5)),
        (0x00280030, "UT", b"2.0\\2.5 ", (2.5, 2.0)),
        (0x00280030, "LO", b" 2.0\\2.5", (2.5, 2.0)),
        (0x00180081, "DS", b"**** ", (2.5, 2.0)),
        (0x00180081, "DS", b"NaN ", (2.5, 2.0)),
        (0x00180081, "IS", b"20.5", (2.5, 2.0)),
        (0x00200011, "IS", b"5A", (2.5, 2.0)),
        (0x00200013, "IS", b"no", (2.5, 2.0)),
        (0x00281053, "DS", b"one ", (2.5, 2.0)),
        (0x00180050, "DS", b"3,0 mm", (2.5, 2.0)),
    ],
)
def test_a_value_that_can_be_understood_or_is_not_needed_stops_nothing(tmp_path, tag, vr, value, spacing):
    values = write_series(tmp_path)
    rewrite(tmp_path, with_raw(tag, vr, value))
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(voxels(scan), values)
    assert scan.image.GetSpacing() == pytest.approx((*spacing, 3.0))


@pytest.mark.parametrize(
    ("tag", "value", "said"),
    [
        (0x00280030, b"wide\\wide ", r"Pixel Spacing is 'WIDE\\WIDE'"),
        (0x00200032, b"0\\inf\\0 ", r"Image Position (Patient) is '0\\INF\\0'"),
        (0x00200037, b"1\\0\\0\\0", r"Image Orientation (Patient) is '1\\0\\0\\0'"),
    ],
)
def test_a_value_that_is_needed_is_named_and_another_series_can_still_be_read(tmp_path, tag, value, said):
    write_series(tmp_path / "bad", number=6)
    rewrite(tmp_path / "bad", with_raw(tag, "DS", value))
    assert said.replace("\\\\", "\\") in refused(tmp_path).replace("\\\\", "\\")
    values = write_series(tmp_path / "sound", a_volume() + 9, number=5)
    np.testing.assert_array_equal(voxels(read_scan(tmp_path, "5")), values)


@pytest.mark.parametrize("value", ["1e400", "nan", "0x10", "", "1;2", "--3"])
def test_what_is_no_number_is_none(value):
    one = pydicom.Dataset()
    one[0x00180081] = RawDataElement(Tag(0x00180081), "DS", len(value), value.encode(), 0, False, True)
    assert numbers(one, "EchoTime", 1) is None


@pytest.mark.parametrize("kind", ["bare implicit", "bare explicit", "no transfer syntax", "no meta"])
def test_files_without_their_meta_header_are_read(tmp_path, kind):
    values = write_series(tmp_path)
    for path in tmp_path.iterdir():
        one = pydicom.dcmread(path)
        implicit = kind == "bare implicit"
        if kind == "no transfer syntax":
            one.file_meta = FileMetaDataset()
            one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
        else:
            del one.file_meta
            one.preamble = None if kind.startswith("bare") else b"\0" * 128
        pydicom.dcmwrite(path, one, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(voxels(scan), values)
    identity = identity_of(scan)
    assert (identity.patient, identity.date) == ("id-4711", "2026-01-02")
    assert identity.series_uid == f"{ROOT}.2.1"


# Lost slices


def test_slices_that_share_a_uid_are_read_by_position_and_that_is_said(tmp_path):
    values = write_series(tmp_path)
    rewrite(tmp_path, lambda one, number: setattr(one, "SOPInstanceUID", f"{ROOT}.{number % 5}"))
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(voxels(scan), values)
    assert "7 files with the SOP Instance UID of another slice" in " ".join(scan.notes)


@pytest.mark.parametrize("loss", ["empty", "dangling", "cut off header"])
def test_files_that_cannot_be_read_are_counted_and_named(tmp_path, loss):
    write_series(tmp_path)
    lost = [path for path in tmp_path.iterdir() if pydicom.dcmread(path).InstanceNumber >= 11]
    for path in lost:
        whole = path.read_bytes()
        path.unlink()
        if loss == "dangling":
            path.symlink_to("/nonexistent/.git/annex/objects/x.dcm")
        else:
            path.write_bytes(b"" if loss == "empty" else whole[:200])
    scan = read_scan(tmp_path)
    assert len(voxels(scan)) == 10
    assert "2 files of the folder could not be read" in (said := " ".join(scan.notes))
    assert lost[0].name in said


@pytest.mark.parametrize(("skip", "missing"), [((0, 1), 2), ((11,), 1)])
def test_slices_missing_at_an_end_are_told_by_their_numbers(tmp_path, skip, missing):
    write_series(tmp_path, skip=skip, ImagesInAcquisition="12")
    assert f"{missing} seem to be missing" in " ".join(read_scan(tmp_path).notes)


@pytest.mark.parametrize("skip", [(0,), (10, 11)])
def test_slices_missing_at_an_end_are_told_by_another_series_of_the_same_grid(tmp_path, skip):
    write_series(tmp_path, number=3, SeriesDescription="SWI", skip=skip, InstanceNumber="")
    write_series(tmp_path, number=4, SeriesDescription="phase", ImageType=["ORIGINAL", "PRIMARY", "P"])
    said = " ".join(read_scan(tmp_path).notes)
    assert f"Series 4 'phase' of the same grid has {len(skip)} slice{'s' * (len(skip) > 1)} beyond this one's" in said


def test_a_series_that_covers_more_on_another_grid_says_nothing(tmp_path):
    values = write_series(tmp_path, number=3, SeriesDescription="SWI")
    larger = a_volume(30)
    larger.SetOrigin((-20.0, -30.0, -41.3))
    write_series(tmp_path, larger, number=4, SeriesDescription="T1", ScanningSequence="SE")
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(voxels(scan), values)
    assert not any("beyond" in note for note in scan.notes)


def test_a_whole_series_has_no_such_note(tmp_path):
    write_series(tmp_path, ImagesInAcquisition="12")
    assert read_scan(tmp_path).notes == ()


def test_a_multi_frame_file_that_does_not_describe_all_frames_is_refused(tmp_path):
    write_enhanced(tmp_path / "one.dcm")
    one = pydicom.dcmread(tmp_path / "one.dcm")
    del one.PerFrameFunctionalGroupsSequence[-2:]
    one.save_as(tmp_path / "one.dcm")
    assert "Number of Frames is 12, but 10 are described" in refused(tmp_path / "one.dcm")


def test_a_folder_reached_by_two_links_is_read_once_and_a_loop_ends(tmp_path):
    values = write_series(tmp_path / "study" / "series")
    (tmp_path / "study" / "again").symlink_to(tmp_path / "study" / "series")
    (tmp_path / "study" / "series" / "loop").symlink_to(tmp_path / "study")
    scan = read_scan(tmp_path / "study")
    np.testing.assert_array_equal(voxels(scan), values)
    assert scan.notes == ()


def test_a_folder_that_is_a_link_is_followed(tmp_path):
    values = write_series(tmp_path / "elsewhere")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "series").symlink_to(tmp_path / "elsewhere")
    np.testing.assert_array_equal(voxels(read_scan(tmp_path / "study")), values)


def test_one_slice_asks_for_its_folder_and_a_table_of_contents_for_its_images(tmp_path):
    write_series(tmp_path / "series")
    assert "one slice of a series" in refused(next((tmp_path / "series").iterdir()))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = "1.2.840.10008.1.3.10", "1.2.840.10008.1.2.1"
    index = pydicom.FileDataset(str(tmp_path / "DICOMDIR"), {}, b"\0" * 128, meta)
    index.save_as(tmp_path / "DICOMDIR", enforce_file_format=False)
    assert "table of contents" in refused(tmp_path / "DICOMDIR")


# Pixels


def test_where_white_is_low_the_picture_is_inverted(tmp_path):
    values = write_series(tmp_path, PhotometricInterpretation="MONOCHROME1")
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(voxels(scan), values.max() - (values - values.min()))
    assert "inverted" in scan.notes[-1]


def test_a_palette_is_no_scan(tmp_path):
    write_series(tmp_path, PhotometricInterpretation="PALETTE COLOR")
    assert "no DICOM image" in refused(tmp_path)


@pytest.mark.parametrize("compressed", [False, True])
def test_each_frame_is_rescaled_by_its_own_numbers(tmp_path, compressed):
    path = tmp_path / "one.dcm"
    values = write_enhanced(path)
    one = pydicom.dcmread(path)
    for number, frame in enumerate(one.PerFrameFunctionalGroupsSequence):
        item = pydicom.Dataset()
        item.RescaleSlope, item.RescaleIntercept, item.RescaleType = 1 + number / 4, number, "US"
        frame.PixelValueTransformationSequence = [item]
    if compressed:
        pixels = sitk.GetImageFromArray(one.pixel_array)
        sitk.WriteImage(pixels, str(tmp_path / "coded.dcm"), useCompression=True, compressor="JPEG2000")
        coded = pydicom.dcmread(tmp_path / "coded.dcm")
        one.file_meta.TransferSyntaxUID, one.PixelData = coded.file_meta.TransferSyntaxUID, coded.PixelData
        one["PixelData"].is_undefined_length = True
        (tmp_path / "coded.dcm").unlink()
    one.save_as(path)
    expected = [plane * (1 + (11 - k) / 4) + (11 - k) for k, plane in enumerate(values)]  # stored back to front
    np.testing.assert_allclose(voxels(read_scan(path)), np.stack(expected), rtol=1e-6)


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
    assert read_scan(tmp_path, "6").frames


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
