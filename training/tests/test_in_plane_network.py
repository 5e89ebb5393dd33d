"""The detector's network: what it gives, what it refuses, how it learns and that it survives its export."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from cmbtraining.config.sections import Augmentation, DetectConfig, Sampling
from cmbtraining.config.settings import ConfigError, config_from_dict
from cmbtraining.data.dataset import PreparedSubject
from cmbtraining.data.sampling import PatchSequence, draw_patch
from cmbtraining.fitting.checkpoints import CheckpointError
from cmbtraining.fitting.fine_tuning import start_from
from cmbtraining.fitting.losses import CombinedLoss, mean_of_hardest
from cmbtraining.fitting.trainer import precision
from cmbtraining.networks.build import build_network
from cmbtraining.networks.in_plane import RARE, build_in_plane_unet
from cmbtraining.tasks.detect import compiled

TINY: dict[str, Any] = {
    "network": {"kind": "in-plane", "filters": [8, 12], "patch_size": [16, 16, 8], "l2": 0.0},
    "loss": {"gamma": 1.0, "class_weights": [1.0, 20.0], "entropy_share": 5.0, "hardest_share": 0.1},
    "training": {"learning_rate": 0.01, "clip_norm": 5.0, "weight_decay": 1e-4, "batch_size": 2},
}
CONFIG = DetectConfig(**TINY)


def test_the_configured_network_gives_logits_of_both_classes_for_every_voxel():
    network = build_network(CONFIG)
    logits = np.asarray(network(np.random.default_rng(0).normal(size=(2, 16, 16, 8, 1)).astype(np.float32)))
    assert logits.shape == (2, 16, 16, 8, 2)
    assert np.ptp(logits) > 0.5
    assert DetectConfig().network.kind == "table-iv"  # without a word: the paper's


def test_a_new_network_calls_nothing_a_lesion():
    network = build_in_plane_unet((16, 16, 8), (8, 12))
    bias = np.asarray(network.get_layer("unfolded").bias)
    assert bias.tolist() == [0.0, RARE]


@pytest.mark.parametrize("size", [(18, 16, 8), (16, 16, 7), (2, 16, 8)])
def test_a_patch_that_cannot_be_folded_and_halved_is_refused(size):
    with pytest.raises(ValueError, match="multiple of"):
        build_in_plane_unet(size, (8, 12, 16))


def test_a_brighter_or_darker_scanner_gives_the_same_answer():
    network = build_in_plane_unet((16, 16, 8), (8, 12))
    patch = np.random.default_rng(1).normal(size=(1, 16, 16, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(network(patch)), np.asarray(network(3 * patch)), atol=0.02)


@pytest.mark.soak
def test_one_patch_is_learnt_by_heart():
    rng = np.random.default_rng(2)
    voxels = rng.normal(size=(2, 16, 16, 8, 1)).astype(np.float32)
    truth = np.zeros((2, 16, 16, 8, 1), np.uint8)
    truth[:, 6:9, 6:9, 3:5] = 1
    voxels[truth > 0] -= 4
    keras.utils.set_random_seed(1)
    model = compiled(CONFIG)
    losses = [float(model.train_on_batch(voxels, truth)) for _ in range(40)]
    assert losses[-1] < 0.3 * losses[0]
    found = np.diff(np.asarray(model(voxels)), axis=-1) > 0
    assert found[truth > 0].mean() > 0.9
    assert found[truth == 0].mean() < 0.01


def test_a_sure_and_wrong_network_still_has_a_gradient():
    """The logarithm of a clipped probability has none (EXPERIMENTS.md, trial 2)."""
    import tensorflow as tf

    truth = np.ones((1, 1, 1, 1, 1), np.uint8)
    loss = CombinedLoss(gamma=1.0, class_weights=(1.0, 1.0), tversky_share=0.0, entropy_share=1.0, from_logits=True)
    logits = tf.Variable([[[[[30.0, -30.0]]]]])
    with tf.GradientTape() as tape:
        value = loss(truth, logits)
    assert float(value) == pytest.approx(60.0)
    np.testing.assert_allclose(np.ravel(tape.gradient(value, logits)), [1, -1], atol=1e-6)


def test_on_logits_the_loss_is_the_one_on_probabilities():
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(2, 4, 4, 4, 2)).astype(np.float32)
    truth = (rng.random((2, 4, 4, 4, 1)) < 0.2).astype(np.uint8)
    probability = keras.ops.softmax(logits)
    a = float(CombinedLoss(hardest_share=0.3, hardest_voxels=0.1)(truth, probability))
    b = float(CombinedLoss(hardest_share=0.3, hardest_voxels=0.1, from_logits=True)(truth, logits))
    assert a == pytest.approx(b, rel=1e-5)


def test_the_hardest_voxels_are_chosen_in_each_patch():
    values = np.zeros((2, 2, 5, 10), np.float32)
    values[0, 0, 0, :3] = (3, 5, 1)
    values[1, 1, 4, 9] = 7
    assert float(mean_of_hardest(values, 0.02)) == pytest.approx((3 + 5 + 7 + 0) / 4)
    assert float(mean_of_hardest(values, 1e-9)) == pytest.approx((5 + 7) / 2)  # at least one


@pytest.mark.parametrize(("wanted", "computes"), [("bfloat16", "bfloat16"), ("float16", "float16")])
def test_sixteen_bits_compute_and_thirty_two_are_kept(wanted, computes):
    with precision(DetectConfig(**{**TINY, "training": {**TINY["training"], "precision": wanted}})):
        network = build_network(CONFIG)
    assert network.layers[1].compute_dtype == computes
    assert {w.dtype for w in network.weights} == {"float32"}
    assert network.layers[-1].compute_dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("section", "known"),
    [
        ({"network": {"kind": "transformer"}}, "'table-iv' or 'in-plane'"),
        ({"data": {"normalization": "none"}}, "one of zscore, zscore-brain, local-tissue"),
        ({"training": {"precision": "int8"}}, "'float32', 'float16' or 'bfloat16'"),
        ({"training": {"learning_rate_decay": "linear"}}, "'none' or 'cosine'"),
    ],
)
def test_a_value_that_is_not_known_is_refused_with_those_that_are(section, known):
    with pytest.raises(ConfigError, match=f"it must be {known}"):
        config_from_dict(section)


def test_the_learning_rate_rises_falls_and_ends_low():
    training = replace(CONFIG.training, warmup_steps=5, epochs=2, steps_per_epoch=20, learning_rate_decay="cosine")
    schedule = compiled(replace(CONFIG, training=training)).optimizer._learning_rate
    rates = [float(schedule(step)) for step in (0, 5, 20, 40)]
    assert rates[0] == 0
    assert rates[1] == pytest.approx(0.01)
    assert rates[1] > rates[2] > rates[3] == pytest.approx(1e-4)


@pytest.mark.parametrize("dynamic", [pytest.param(False, marks=pytest.mark.soak), True])
def test_exported_channels_are_normalised_by_one_operator(tmp_path, dynamic):
    import onnx

    from cmbtraining.export.onnx_export import export, manifest_for

    config = DetectConfig(**TINY | {"detection": {"patch_size": [16, 16, 8]}})
    network = build_network(config)
    rng = np.random.default_rng(7)
    network.set_weights([w + rng.normal(0, 0.1, w.shape).astype(np.float32) for w in network.get_weights()])
    manifest = manifest_for(config, name="tiny", version="1", training={"what": "nothing"}, intended_use="a test")
    difference = export(network, config, manifest, tmp_path / "tiny.onnx", dynamic=dynamic)
    assert difference.worst < 1e-4
    kinds = [node.op_type for node in onnx.load(tmp_path / "tiny.onnx").graph.node]
    norms = sum(isinstance(layer, keras.layers.GroupNormalization) for layer in network.layers)
    assert kinds.count("InstanceNormalization") == norms > 0
    assert "ReduceMean" not in kinds
    another = build_network(config)
    start_from(another, tmp_path / "tiny.onnx", np.zeros((1, 16, 16, 8, 1), np.float32))
    for ours, theirs in zip(another.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    wider = DetectConfig(**TINY | {"network": {**TINY["network"], "filters": [8, 16]}})
    with pytest.raises(CheckpointError, match="holds another network"):
        start_from(build_network(wider), tmp_path / "tiny.onnx", np.zeros((1, 16, 16, 8, 1), np.float32))


def test_a_normalisation_that_is_not_known_is_refused():
    import onnx
    from onnx import helper

    from cmbtraining.export.onnx_normalization import fuse_normalization

    node = helper.make_node("Identity", ["a"], ["b"], name="net/group_normalization_1/Surprise")
    info = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "ab"]
    with pytest.raises(ValueError, match="group_normalization_1 was converted to ONNX in an unknown way"):
        fuse_normalization(helper.make_model(helper.make_graph([node], "net", info[:1], info[1:])))


# patches


@pytest.fixture
def subject():
    rng = np.random.default_rng(4)
    voxels = rng.normal(size=(40, 40, 20)).astype(np.float16)
    voxels[30, 10, 5] = -9  # a mimic
    none = np.empty((0, 3), np.int32)
    return PreparedSubject(
        "sub-1",
        voxels,
        np.zeros(voxels.shape, np.uint8),
        none,
        np.argwhere(voxels > -9).astype(np.int32),
        mimic_positions=np.array([[30, 10, 5]], np.int32),
    )


def test_patches_are_laid_around_mimics_where_that_is_asked_for(subject):
    rng = np.random.default_rng(5)
    patches = [draw_patch(subject, (16, 16, 8), False, rng, "mimic")[0] for _ in range(10)]
    assert [float(patch.min()) for patch in patches] == [-9.0] * 10


def test_transposed_patches_keep_their_truth(subject):
    marked = replace(
        subject, lesions=(np.asarray(subject.voxels) > 1.5).astype(np.uint8), lesion_centres=np.array([[20, 20, 10]])
    )
    sampling = Sampling(lesion_share=1.0, flip=True, transpose=True)
    for index in range(4):
        voxels, truth = PatchSequence([marked], (16, 16, 8), sampling, 2, 4, seed=index)[index]
        np.testing.assert_array_equal(truth > 0, voxels > 1.5)


def test_gain_offset_and_blur_change_a_patch_around_the_void():
    from cmbtraining.data.augmentation import VOID, augment

    patch = np.full((8, 8, 4), VOID, np.float32)
    patch[4:] = 0
    rng = np.random.default_rng(6)
    louder = augment(patch, Augmentation(gain=0.5), rng)
    assert louder[0].mean() == pytest.approx(VOID)  # black stays black
    assert louder[7].mean() != pytest.approx(0, abs=0.01)
    moved = augment(patch, Augmentation(offset=0.5), rng)
    assert np.ptp(moved - patch) < 1e-5
    assert 0 < abs(float((moved - patch).mean())) <= 0.5
    assert augment(patch, Augmentation(blur=1.0), rng)[4, 4, 2] < -0.05
