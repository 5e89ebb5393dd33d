"""Regions and verifier: what a lesion's row says of them, and what happens where they do not fit."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from dark_spots import OBLIQUE, write_dark_voxel_model
from made_up_stages import write_regions_model, write_verifier

from CMBSegmentationLib.detecting.candidates.hills import Hill
from CMBSegmentationLib.detecting.candidates.listing import Score, measured
from CMBSegmentationLib.detecting.candidates.masks import Mask
from CMBSegmentationLib.detecting.candidates.measuring import Measuring
from CMBSegmentationLib.detecting.detect import detect
from CMBSegmentationLib.detecting.region_input import SIDE_MULTIPLE, region_input
from CMBSegmentationLib.detecting.regions import find_regions, on_grid_of, region_name, side_of
from CMBSegmentationLib.detecting.tissue_shares import UNKNOWN
from CMBSegmentationLib.detecting.verifier import crop
from CMBSegmentationLib.errors import InputError, ModelError
from CMBSegmentationLib.models.input_spec import CHANNELS, CROP
from CMBSegmentationLib.models.loaded_models import StageChoice, load_stages
from CMBSegmentationLib.models.model_file import load_model
from CMBSegmentationLib.results.read_back import read_result_folder
from CMBSegmentationLib.running.write import write_results
from CMBSegmentationLib.vocabulary.reasons import Reason, Rule
from CMBSegmentationLib.vocabulary.regions import REGIONS

RADIUS_MM = 52.0
LOBE, CORE = "frontal", "thalamus"
SPOTS_MM = {"left": (-30.0, 5.0, 3.0), "right": (30.0, -9.0, 8.0), "deep": (8.0, 0.0, 2.0)}


def head(spacing=(1.0, 1.0, 2.0), direction=OBLIQUE):
    """A ball of lobe around a darker core, with three dark spots; the scan and the spots' RAS positions."""
    size = [round(124 / s) for s in spacing]
    image = sitk.Image(size, sitk.sitkFloat32)
    image.SetSpacing(spacing)
    image.SetDirection(direction)
    image.SetOrigin((-40.0, 30.0, 5.0))
    centre = np.array(image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in size]))
    z, y, x = np.indices(size[::-1])
    points = (np.stack([x, y, z], -1) * spacing) @ np.array(direction).reshape(3, 3).T + image.GetOrigin()
    away = np.linalg.norm(points - centre, axis=-1)
    values = np.where(away < RADIUS_MM, 1000.0, 0.0)
    values[away < 16] = 700.0
    axes = np.diag([-1.0, -1.0, 1.0]) @ np.array(direction).reshape(3, 3)  # the head lies as the scan does
    to_right = axes[:, 0] * np.sign(axes[0, 0])
    ahead, up = axes[:, 1] * np.sign(axes[1, 1]), axes[:, 2] * np.sign(axes[2, 2])
    spots = {}
    for name, (r, a, s) in SPOTS_MM.items():
        spots[name] = np.array([-1, -1, 1]) * centre + r * to_right + a * ahead + s * up
        values[np.linalg.norm(points - spots[name] * [-1, -1, 1], axis=-1) <= 2.6] = 60.0
    values += np.random.default_rng(3).normal(0, 8, values.shape)
    filled = sitk.GetImageFromArray(values.astype(np.float32))
    filled.CopyInformation(image)
    return filled, spots


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    scan, _ = head()
    given = region_input(scan, "RAS", (2.0, 2.0, 2.0)).voxels
    middle = [n // 2 for n in given.shape]
    levels = {
        "background": float(given.min()),
        LOBE: float(np.percentile(given, 90)),
        CORE: float(given[tuple(middle)]),
    }
    detector = load_model(write_dark_voxel_model(folder / "detector.onnx"), "cpu")
    return {
        "folder": folder,
        "detector": detector,
        "regions": load_model(write_regions_model(folder / "regions.onnx", levels), "cpu", "regions"),
        "verifier": load_model(write_verifier(folder / "verifier.onnx", detector.sha256, -0.5), "cpu", "verify"),
    }


@pytest.fixture(scope="module")
def a_head():
    """`head` as it is by default. Not to be changed."""
    return head()


@pytest.fixture(scope="module")
def mapped(models, a_head):
    """What the detector finds in `a_head`, with its regions."""
    return detect(a_head[0], model=models["detector"], regions=models["regions"])


def nearest(lesions, position):
    return min(lesions, key=lambda one: np.linalg.norm(np.array([one.r_mm, one.a_mm, one.s_mm]) - position))


def each_has_its_region_and_side(found, spots):
    for name, (region, side) in {"left": (LOBE, "left"), "right": (LOBE, "right"), "deep": (CORE, "right")}.items():
        lesion = nearest(found.listed, spots[name])
        assert (lesion.region, lesion.side) == (region, side)
    again = found.rethresholded(0.6)
    assert nearest(again.listed, spots["left"]).region == LOBE


def test_every_lesion_gets_its_region_and_side(mapped, a_head):
    each_has_its_region_and_side(mapped, a_head[1])


def test_every_lesion_gets_its_region_and_side_whatever_the_voxels(models):
    scan, spots = head((0.8, 1.3, 1.6))
    each_has_its_region_and_side(detect(scan, model=models["detector"], regions=models["regions"]), spots)


def test_the_map_ends_where_the_tissue_ends(models, a_head):
    scan, _ = a_head
    values = sitk.GetArrayFromImage(scan)
    values[:, : values.shape[1] // 2] = 0  # no tissue in one half: the brain ends there
    cut = sitk.GetImageFromArray(values)
    cut.CopyInformation(scan)
    mapped = find_regions(cut, models["regions"])
    assert mapped is not None
    tissue = sitk.GetArrayViewFromImage(mapped.tissue)
    assert set(np.unique(tissue)) == {0, 2 + REGIONS.index(LOBE), 2 + REGIONS.index(CORE)}
    assert not tissue[:, : values.shape[1] // 2 - 8].any()


@pytest.mark.parametrize("axes", ["LPS", "RAS", "SAL"])
def test_the_rounding_of_a_scans_geometry_does_not_move_the_map(axes):
    classes = sitk.GetImageFromArray(np.arange(96 * 4 * 4, dtype=np.uint16).reshape(96, 4, 4))
    classes.SetSpacing((1.5, 1.5, 1.5))
    classes = sitk.DICOMOrient(classes, axes)
    maps = []
    for moved_mm in (-1e-6, 0.0, 1e-6):
        scan = sitk.Image(4, 4, 35, sitk.sitkUInt8)
        scan.SetSpacing((1.5, 1.5, 4.0 + moved_mm / 35))
        scan.SetOrigin((0.0, 0.0, 1.25 + moved_mm))  # every third slice is half-way between two of the map
        maps.append(sitk.GetArrayFromImage(on_grid_of(scan, classes)))
    np.testing.assert_array_equal(maps[0], maps[1])
    np.testing.assert_array_equal(maps[0], maps[2])


def test_a_hole_like_a_microbleed_is_tissue_a_larger_one_is_not_and_the_border_has_a_margin(models):
    scan, _ = head((1.0, 1.0, 1.0), np.eye(3).ravel())
    values = sitk.GetArrayFromImage(scan)
    middle = (np.array(values.shape) - 1) / 2
    places = {"microbleed": (middle + (0, 0, 32), 4.5), "ventricle": (middle - (0, 0, 32), 9.0)}
    away = np.stack(np.indices(values.shape), -1)
    for centre, radius in places.values():
        values[np.linalg.norm(away - centre, axis=-1) <= radius] = 0
    holed = sitk.GetImageFromArray(values)
    holed.CopyInformation(scan)
    tissue = sitk.GetArrayFromImage(find_regions(holed, models["regions"]).tissue)  # a copy: nobody keeps the image
    seen = {name: bool(tissue[tuple(np.rint(centre).astype(int))]) for name, (centre, _) in places.items()}
    assert seen == {"microbleed": True, "ventricle": False}
    from_middle = np.linalg.norm(away - middle, axis=-1)
    assert (tissue[np.abs(from_middle - RADIUS_MM - 1) < 0.5] > 0).mean() > 0.95
    assert (tissue[from_middle > RADIUS_MM + 5] > 0).mean() < 0.01


def test_a_candidate_outside_brain_tissue_says_so_and_the_map_is_kept(mapped, tmp_path):
    tissue = sitk.GetArrayFromImage(mapped.brain)
    tissue[:, : tissue.shape[1] // 2] = 0
    half = sitk.GetImageFromArray(tissue)
    half.CopyInformation(mapped.brain)
    again = [
        (Mask(one.peak, one.voxels), Score(one.lesion.probability, one.lesion.detector))
        for one in mapped.candidates.every
    ]
    candidates = measured(again, Measuring(mapped.image, mapped.probability), half)
    lost = replace(mapped, brain=half, candidates=candidates).rethresholded(mapped.rules.threshold)
    gone = [one for one in lost.lesions if one.reason == Reason(Rule.OUTSIDE_TISSUE)]
    assert len(gone) == len(mapped.listed) - len(lost.listed) > 0

    files = write_results(lost, tmp_path, "sub-1_T2starw", save_probability=True)
    assert files["brain"].name == "sub-1_space-T2starw_desc-regions_dseg.nii.gz"
    names = dict(line.split("\t") for line in files["region_names"].read_text().splitlines()[1:])
    assert {names[str(value)] for value in np.unique(tissue) if value} == {LOBE, CORE}
    again = read_result_folder(tmp_path)
    assert np.array_equal(sitk.GetArrayViewFromImage(again.brain), tissue)


def test_a_scan_without_a_brain_is_searched_as_before(models, a_head):
    scan, _ = a_head
    values = sitk.GetArrayFromImage(scan)
    values[:, :40], values[:, 60:] = 0, 0
    values[:25], values[35:] = 0, 0
    slab = sitk.GetImageFromArray(values)
    slab.CopyInformation(scan)
    assert find_regions(slab, models["regions"]) is None
    found = detect(slab, model=models["detector"], regions=models["regions"])
    assert {one.region for one in found.lesions} == {""}
    assert found.search.regions is not None
    assert found.search.midplane is None


def test_the_midplane_follows_an_oblique_head(models, a_head):
    scan, spots = a_head
    found = find_regions(scan, models["regions"])
    to_right = spots["right"] - spots["left"]
    assert np.dot(found.midplane[:3], to_right) > 0
    assert side_of(tuple(spots["left"]), LOBE, found.midplane) == "left"
    middle = (spots["left"] + spots["right"]) / 2
    assert abs(np.dot(found.midplane[:3], middle) - found.midplane[3]) < 4
    assert side_of(tuple(middle), "brainstem", found.midplane) == "midline"


def test_the_threshold_acts_on_what_the_verifier_says(models, mapped, a_head):
    scan, spots = a_head
    checked = detect(scan, model=models["detector"], verifier=models["verifier"])
    assert len(mapped.listed) == 3
    assert all(lesion.detector == lesion.probability for lesion in mapped.lesions)
    unchecked = {one.peak: one for one in mapped.candidates.every}
    assert len(checked.candidates.every) == len(unchecked) >= 3
    for one in checked.candidates.every:  # same masks, same measures; another score
        other = unchecked[one.peak]
        assert np.array_equal(one.voxels, other.voxels)
        assert (one.lesion.diameter_mm, one.lesion.contrast) == (other.lesion.diameter_mm, other.lesion.contrast)
        assert one.lesion.detector == other.lesion.probability
    for name in SPOTS_MM:
        assert nearest(checked.lesions, spots[name]).probability != nearest(mapped.lesions, spots[name]).probability


def test_a_rejected_candidate_stays_listed_with_what_it_looks_like(models, a_head, tmp_path):
    strict = load_model(write_verifier(tmp_path / "strict.onnx", models["detector"].sha256, 9.0), "cpu", "verify")
    found = detect(a_head[0], model=models["detector"], verifier=strict)
    assert found.listed == []
    assert len(found.lesions) >= 3
    spots = [one for one in found.lesions if one.diameter_mm < 10]
    assert all("the verifier takes it for: vessel" in one.dropped_because for one in spots)
    assert len(found.rethresholded(0.06).lesions) >= 3


def test_a_crop_at_the_border_is_filled_up():
    voxels = np.random.default_rng(0).normal(size=(20, 30, 12)).astype(np.float32)
    at_the_corner = Hill(
        (np.array([0]), np.array([29]), np.array([11])),
        np.array([0.9], np.float32),
        np.array([0.0, 29.0, 11.0]),
        (0, 29, 11),
    )
    cut = crop(voxels, np.zeros_like(voxels), at_the_corner)
    assert cut.shape == (*CROP, len(CHANNELS))
    assert cut[12, 12, 8, 0] == voxels[0, 29, 11]
    assert (cut[..., 3:] == UNKNOWN).all()


def test_the_regions_input_is_padded_for_the_network():
    scan, _ = head((0.5, 0.5, 4.0))
    given = region_input(scan, "RAS", (2.0, 2.0, 2.0))
    assert all(n % SIDE_MULTIPLE == 0 for n in given.voxels.shape)
    image = given.image_of((given.voxels > given.voxels.min() / 2).astype(np.uint8))
    onto = sitk.GetArrayFromImage(sitk.Resample(image, scan, sitk.Transform(), sitk.sitkNearestNeighbor, 0))
    bright = sitk.GetArrayViewFromImage(scan) > 500
    assert (onto > 0)[bright].mean() > 0.9
    assert (onto > 0)[~bright].mean() < 0.05


def test_a_verifier_of_another_detector_is_not_used(models, tmp_path):
    other = write_verifier(tmp_path / "other.onnx", "0" * 64, 0.0)
    with pytest.raises(InputError, match="was made for the detector"):
        load_stages(str(models["detector"].path), "cpu", StageChoice("none", str(other)))
    chosen = load_stages(str(models["detector"].path), "cpu", StageChoice("none", "none"))
    assert chosen.regions is None
    assert chosen.verifier is None


def test_a_model_of_another_task_or_other_regions_is_refused(models, a_head, tmp_path):
    detector = str(models["detector"].path)
    with pytest.raises(ModelError, match="for the task 'detect'"):
        load_stages(detector, "cpu", StageChoice(detector, "none"))
    few = write_regions_model(tmp_path / "few.onnx", {"background": 0.0}, ("background", "brain"))
    with pytest.raises(ModelError, match="other regions apart"):
        find_regions(a_head[0], load_model(few, "cpu", "regions"))


def test_openvino_gives_what_onnx_runtime_gives(models):
    path = models["detector"].path
    fast = load_model(path, "openvino")
    assert fast.device == "openvino"
    patch = np.random.default_rng(1).normal(size=(2, 32, 32, 32, 1)).astype(np.float32)
    np.testing.assert_allclose(fast.logits(patch), models["detector"].logits(patch), atol=1e-4)


def test_each_value_of_the_map_has_the_name_of_its_region():
    assert [region_name(value) for value in range(len(REGIONS) + 2)] == ["", "", *REGIONS]


def test_a_piece_of_something_alike_apart_from_the_brain_is_no_region(models, a_head):
    scan, _ = a_head
    values = sitk.GetArrayFromImage(scan)
    values[2:8, 2:12, 2:12] = 1000
    with_eye = sitk.GetImageFromArray(values)
    with_eye.CopyInformation(scan)
    tissue = sitk.GetArrayFromImage(find_regions(with_eye, models["regions"]).tissue)
    assert not tissue[:10, :15, :15].any()
    assert tissue.any()


def test_the_midplane_follows_a_head_that_is_turned_in_the_scan(models):
    size, spacing = 62, 2.0
    to_right = np.array([1.0, 0.09, -0.09]) / np.linalg.norm([1.0, 0.09, -0.09])
    points = (np.indices((size,) * 3)[::-1].transpose(1, 2, 3, 0) - (size - 1) / 2) * spacing  # R, A, S
    right = points @ to_right
    away = np.sqrt((right / 40) ** 2 + ((points**2).sum(axis=-1) - right**2) / 58**2)
    values = np.where(away < 1, 1000.0, 0.0)
    values[away < 0.3] = 700.0
    values += np.random.default_rng(3).normal(0, 8, values.shape)
    scan = sitk.GetImageFromArray(values.astype(np.float32))
    scan.SetSpacing((spacing,) * 3)
    scan.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    assert find_regions(scan, models["regions"]).midplane[:3] == pytest.approx(to_right, abs=0.03)
