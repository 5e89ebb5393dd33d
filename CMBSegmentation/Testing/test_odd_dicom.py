"""DICOM series with odd values, lost slices and odd pixels."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_series import ROOT, a_volume, write_enhanced, write_series
from odd_dicom import refused, rewrite, voxels
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag

from CMBSegmentationLib.reading.dicom.values import numbers
from CMBSegmentationLib.reading.scan import read_scan
from CMBSegmentationLib.reading.scan_identity import identity_of


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
