"""Raw subjects become the paper's preprocessed form, and the network sees what it sees in use."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from made_up_subjects import COHORT_GRIDS, write_subject
from scipy import ndimage

from CMBSegmentationLib.compare.match import match_centres
from CMBSegmentationLib.detecting.model_grid import prepare
from CMBSegmentationLib.models.input_spec import InputSpec
from CMBSegmentationLib.reading.scan import read_scan
from cmbtraining.data import preprocessed
from cmbtraining.data.dataset import DatasetError, find_subjects, prepare_subject
from cmbtraining.data.preprocessing import Job, preprocess

ALL = ("T2S", "T1", "T2")


def job(folder: Path, name: str, out: Path, spacing: float = 0.5, sequences=ALL) -> Job:
    (subject,) = (s for s in find_subjects(folder) if s.name == name)
    return Job(subject, sequences, (spacing,) * 3, out)


def pixels(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    write_subject(folder, "sub-101")
    write_subject(folder, "sub-201", lesions=3, mask_as="fractional")
    write_subject(folder, "sub-301", lesions=1, mask_as="inverted")
    return folder


@pytest.fixture(scope="module")
def rows(raw, tmp_path_factory):
    out = tmp_path_factory.mktemp("preprocessed")
    return {name: preprocess(job(raw, name, out)) for name in ("sub-101", "sub-201", "sub-301")}, out


def test_every_cohort_comes_out_on_the_same_kind_of_grid(rows):
    report, out = rows
    for name, row in report.items():
        assert row.error == ""
        images = sitk.ReadImage(str(preprocessed.at(out, name).images))
        assert images.GetDimension() == 4
        assert images.GetSize()[3] == 3
        assert images.GetSpacing()[:3] == (0.5, 0.5, 0.5)
        assert row.orientation_out == "LAS"
        assert row.size_in == "x".join(str(n) for n in COHORT_GRIDS[name[4]][0])


def test_the_report_tells_what_was_repaired_and_how_many_lesions_came_through(rows):
    report, _ = rows
    assert [row.mask_repairs for row in report.values()] == ["", "fractional", "inverted"]
    assert [row.lesions_in for row in report.values()] == [2, 3, 1]
    assert [row.lesions_out for row in report.values()] == [2, 3, 1]
    assert [row.lesion_voxels_cut for row in report.values()] == [0, 0, 0]


def lesion_centres(mask: sitk.Image) -> np.ndarray:
    labels, count = ndimage.label(pixels(mask), np.ones((3, 3, 3)))
    indices = ndimage.center_of_mass(labels > 0, labels, range(1, count + 1))
    return np.array([mask.TransformContinuousIndexToPhysicalPoint(index[::-1]) for index in indices])


def test_lesions_stay_where_they_are_in_the_patient(rows, raw):
    _, out = rows
    for name in ("sub-101", "sub-201"):
        before = lesion_centres(sitk.ReadImage(str(raw / name / f"{name}_space-T2S_CMB.nii.gz")) > 0.5)
        after = lesion_centres(sitk.ReadImage(str(preprocessed.at(out, name).lesions)))
        pairs = match_centres(after, before, within_mm=0.3)
        assert len(pairs) == len(before) == len(after)


def test_the_mask_lies_on_what_is_dark(rows):
    _, out = rows
    for name in ("sub-101", "sub-201", "sub-301"):
        form = preprocessed.at(out, name)
        image, lesions = preprocessed.read_sequence(form, "T2S"), sitk.ReadImage(str(form.lesions))
        assert np.median(pixels(image)[pixels(lesions) > 0]) < 300  # brain is 400, the lesion 60 before interpolation


def test_channels_are_the_sequences_in_their_order(rows):
    _, out = rows
    form = preprocessed.at(out, "sub-301")
    middles = [
        np.median(pixels(preprocessed.read_sequence(form, s))[pixels(sitk.ReadImage(str(form.brain))) > 0]) for s in ALL
    ]
    np.testing.assert_allclose(middles, (400, 500, 600), rtol=0.05)
    with pytest.raises(KeyError):
        preprocessed.read_sequence(form, "SWI")


@pytest.mark.parametrize("name", ["sub-101", "sub-201", "sub-301"])
def test_the_network_sees_a_preprocessed_subject_as_it_sees_the_raw_scan_in_use(rows, raw, tmp_path, name):
    _, out = rows
    spec = InputSpec("LAS", (0.5, 0.5, 0.5), "zscore-brain")
    (subject,) = (s for s in find_subjects(out) if s.name == name)
    ours = prepare_subject(subject, spec, tmp_path).voxels.astype(np.float32)
    used = prepare(read_scan(raw / name / f"{name}_space-T2S_desc-masked_T2S.nii.gz").image, spec).voxels
    # the crop's margin is a whole number of voxels on either grid: boxes may differ at their faces
    best = min(
        np.abs(ours[inner] - shifted[inner]).max()
        for offset in np.ndindex(*(abs(a - b) + 1 for a, b in zip(ours.shape, used.shape, strict=True)))
        for shifted in [_placed(used, ours.shape, offset)]
        for inner in [(slice(4, -4),) * 3]
    )
    assert best < 0.02  # of a standard deviation; float16 in the cache rounds by 0.002 at 4


def _placed(values: np.ndarray, shape: tuple[int, ...], offset: tuple[int, ...]) -> np.ndarray:
    """Cut or edge-pad an array to a shape, `offset` voxels from its start (or before it)."""
    cut = [slice(o if n > m else 0, None) for n, m, o in zip(values.shape, shape, offset, strict=True)]
    values = values[tuple(cut)]
    pads = [(o if n < m else 0, max(0, m - n)) for n, m, o in zip(values.shape, shape, offset, strict=True)]
    return np.pad(values, pads, mode="edge")[tuple(slice(0, m) for m in shape)]


def test_a_lesion_outside_the_brain_is_not_cut(raw, tmp_path):
    folder = write_subject(tmp_path / "raw", "sub-302", lesions=1)
    path = folder / "sub-302_space-T2S_CMB.nii.gz"
    mask = sitk.ReadImage(str(path))
    mask[1, 1, 1] = mask[38, 38, 10] = 1
    sitk.WriteImage(mask, str(path))
    row = preprocess(job(tmp_path / "raw", "sub-302", tmp_path / "out"))
    assert (row.error, row.lesions_in, row.lesions_out, row.lesion_voxels_cut) == ("", 3, 3, 0)
    for folder in (tmp_path / "raw", tmp_path / "out"):
        (subject,) = find_subjects(folder)
        spec = InputSpec("LAS", (0.5, 0.5, 0.5), "zscore")
        assert len(prepare_subject(subject, spec, tmp_path / folder.name / "cache").lesion_centres) == 3


def test_numbers_that_are_none_become_background(tmp_path):
    path = write_subject(tmp_path / "raw", "sub-303") / "sub-303_space-T2S_desc-masked_T2S.nii.gz"
    image = sitk.ReadImage(str(path))
    image[:, :, 0] = float("nan")
    sitk.WriteImage(image, str(path))
    row = preprocess(job(tmp_path / "raw", "sub-303", tmp_path / "out"))
    assert row.nan_share == pytest.approx(1 / 12, abs=1e-5)
    assert np.isfinite(pixels(sitk.ReadImage(str(preprocessed.at(tmp_path / "out", "sub-303").images)))).all()


def test_a_sequence_on_another_grid_of_the_same_space_is_resampled(tmp_path):
    path = write_subject(tmp_path / "raw", "sub-304") / "sub-304_space-T2S_desc-masked_T1.nii.gz"
    coarse = sitk.BinShrink(sitk.ReadImage(str(path)), [2, 2, 1])
    sitk.WriteImage(coarse, str(path))
    assert preprocess(job(tmp_path / "raw", "sub-304", tmp_path / "out")).error == ""
    t1, t2 = (preprocessed.read_sequence(preprocessed.at(tmp_path / "out", "sub-304"), s) for s in ("T1", "T2"))
    inside = ndimage.binary_erosion(pixels(t2) > 500, iterations=6)
    assert inside.any()
    np.testing.assert_allclose(pixels(t1)[inside], 500, atol=60)  # noise has a deviation of 8


def moved(path: Path) -> None:
    image = sitk.ReadImage(str(path))
    image.SetOrigin((500.0, 0.0, 0.0))
    sitk.WriteImage(image, str(path))


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("CMB", moved, "the mask is on another grid"),
        ("desc-masked_T1", moved, "T1 shows only 0% of the T2S scan's brain"),
        ("desc-masked_T1", Path.unlink, "has no T1"),
        ("desc-masked_T2S", lambda path: path.write_bytes(b"no image"), "not a gzip file"),
        ("CMB", lambda path: path.write_bytes(b"no image"), "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_subject_is_told_in_its_row(tmp_path, file, change, message):
    folder = write_subject(tmp_path / "raw", "sub-305")
    change(folder / f"sub-305_space-T2S_{file}.nii.gz")
    row = preprocess(job(tmp_path / "raw", "sub-305", tmp_path / "out"))
    assert message in row.error
    assert not list((tmp_path / "out").glob("*"))


def test_a_full_disk_leaves_no_half_subject(raw, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sitk, "WriteImage", full)
    row = preprocess(job(raw, "sub-301", tmp_path / "out"))
    assert "No space left" in row.error
    assert not list((tmp_path / "out").glob("*"))


def test_finished_subjects_are_left_alone_unless_the_settings_change(rows, raw):
    report, out = rows
    form = preprocessed.at(out, "sub-301")
    before = form.images.stat().st_mtime_ns
    assert preprocess(job(raw, "sub-301", out)) == report["sub-301"]
    assert form.images.stat().st_mtime_ns == before
    assert preprocess(job(raw, "sub-301", out, sequences=("T2S",))).error == ""
    assert form.images.stat().st_mtime_ns > before
    preprocess(job(raw, "sub-301", out))


def test_another_voxel_size_than_the_configurations_is_refused(rows, tmp_path):
    _, out = rows
    subject = find_subjects(out)[0]
    with pytest.raises(DatasetError, match=r"preprocessed at \[0.5, 0.5, 0.5\] mm, the configuration wants \[1.0"):
        prepare_subject(subject, InputSpec("LAS", (1.0, 1.0, 1.0), "zscore"), tmp_path)


def test_a_preprocessed_subject_that_lacks_a_file_is_named(rows, tmp_path):
    _, out = rows
    (tmp_path / "sub-101").mkdir()
    images = preprocessed.at(out, "sub-101").images
    (tmp_path / "sub-101" / images.name).symlink_to(images)
    with pytest.raises(DatasetError, match=r"sub-101 lacks .*CMB.*brain"):
        find_subjects(tmp_path)
