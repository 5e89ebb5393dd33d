"""The phase of a scan is found where it is, and what does not fit is said."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_series import PHASE, a_volume, write_enhanced, write_series

from CMBSegmentationLib.errors import InputError, MachineError
from CMBSegmentationLib.reading.phase.files import write_phase
from CMBSegmentationLib.reading.phase.image import PhaseImage
from CMBSegmentationLib.reading.phase.pairing import read_phases
from CMBSegmentationLib.reading.scan import read_scan

SWI = {"SeriesDescription": "SWI", "ImageType": ["ORIGINAL", "PRIMARY", "M", "SWI"]}


def phase_values(seed: int = 9) -> sitk.Image:
    image = sitk.GetImageFromArray(np.random.default_rng(seed).integers(0, 4096, (12, 24, 22)).astype(np.uint16))
    image.CopyInformation(a_volume())
    return image


def paired(path: Path, asked: Path | None = None):
    return read_phases(read_scan(path), [] if asked is None else [asked])


def values_of(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


# DICOM


def siemens(folder: Path, **other) -> np.ndarray:
    about = {"RescaleSlope": "2", "RescaleIntercept": "-4096", "Manufacturer": "SIEMENS"}
    described = {"SeriesDescription": "Pha_Images", "ImageType": PHASE, **about, **other}
    return 2.0 * write_series(folder, phase_values(), number=3, **described) - 4096


def test_a_study_gives_the_phase_of_its_swi(tmp_path):
    write_series(tmp_path, number=2, SeriesDescription="Mag_Images")
    stored = siemens(tmp_path)
    write_series(tmp_path, number=4, SeriesDescription="mIP_Images(SW)", ImageType=["DERIVED", "PRIMARY", "M", "MNIP"])
    write_series(tmp_path, number=5, **SWI)
    (phase,), notes = paired(tmp_path)
    np.testing.assert_array_equal(values_of(phase.image), stored)
    assert (phase.te_ms, phase.manufacturer) == (20.0, "SIEMENS")
    assert notes == ("Phase was taken from series 3 'Pha_Images': same study, slices and echo (TE 20 ms).",)


def test_real_and_imaginary_make_phase(tmp_path):
    rng = np.random.default_rng(2)
    parts = {}
    for number, letter in ((3, "R"), (4, "I")):
        image = sitk.GetImageFromArray(rng.integers(0, 4096, (12, 24, 22)).astype(np.uint16))
        image.CopyInformation(a_volume())
        about = {"ImageType": ["ORIGINAL", "PRIMARY", letter, "ND"], "RescaleSlope": "1", "RescaleIntercept": "-2048"}
        parts[letter] = write_series(tmp_path, image, number=number, **about).astype(float) - 2048
    write_series(tmp_path, number=5, **SWI)
    (phase,), notes = paired(tmp_path)
    np.testing.assert_allclose(values_of(phase.image), np.arctan2(parts["I"], parts["R"]), atol=1e-5)
    assert "real and imaginary" in notes[0]


def test_a_real_part_that_is_nowhere_negative_has_its_sign_all_the_same(tmp_path):
    rng = np.random.default_rng(3)
    for number, letter, lowest in ((3, "R", 0), (4, "I", -900)):
        image = sitk.GetImageFromArray(rng.integers(0, 900 - lowest, (12, 24, 22)).astype(np.uint16))
        image.CopyInformation(a_volume())
        about = {"ImageType": ["ORIGINAL", "PRIMARY", letter, "ND"], "RescaleSlope": "1"}
        write_series(tmp_path, image, number=number, RescaleIntercept=str(lowest), **about)
    write_series(tmp_path, number=5, **SWI)
    (phase,), _ = paired(tmp_path)
    assert np.abs(values_of(phase.image)).max() <= np.pi / 2


def test_every_echo_is_used_the_searched_one_last(tmp_path):
    write_series(tmp_path, number=1, echoes=(5.0, 12.0, 20.0), SeriesDescription="T2* GRE")
    write_series(tmp_path, phase_values(), number=3, echoes=(5.0, 12.0, 20.0), ImageType=PHASE)
    phases, notes = paired(tmp_path)
    assert [phase.te_ms for phase in phases] == [5.0, 12.0, 20.0]
    assert "echoes at 5, 12 ms are used, too" in notes[0]


def test_phase_of_another_echo_is_used_and_that_is_said(tmp_path):
    write_series(tmp_path, number=1, **SWI)
    write_series(tmp_path, phase_values(), number=3, echoes=(9.4,), ImageType=PHASE)
    (phase,), notes = paired(tmp_path)
    assert phase.te_ms == 9.4
    assert "another echo (TE 9.4 ms, the scan's 20 ms)" in notes[0]


def test_of_repeated_phase_the_one_beside_the_scan_is_taken(tmp_path):
    write_series(tmp_path, phase_values(1), number=2, ImageType=PHASE)
    write_series(tmp_path, phase_values(2), number=7, ImageType=PHASE)
    write_series(tmp_path, number=9, **SWI)
    write_series(tmp_path, phase_values(3), number=11, ImageType=PHASE)
    (phase,), notes = paired(tmp_path)
    np.testing.assert_array_equal(values_of(phase.image), values_of(phase_values(2)))
    assert sum("is nearer to the scan" in note for note in notes) == 2


def test_of_repeated_phase_the_one_of_the_scans_own_time_is_taken(tmp_path):
    write_series(tmp_path, phase_values(1), number=2, ImageType=PHASE, AcquisitionTime="101500")
    write_series(tmp_path, phase_values(2), number=8, ImageType=PHASE, AcquisitionTime="102000")
    write_series(tmp_path, number=9, AcquisitionTime="101500", **SWI)
    (phase,), _ = paired(tmp_path)
    np.testing.assert_array_equal(values_of(phase.image), values_of(phase_values(1)))


def test_phase_without_one_slice_is_not_used(tmp_path):
    write_series(tmp_path, number=1, **SWI)
    write_series(tmp_path, phase_values(), number=3, skip=(4,), ImageType=PHASE)
    phases, notes = paired(tmp_path)
    assert phases == ()
    assert "1 of the scan's 12 slices are missing in it" in notes[0]


def test_phase_of_another_place_or_study_is_not_used(tmp_path):
    write_series(tmp_path / "a", number=1, **SWI)
    moved = phase_values()
    moved.SetOrigin((-20.0, -30.0, 50.0))
    write_series(tmp_path / "a", moved, number=3, ImageType=PHASE)
    phases, notes = paired(tmp_path / "a")
    assert phases == ()
    assert "its slices lie elsewhere than the scan's" in notes[0]
    write_series(tmp_path / "b", number=1, **SWI)
    write_series(tmp_path / "b", phase_values(), number=3, study="1.2.3", ImageType=PHASE)
    assert paired(tmp_path / "b") == ((), ())


def test_an_enhanced_object_gives_its_own_phase(tmp_path):
    path = tmp_path / "both.dcm"
    values = write_enhanced(path, echoes=(5.0, 20.0), kinds=("MAGNITUDE", "PHASE"))
    phases, _ = paired(path)
    assert [phase.te_ms for phase in phases] == [5.0, 20.0]
    np.testing.assert_array_equal(values_of(phases[-1].image), 4095 - values)


def test_a_study_without_phase_has_none_and_says_nothing(tmp_path):
    write_series(tmp_path, number=1, **SWI)
    assert paired(tmp_path) == ((), ())


# Files


def saved(path: Path, image: sitk.Image, **sidecar) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))
    if sidecar:
        path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(sidecar))
    return path


@pytest.mark.parametrize(
    ("scan", "phase"),
    [
        ("sub-01_part-mag_T2starw", "sub-01_part-phase_T2starw"),
        ("sub-01_ses-2_swi", "sub-01_ses-2_part-phase_GRE"),
        ("sub-01_swi", "sub-01_part-phase_T2starw"),  # of which it was made
        ("sub-01_echo-2_part-mag_MEGRE", "sub-01_echo-2_part-phase_MEGRE"),
        ("scan_mag", "scan_phase"),
        ("head_e2", "head_e2_ph"),
    ],
)
def test_a_files_phase_is_found_by_name(scan, phase, tmp_path):
    path = saved(tmp_path / f"{scan}.nii.gz", a_volume())
    saved(tmp_path / f"{phase}.nii.gz", phase_values(), EchoTime=0.02, Manufacturer="GE")
    saved(tmp_path / "sub-02_part-phase_T2starw.nii.gz", phase_values(1))
    saved(tmp_path / "sub-01_acq-other_part-phase_T2starw.nii.gz", phase_values(2))
    (found,), notes = paired(path)
    np.testing.assert_array_equal(values_of(found.image), values_of(phase_values()))
    assert (found.te_ms, found.manufacturer) == (20.0, "GE")
    assert f"Phase was taken from {phase}.nii.gz" in notes[0]


def test_a_phase_that_cannot_be_written_for_the_search_says_so(tmp_path):
    with pytest.raises(MachineError, match="The phase could not be written"):
        write_phase(PhaseImage(phase_values(), "phase"), (), tmp_path / "no folder" / "phase.nrrd")


def test_a_files_phase_is_found_by_its_sidecar(tmp_path):
    path = saved(tmp_path / "7_gre.nii.gz", a_volume(), ImageType=["ORIGINAL", "M"], EchoTime=0.02, ProtocolName="gre")
    saved(tmp_path / "8_gre.nii.gz", phase_values(), ImageType=["ORIGINAL", "P"], EchoTime=0.02, ProtocolName="gre")
    saved(tmp_path / "9_b0.nii.gz", phase_values(1), ImageType=["ORIGINAL", "P"], EchoTime=0.005, ProtocolName="b0")
    (found,), notes = paired(path)
    assert found.name == "8_gre.nii.gz"
    assert "its sidecar" in notes[0]


@pytest.mark.parametrize("own", [{"SeriesNumber": 12}, {"AcquisitionTime": "10:15:00.0"}])
def test_of_repeats_with_sidecars_the_scans_own_is_taken(own, tmp_path):
    about = {"EchoTime": 0.02, "ProtocolName": "gre"}
    path = saved(tmp_path / "12_gre.nii.gz", a_volume(), ImageType=["ORIGINAL", "M"], **about, **own)
    times = ("10:20:00.0", "10:15:00.0")
    for number, (series, when) in enumerate(zip((3, 13), times, strict=True), 1):
        kind = {"ImageType": ["ORIGINAL", "P"], "SeriesNumber": series, "AcquisitionTime": when}
        saved(tmp_path / f"{series}_gre.nii.gz", phase_values(number), **about, **kind)
    (found,), notes = paired(path)
    assert found.name == "13_gre.nii.gz"
    assert any("3_gre.nii.gz was not used: 13_gre.nii.gz is nearer" in note for note in notes)


def test_repeats_that_cannot_be_told_apart_are_not_used(tmp_path):
    about = {"EchoTime": 0.02, "ProtocolName": "gre"}
    path = saved(tmp_path / "a.nii.gz", a_volume(), ImageType=["ORIGINAL", "M"], **about)
    for name in ("b", "c"):
        saved(tmp_path / f"{name}.nii.gz", phase_values(), ImageType=["ORIGINAL", "P"], **about)
    phases, notes = paired(path)
    assert phases == ()
    assert "b.nii.gz and c.nii.gz fit the scan equally well" in notes[0]


def test_phase_that_is_no_number_outside_the_brain_is_cleaned(tmp_path):
    path = saved(tmp_path / "a_mag.nii.gz", a_volume())
    radians = values_of(phase_values()).astype(np.float32) * (2 * np.pi / 4096) - np.pi
    radians[:, :3] = np.nan
    image = sitk.GetImageFromArray(radians)
    image.CopyInformation(a_volume())
    saved(tmp_path / "a_phase.nii.gz", image)
    (found,), _ = paired(path)
    assert np.isfinite(values_of(found.image)).all()


def test_phase_in_another_order_of_axes_is_turned(tmp_path):
    path = saved(tmp_path / "a_mag.nii.gz", a_volume())
    saved(tmp_path / "a_phase.nii.gz", sitk.DICOMOrient(phase_values(), "RSA"))
    (found,), _ = paired(path)
    np.testing.assert_array_equal(values_of(found.image), values_of(phase_values()))


def test_phase_of_another_grid_is_noted_where_found_and_refused_where_asked_for(tmp_path):
    path = saved(tmp_path / "a_mag.nii.gz", a_volume())
    other = phase_values()
    other.SetSpacing((2.4, 2.0, 3.0))
    given = saved(tmp_path / "a_phase.nii.gz", other)
    phases, notes = paired(path)
    assert phases == ()
    assert "was not used" in notes[0]
    assert "another grid" in notes[0]
    with pytest.raises(InputError, match="another grid"):
        paired(path, given)


def test_phase_that_is_asked_for_is_taken(tmp_path):
    path = saved(tmp_path / "scan.nii.gz", a_volume())
    given = saved(tmp_path / "other" / "thing.nii.gz", phase_values())
    (found,), notes = paired(path, given)
    assert found.asked
    assert notes == ("Phase was taken from thing.nii.gz, as asked.",)
    siemens(tmp_path / "dicom")
    (found,), _ = paired(path, tmp_path / "dicom")
    assert found.manufacturer == "SIEMENS"
    write_series(tmp_path / "magnitude")
    with pytest.raises(InputError, match="no DICOM phase image"):
        paired(path, tmp_path / "magnitude")


def test_phase_that_was_paired_before_is_called_as_it_was_then(tmp_path):
    write_series(tmp_path / "study", number=2, SeriesDescription="Mag_Images")
    siemens(tmp_path / "study")
    (phase,), notes = paired(tmp_path / "study")
    scan, given = saved(tmp_path / "scan.nii.gz", a_volume()), tmp_path / "phase_1.nrrd"
    write_phase(phase, notes, given)
    (again,), said = paired(scan, given)
    assert said == notes
    assert (again.name, again.asked, again.te_ms, again.manufacturer) == (
        "series 3 'Pha_Images'", False, 20.0, "SIEMENS",
    )  # fmt: skip
    np.testing.assert_array_equal(values_of(again.image), values_of(phase.image))
