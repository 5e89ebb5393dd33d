"""The simulator's mimics, the regions network's heads and loss, the verifier's examples, the benchmark set."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from made_up_candidates import write_candidates

from CMBSegmentationLib.detecting.candidates.hills import Hill
from CMBSegmentationLib.models.input_spec import CHANNELS, CROP
from CMBSegmentationLib.vocabulary.regions import REGIONS
from cmbtraining.benchmark.sets import SCANS, WITHOUT_LESIONS, benchmark_scans
from cmbtraining.config.sections import Training
from cmbtraining.data.candidates import KINDS, kind_of
from cmbtraining.data.dataset import DatasetError
from cmbtraining.export.calibration import calibration, fold
from cmbtraining.networks.verifier import (
    PROBABILITY,
    CandidateBatches,
    DetectorLogOdds,
    Examples,
    build_verifier,
    read_examples,
)
from cmbtraining.regions.atlas import CLASSES, region_map
from cmbtraining.regions.dataset import RegionBatches, patch_of
from cmbtraining.regions.loss import RegionLoss
from cmbtraining.regions.network import build_regions_network
from cmbtraining.regions.scans import ALL_PARTS, BACKGROUND, FLUID, REGION, RegionSample, draw_sample
from cmbtraining.synthesis import acquisition
from cmbtraining.synthesis.anatomy import Anatomy
from cmbtraining.synthesis.mimics import CALCIFICATION, CAVERNOMA, draw_mimics, with_lacunes

N = 96


def ball_labels():
    """A head of nested balls with basal ganglia in the middle and a cerebellum and brainstem below."""
    at = np.arange(N) - N // 2
    z, y, x = np.meshgrid(at, at, at, indexing="ij")
    r = np.sqrt(x**2 + y**2 + z**2)
    labels = np.zeros((N, N, N), np.int16)
    for radius, label in ((46, 515), (42, 24), (38, 3), (32, 2), (14, 12), (9, 10), (5, 4)):
        labels[r <= radius] = label
    labels[(z < -18) & (r < 36) & (y > 4)] = 8
    labels[(z < -18) & (r < 36) & (y <= 4) & (np.abs(x) < 8)] = 16
    return labels


def image_of(values):
    return sitk.GetImageFromArray(values)


@pytest.fixture(scope="module")
def labels():
    return image_of(ball_labels())


@pytest.fixture(scope="module")
def classes(labels):
    values = sitk.GetArrayViewFromImage(labels)
    named = np.zeros(values.shape, np.uint8)
    for label, value in {24: 1, 4: 1, 3: 10, 2: 9, 12: 4, 10: 5, 8: 3, 16: 2}.items():
        named[values == label] = value
    return image_of(named)


def test_calcium_is_diamagnetic_and_old_blood_is_not():
    anatomy = Anatomy(ball_labels(), np.zeros(3))
    drawn = [one for seed in range(30) for one in draw_mimics(anatomy, np.random.default_rng(seed))]
    assert {one.kind for one in drawn} == {CALCIFICATION, CAVERNOMA}
    assert all((one.body.ppm < 0) == (one.kind == CALCIFICATION) for one in drawn)


def test_lacunes_are_holes_filled_with_fluid():
    anatomy = Anatomy(ball_labels(), np.zeros(3))
    drawn = (with_lacunes(anatomy, np.random.default_rng(seed)) for seed in range(20))
    with_holes, holes = next((one, holes) for one, holes in drawn if holes.any())
    assert (anatomy.labels[holes] != 24).all()
    assert (with_holes.labels[holes] == 24).all()
    np.testing.assert_array_equal(with_holes.labels[~holes], anatomy.labels[~holes])


def test_artefacts_change_the_picture_and_keep_its_size():
    signal = np.zeros((2, 64, 64), np.complex64)
    signal[:, 20:44, 20:44] = 1
    spoilt = [acquisition.spoil(signal, np.random.default_rng(seed)) for seed in range(12)]
    assert all(one.shape == signal.shape for one in spoilt)
    changed = [one for one in spoilt if not np.allclose(one, signal)]
    assert 4 <= len(changed) < 12


def test_the_atlas_is_brought_onto_a_label_map(labels, classes):
    values = sitk.GetArrayViewFromImage(classes)
    atlas = np.where(values >= 2, values - 1, 0).astype(np.uint8)
    moved = sitk.Resample(image_of(atlas), sitk.TranslationTransform(3, (8.0, -6.0, 4.0)), sitk.sitkNearestNeighbor)
    found = sitk.GetArrayFromImage(region_map(labels, moved))
    assert set(np.unique(found)) <= set(range(len(CLASSES)))
    for region in ("brainstem", "cerebellum", "basal ganglia", "thalamus"):
        value = 2 + REGIONS.index(region)
        np.testing.assert_array_equal(found == value, values == value)
    same = (found == values)[values >= 2]
    assert same.mean() > 0.97  # 0.85 where the atlas is left where it is


def test_a_drawn_head_fits_its_regions(labels, classes):
    samples = [draw_sample(labels, classes, np.random.default_rng(seed)) for seed in range(3)]
    for sample in samples:
        assert sample.voxels.shape == sample.classes.shape
        assert np.isfinite(sample.voxels).all()
        assert (sample.classes >= 2).mean() > 0.05
    again = draw_sample(labels, classes, np.random.default_rng(0))
    np.testing.assert_array_equal(again.voxels, samples[0].voxels)


def test_a_heads_parts_are_counted_and_its_image_is_darker_where_they_are_mixed(labels, classes):
    sample = draw_sample(labels, classes, np.random.default_rng(1))
    region, fluid, background = (sample.truth[..., k].astype(int) for k in (REGION, FLUID, BACKGROUND))
    assert (fluid + background).max() <= ALL_PARTS
    assert ((region > 0) == (fluid + background < ALL_PARTS)).all()
    mixed = (fluid > 0) & (fluid < ALL_PARTS)
    assert 0.005 < mixed.mean() < 0.3
    assert ((sample.classes == 1) >= (fluid > ALL_PARTS // 2)).all()
    assert sample.ventricle.any()
    assert (fluid[sample.ventricle] >= ALL_PARTS // 2).all()


def a_region_sample(shape):
    voxels = np.random.default_rng(0).random(shape, np.float32)
    truth = np.zeros((*shape, 3), np.uint8)
    truth[..., REGION] = 5
    return RegionSample(voxels, truth, np.zeros(shape, bool))


def test_heads_are_kept_cut_and_drawn_alike_after_a_stop(labels, classes, monkeypatch):
    drawn = []

    def draw(labels, classes, rng):
        drawn.append(rng.random())
        head = a_region_sample((40, 40, 40))
        return RegionSample(head.voxels + np.float32(drawn[-1]), head.truth, head.ventricle)

    def batches():
        return RegionBatches([(labels, classes)], (32, 32, 32), batch_size=1, steps=20, seed=1, pool=2)

    monkeypatch.setattr("cmbtraining.regions.dataset.draw_sample", draw)
    whole = batches()
    first = [whole[n][0] for n in range(20)]
    assert {one.shape for one in first} == {(1, 32, 32, 32, 1)}
    assert 2 < len(drawn) < 10  # two fill the pool, then one in seven is new
    whole.begin(1)
    second = [whole[n][0] for n in range(20)]
    gone_on = batches()
    gone_on.begin(1)
    for n in (19, 3):  # in any order, without the first epoch
        np.testing.assert_array_equal(gone_on[n][0], second[n])
    assert not np.array_equal(second[3], first[3])


def test_heads_in_a_folder_give_the_batches_that_heads_in_memory_give(labels, classes, tmp_path, monkeypatch):
    drawn = []

    def draw(labels, classes, rng):
        drawn.append(1)
        return dataclasses.replace(a_region_sample((40, 40, 40)), voxels=rng.random((40, 40, 40), np.float32))

    monkeypatch.setattr("cmbtraining.regions.dataset.draw_sample", draw)
    of: dict[str, Any] = {"batch_size": 1, "steps": 9, "seed": 1, "pool": 2}
    in_memory = RegionBatches([(labels, classes)], (32, 32, 32), **of)
    in_folder = RegionBatches([(labels, classes)], (32, 32, 32), **of, drawn=tmp_path / "heads")
    for n in range(9):
        for ours, theirs in zip(in_folder[n], in_memory[n], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    count = len(drawn)
    RegionBatches([(labels, classes)], (32, 32, 32), **of, drawn=tmp_path / "heads")[8]
    assert len(drawn) == count  # a second process finds them


def test_a_patch_larger_than_its_head_is_filled_with_background():
    patch = patch_of(a_region_sample((8, 40, 8)), (16, 16, 16), np.random.default_rng(0))
    assert (patch.classes == 5).sum() == 8 * 16 * 8
    assert (patch.classes == 0).sum() == 16**3 - 8 * 16 * 8


def test_the_regions_loss_falls_to_nothing_and_never_stops_teaching():
    classes = np.random.default_rng(0).integers(0, 4, (1, 6, 6, 6))
    truth = np.stack([np.where(classes > 1, classes, 0), 8 * (classes == 1), 8 * (classes == 0)], axis=-1)
    sure = 50.0 * np.eye(4, dtype=np.float32)[classes]
    loss = RegionLoss()
    assert float(loss(truth, sure)) == pytest.approx(0.0, abs=1e-3)
    assert float(loss(truth, -sure)) > 20  # far beyond where a clipped probability would end


def test_the_regions_loss_is_lowest_where_the_probability_is_the_share():
    truth = np.broadcast_to(np.array([2, 2, 4]), (1, 4, 4, 4, 3))  # a quarter fluid, half background
    losses = {}
    for share in (0.05, 0.15, 0.25, 0.35, 0.6):
        p = np.array([0.5 * (1 - share) / 0.75, share, 0.25 * (1 - share) / 0.75], np.float32)
        losses[share] = float(RegionLoss()(truth, np.broadcast_to(np.log(p), (1, 4, 4, 4, 3)).copy()))
    assert min(losses, key=losses.__getitem__) == 0.25


def test_the_regions_network_answers_at_full_resolution():
    network = build_regions_network((8, 16), 4)
    head = np.random.default_rng(0).normal(size=(1, 16, 8, 12, 1)).astype(np.float32)
    assert network(head).shape == (1, 16, 8, 12, 4)
    np.testing.assert_allclose(network(head, training=False), network(head, training=True))  # no statistics of others
    assert not network.non_trainable_variables


@pytest.mark.parametrize(
    ("lesion_at", "mimic", "kind"),
    [((10, 10, 10), 0, "microbleed"), ((10, 10, 16), 1, "vessel"), (None, 2, "calcification"), (None, 0, "other")],
)
def test_a_candidate_is_called_what_it_is(lesion_at, mimic, kind):
    lesions, mimics = np.zeros((24, 24, 24), np.uint8), np.zeros((24, 24, 24), np.uint8)
    if lesion_at:
        lesions[lesion_at] = 1
    mimics[10, 10, 10:12] = mimic
    voxels = (np.array([10, 10]), np.array([10, 10]), np.array([10, 11]))
    one = Hill(voxels, np.array([0.9, 0.5], np.float32), np.array([10.0, 10.0, 10.5]), (10, 10, 10))
    assert KINDS[kind_of(one, lesions, mimics, (1.0, 1.0, 1.0))] == kind


def test_batches_hold_a_fixed_share_of_microbleeds(tmp_path):
    examples = read_examples(write_candidates(tmp_path / "candidates", 1))
    assert isinstance(examples, Examples)
    settings = Training(batch_size=21, steps_per_epoch=3)
    batches = CandidateBatches(examples, settings, tmp_path / "hard.npy", seed=1)
    crops, kinds = batches[0]
    assert len(batches) == 3
    assert (kinds == 0).sum() == 7
    assert (batches[0][0] == crops).all()
    batches.begin(1)
    assert (batches[0][0] != crops).any()
    np.save(tmp_path / "hard.npy", np.array([1, 3]))  # of the others
    before = batches[0][1]
    batches.begin(1)
    assert set(batches.groups[2]) == {1, 3}
    np.testing.assert_array_equal(batches[0][1], before)
    with pytest.raises(DatasetError, match="collect_candidates"):
        read_examples(tmp_path / "nothing")


def test_calibrated_scores_are_as_often_right_as_they_say():
    rng = np.random.default_rng(0)
    honest = rng.normal(-1, 2, 20000)
    microbleed = rng.random(20000) < 1 / (1 + np.exp(-honest))
    temperature, shift = calibration(np.column_stack([3 * (honest + 1.5), np.zeros(20000)]), microbleed)
    assert temperature == pytest.approx(3, rel=0.05)
    assert shift == pytest.approx(-1.5, abs=0.1)
    model = build_verifier((4, 8, 8))
    crops = rng.normal(size=(3, *CROP, len(CHANNELS))).astype(np.float32)
    before = np.asarray(model.predict(crops, verbose=0))
    fold(model, temperature, shift)
    after = np.asarray(model.predict(crops, verbose=0))
    np.testing.assert_allclose(after, before / temperature + np.eye(len(KINDS))[0] * shift, rtol=1e-4, atol=1e-5)


def test_the_benchmark_is_planned_the_same_every_time(tmp_path):
    for n in range(1, 17):
        (tmp_path / f"map_{n:02d}.nii.gz").touch()
    scans = benchmark_scans(tmp_path)
    assert scans == benchmark_scans(tmp_path)
    assert len(scans) == SCANS == len({one.subject for one in scans})
    assert sum(one.lesions == 0 for one in scans) == WITHOUT_LESIONS
    assert {one.label_map.name for one in scans} == {f"map_{n}.nii.gz" for n in (13, 14, 15, 16)}
    assert {one.protocol for one in scans[-WITHOUT_LESIONS:]} == set(acquisition.PROTOCOLS)
    (tmp_path / "map_16.nii.gz").unlink()
    with pytest.raises(FileNotFoundError, match="needs 16"):
        benchmark_scans(tmp_path)


def test_the_verifiers_last_layer_is_given_the_detectors_log_odds_of_the_candidate_in_the_middle():
    crops = np.zeros((3, *CROP, len(CHANNELS)), np.float32)
    crops[..., PROBABILITY] = 0.1
    crops[0, 12, 12, 8, PROBABILITY] = 0.75
    crops[1, 2, 2, 2, PROBABILITY] = 0.99  # a neighbour at the edge
    crops[2, 12, 12, 8, PROBABILITY] = 1.0  # no infinity
    found = np.asarray(DetectorLogOdds()(crops)).ravel()
    np.testing.assert_allclose(found[:2], [np.log(3), -np.log(9)], rtol=1e-5)
    assert 5 < found[2] < 10
