"""DICOM as it comes from an archive: the right series is taken, for a reason that is told, or none is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dark_spots import OBLIQUE, only
from dicom_series import MAGNITUDE, PHASE, ROOT, a_volume, write_enhanced, write_series
from pydicom.uid import RLELossless

from CMBCommand import cli
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.scan import read_scan

DATA = Path(os.environ.get("CMB_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
SWI = [*MAGNITUDE[:3], "SWI", "NORM"]
MINIMUM_PROJECTION = ["DERIVED", "PRIMARY", "MNIP", "SWI", "NORM"]


def voxels(scan) -> np.ndarray:
    return sitk.GetArrayFromImage(scan.image)


def refused(path: Path, series: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read_scan(path, series)
    assert caught.value.hint
    return caught.value.message


# One series


def test_a_series_is_read_in_the_order_of_its_slices(tmp_path):
    values = write_series(tmp_path / "series")
    image = read_scan(tmp_path / "series").image
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), values)
    assert image.GetSpacing() == pytest.approx((2.5, 2.0, 3.0))
    assert image.GetOrigin() == pytest.approx((-20, -30, -10))


@pytest.mark.parametrize("write", [write_series, lambda folder, image: write_enhanced(folder / "one.dcm", image)])
def test_an_oblique_series_lies_where_it_was(tmp_path, write):
    volume = a_volume()
    volume.SetDirection(OBLIQUE)
    write(tmp_path / "series", volume)
    image = read_scan(tmp_path / "series").image
    assert image.GetDirection() == pytest.approx(volume.GetDirection(), abs=1e-6)
    for index in ((0, 0, 0), (3, 7, 11)):
        expected = volume.TransformIndexToPhysicalPoint(index)
        assert image.TransformIndexToPhysicalPoint(index) == pytest.approx(expected, abs=1e-3)
    assert (sitk.GetArrayFromImage(image) == sitk.GetArrayFromImage(volume)).all()


def test_of_several_echoes_the_longest_is_read_and_it_says_so(tmp_path):
    values = write_series(tmp_path / "series", echoes=(9.4, 20.0))
    scan = read_scan(tmp_path / "series")
    np.testing.assert_array_equal(voxels(scan), values + 100)
    assert "TE 20 ms" in scan.notes[0]


def test_a_multi_frame_file_with_two_echoes_and_phase_gives_the_magnitude_of_the_longest(tmp_path):
    path = tmp_path / "enhanced.dcm"
    values = write_enhanced(path, echoes=(9.4, 20.0), kinds=("PHASE", "MAGNITUDE"))
    scan = read_scan(path)
    np.testing.assert_array_equal(voxels(scan), values + 100)
    assert scan.stem == "enhanced"
    assert len(scan.frames) == len(values)


def test_a_series_that_does_not_say_what_it_is_is_taken_with_a_note(tmp_path):
    write_series(tmp_path / "series", ScanningSequence="SE", EchoTime="8")
    assert "nothing in its header says T2*" in read_scan(tmp_path / "series").notes[0]


def test_rescaled_values_are_rescaled(tmp_path):
    values = write_series(tmp_path / "series", RescaleSlope="0.5", RescaleIntercept="-3")
    np.testing.assert_allclose(voxels(read_scan(tmp_path / "series")), values * 0.5 - 3)


def test_a_file_that_lies_there_twice_counts_once(tmp_path):
    values = write_series(tmp_path / "series")
    shutil.copytree(tmp_path / "series", tmp_path / "series" / "again")
    np.testing.assert_array_equal(voxels(read_scan(tmp_path / "series")), values)


# Many series


@pytest.fixture
def a_study(tmp_path):
    """What a Siemens scanner sends of an SWI acquisition, with a localiser and a T1; each in its own folder."""
    write_series(tmp_path / "1", number=1, ImageType=[*MAGNITUDE[:3], "LOCALIZER"], SeriesDescription="AAHead_Scout")
    write_series(tmp_path / "2", number=2, echoes=(2.3,), ScanningSequence=["GR", "IR"], SeriesDescription="t1_mprage")
    for number, name, image_type in (
        (3, "Mag_Images", MAGNITUDE),
        (4, "Pha_Images", PHASE),
        (5, "mIP_Images(SW)", MINIMUM_PROJECTION),
        (6, "SWI_Images", SWI),
    ):
        volume = a_volume() + number
        write_series(
            tmp_path / str(number),
            volume,
            number=number,
            SeriesDescription=name,
            ProtocolName="t2_swi_tra",
            ImageType=image_type,
        )
    return tmp_path


def test_the_susceptibility_weighted_series_of_a_study_is_chosen_and_it_says_why(a_study):
    scan = read_scan(a_study)
    np.testing.assert_array_equal(voxels(scan), sitk.GetArrayFromImage(a_volume() + 6))
    (note,) = scan.notes
    assert "Of 6 DICOM series, 6 'SWI_Images' was taken: susceptibility-weighted by its image type, TE 20 ms" in note
    assert "4 'Pha_Images' (phase)" in note
    assert "5 'mIP_Images(SW)' (projection)" in note


def test_without_the_processed_image_its_magnitude_is_chosen(a_study):
    shutil.rmtree(a_study / "6")
    assert "3 'Mag_Images' was taken" in read_scan(a_study).notes[0]


@pytest.mark.parametrize("wanted", ["3", f"{ROOT}.2.3"])
def test_a_series_can_be_asked_for_by_number_or_uid(a_study, wanted):
    np.testing.assert_array_equal(voxels(read_scan(a_study, wanted)), sitk.GetArrayFromImage(a_volume() + 3))


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"SeriesDescription": "ax T2* GRE"}, {"SeriesDescription": "ax GRE"}),
        ({"SeriesDescription": "SWAN"}, {"SeriesDescription": "t2star"}),
        ({"SeriesDescription": "Hemo"}, {"SeriesDescription": "ep2d", "ScanningSequence": ["EP", "GR"]}),
        ({"ProtocolName": "T2_FFE"}, {"ScanningSequence": "SE", "SeriesDescription": "T2 TSE"}),
        ({"echoes": (25.0,)}, {"echoes": (16.0,)}),
        ({"echoes": (12.0,)}, {"echoes": (12.0,), "SeriesDescription": "gre_field_mapping"}),
        ({"SeriesDescription": "SWI"}, {"SeriesDescription": "SWI minIP"}),
        ({"SeriesDescription": "SWAN"}, {"SeriesDescription": "FILT_PHA: SWAN", "ImageType": ["DERIVED", "PRIMARY"]}),
    ],
)
@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_the_better_of_two_series_is_chosen(tmp_path, better, worse, order):
    write_series(tmp_path, number=order[0], **better)
    write_series(tmp_path, number=order[1], **worse)
    assert f"DICOM series, {order[0]} " in read_scan(tmp_path).notes[0]


# What is refused


def test_two_equally_suitable_series_are_refused_by_name(tmp_path):
    for number in (1, 2):
        write_series(tmp_path, number=number, SeriesDescription=f"T2* run {number}")
    assert "1 'T2* run 1'" in (said := refused(tmp_path))
    assert "2 'T2* run 2'" in said
    assert "equally suitable" in said
    assert read_scan(tmp_path, "2").frames


def test_a_study_without_a_suitable_series_is_refused_with_the_reasons(tmp_path):
    write_series(tmp_path, number=1, ScanningSequence="SE", SeriesDescription="T2 TSE")
    write_series(tmp_path, number=2, ImageType=PHASE, SeriesDescription="swi phase")
    said = refused(tmp_path)
    assert "1 'T2 TSE' (nothing in its header says T2* or SWI (SE, TE 20 ms))" in said
    assert "2 'swi phase' (phase)" in said


def test_a_series_that_is_not_there_is_told_with_those_that_are(a_study):
    assert "has no DICOM series 9; it has 1 'AAHead_Scout', 2 't1_mprage'" in refused(a_study, "9")


def test_two_series_with_one_number_are_told_apart_by_uid(tmp_path):
    write_series(tmp_path, number=1)
    write_series(tmp_path, number=2, SeriesNumber=1)
    with pytest.raises(InputError) as caught:
        read_scan(tmp_path, "1")
    assert f"{ROOT}.2.1, {ROOT}.2.2" in caught.value.hint


def test_a_series_of_another_patient_is_noticed_and_nobody_is_named(tmp_path):
    write_series(tmp_path, number=1)
    write_series(tmp_path, number=2, PatientID="id-4712", PatientName="Roe^John", SeriesDescription="SWI")
    said = refused(tmp_path)
    assert "2 patients" in said
    assert not any(word in said for word in ("Doe", "Roe", "4711", "4712"))
    assert read_scan(tmp_path, "1").frames


def test_slices_of_another_patient_inside_a_series_are_refused(tmp_path):
    write_series(tmp_path)
    file = pydicom.dcmread(tmp_path / "series1-0-003.dcm")
    file.PatientID = "id-4712"
    file.save_as(tmp_path / "series1-0-003.dcm")
    assert "holds images of 2 patients" in refused(tmp_path)


def test_missing_slices_are_refused(tmp_path):
    write_series(tmp_path, skip=(5,))
    assert "missing or double" in refused(tmp_path)


def test_repeats_are_refused(tmp_path):
    write_series(tmp_path)
    write_series(tmp_path, number=2, SeriesInstanceUID=f"{ROOT}.2.1", SeriesNumber=1)
    assert "2 images at every position" in refused(tmp_path)


def test_slices_of_different_directions_are_refused(tmp_path):
    write_series(tmp_path)
    turned = a_volume()
    turned.SetDirection((0, 0, 1, 1, 0, 0, 0, 1, 0))
    write_series(tmp_path, turned, number=2, SeriesInstanceUID=f"{ROOT}.2.1", SeriesNumber=1)
    assert "different directions" in refused(tmp_path)


def test_a_slanted_stack_is_refused(tmp_path):
    write_series(tmp_path)
    for file in tmp_path.iterdir():
        one = pydicom.dcmread(file)
        one.ImagePositionPatient[1] += 0.4 * one.ImagePositionPatient[2]
        one.save_as(file)
    assert "slanted" in refused(tmp_path)


def test_phase_alone_is_refused(tmp_path):
    write_series(tmp_path, ImageType=PHASE)
    assert "phase images only" in refused(tmp_path)


def test_pixel_data_in_private_elements_only_is_refused(tmp_path):
    write_series(tmp_path)
    for file in tmp_path.iterdir():
        one = pydicom.dcmread(file)
        one.private_block(0x7FE1, "MAKER PIXELS 1", create=True).add_new(1, "OB", one.PixelData)
        del one.PixelData
        one.save_as(file)
    assert "no pixel data but private elements (MAKER PIXELS 1)" in refused(tmp_path)


def test_a_folder_of_reports_is_told_by_what_it_has(tmp_path):
    write_series(tmp_path)
    for file in tmp_path.iterdir():
        one = pydicom.dcmread(file)
        one.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
        del one.Rows
        one.save_as(file)
    assert "12 Comprehensive SR Storage" in refused(tmp_path)


def test_a_series_asked_for_in_a_nifti_file_is_refused(scan_file):
    assert "is not DICOM" in refused(scan_file, "3")


# Compressed


def test_run_length_coded_slices_are_decoded(tmp_path):
    values = write_series(tmp_path)
    for file in tmp_path.iterdir():
        one = pydicom.dcmread(file)
        one.compress(RLELossless)
        one.save_as(file)
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), values)


@pytest.mark.parametrize(
    ("coder", "syntax"), [("JPEG", "1.2.840.10008.1.2.4.70"), ("JPEG2000", "1.2.840.10008.1.2.4.90")]
)
def test_slices_compressed_without_loss_are_decoded(tmp_path, coder, syntax):
    values = write_series(tmp_path)
    for file in tmp_path.iterdir():
        one = pydicom.dcmread(file)
        compressed = tmp_path.parent / "compressed.dcm"
        image = sitk.GetImageFromArray(one.pixel_array[None])
        sitk.WriteImage(image, str(compressed), useCompression=True, compressor=coder)
        coded = pydicom.dcmread(compressed)
        assert coded.file_meta.TransferSyntaxUID == syntax
        one.file_meta.TransferSyntaxUID, one.PixelData = syntax, coded.PixelData
        one["PixelData"].is_undefined_length = True
        one.save_as(file)
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), values)


def test_a_transfer_syntax_that_cannot_be_decoded_is_named(tmp_path):
    write_series(tmp_path)
    for file in tmp_path.iterdir():
        one = pydicom.dcmread(file)
        one.file_meta.TransferSyntaxUID = pydicom.uid.MPEG4HP41
        one.PixelData = pydicom.encaps.encapsulate([b"\0" * 64])
        one["PixelData"].is_undefined_length = True
        one.save_as(file)
    assert "transfer syntax MPEG-4 AVC/H.264 High Profile" in refused(tmp_path)


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    write_series(tmp_path)
    file = tmp_path / "series1-0-003.dcm"
    file.write_bytes(file.read_bytes()[:-200])
    assert "is cut off: series1-0-003.dcm" in refused(tmp_path)


# From the shell


def test_the_shell_takes_a_series_by_its_number(a_study, dark_model, tmp_path, capsys):
    code = cli.main(["detect", str(a_study), "-o", str(tmp_path / "out"), *only(dark_model), "--series", "99"])
    assert code == 2
    assert "has no DICOM series 99" in capsys.readouterr().err.replace("\n", " ")


# A real one


@pytest.mark.skipif(not (DATA / "gre_xa30").is_dir(), reason="platform: the real scan does not lie beside the checkout")
def test_a_real_enhanced_scan_gives_what_dcm2niix_makes_of_it():
    scan = read_scan(DATA / "gre_xa30" / "dicom")
    assert "TE 12.46 ms; others: 10 ms" in scan.notes[0]
    nifti = sitk.ReadImage(str(DATA / "gre_xa30" / "8_gre_field_mapping_e2.nii.gz"))
    same_grid = sitk.Resample(nifti, scan.image, sitk.Transform(), sitk.sitkNearestNeighbor)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(same_grid), voxels(scan))


def test_of_one_series_the_processed_image_is_read_though_a_magnitude_has_a_longer_echo(tmp_path):
    values = write_series(tmp_path / "swi", ImageType=SWI, SeriesDescription="SWI")
    same_series = {"SeriesNumber": 1, "SeriesInstanceUID": f"{ROOT}.2.1", "SeriesDescription": "SWI"}
    write_series(tmp_path / "magnitude", a_volume() + 9, number=2, echoes=(40.0,), **same_series)
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), values)
