"""Table IV's network and the paper's losses."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from keras import ops

import train as command
from cmbtraining.config.settings import load_config
from cmbtraining.fitting.losses import CombinedLoss, focal_tversky, tversky_index, weighted_cross_entropy
from cmbtraining.networks.table_iv import build_unet

TRAINING = Path(__file__).resolve().parents[1]


def test_the_papers_configurations_describe_a_network_of_its_size(capsys):
    assert command.main(["--config", str(TRAINING / "configs/paper_model3.yaml"), "--describe"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["parameters"] == 26334178  # the same whatever the patch is
    assert described["input_shape"] == [None, 80, 80, 80, 1]
    models = [load_config(TRAINING / f"configs/paper_model{n}.yaml").as_dict() for n in (1, 2, 3)]
    assert described["config"] == json.loads(json.dumps(models[2]))
    assert [one["network"]["patch_size"] for one in models] == [(64,) * 3, (80,) * 3, (80,) * 3]
    assert len({(one["network"]["kind"], one["network"]["filters"]) for one in models}) == 1
    assert [(one["loss"]["alpha"], one["loss"]["beta"]) for one in models] == [(0.3, 0.7), (0.3, 0.7), (0.5, 0.5)]


def test_filters_and_patch_size_are_free():
    network = build_unet((16, 24, 8), filters=(4, 6, 8), channels=2)
    assert network.input_shape == (None, 16, 24, 8, 2)
    assert network.output_shape == (None, 16, 24, 8, 2)
    np.testing.assert_allclose(ops.sum(network(np.zeros((1, 16, 24, 8, 2))), -1), 1, rtol=1e-5)


def test_a_patch_that_cannot_be_halved_is_refused():
    with pytest.raises(ValueError, match="multiple of 16"):
        build_unet((80, 80, 72))


# Two voxels, one of each class; the network gives the lesion 0.25 and the background 0.9.
TRUTH = np.array([[0, 1], [1, 0]], np.float32).reshape(1, 2, 1, 1, 2)
PROBABILITY = np.array([[0.75, 0.25], [0.9, 0.1]], np.float32).reshape(1, 2, 1, 1, 2)


def test_the_tversky_index_is_what_a_hand_computes():
    background = (0.9 + 1) / (0.9 + 0.3 * 0.75 + 0.7 * 0.1 + 1)
    lesion = (0.25 + 1) / (0.25 + 0.3 * 0.1 + 0.7 * 0.75 + 1)
    np.testing.assert_allclose(tversky_index(TRUTH, PROBABILITY, 0.3, 0.7), [background, lesion], rtol=1e-6)


def test_the_focal_tversky_loss_is_what_a_hand_computes():
    index = np.asarray(tversky_index(TRUTH, PROBABILITY, 0.3, 0.7))
    np.testing.assert_allclose(focal_tversky(TRUTH, PROBABILITY, 0.3, 0.7, 3.0), ((1 - index) ** 3).sum(), rtol=1e-5)


def test_the_cross_entropy_weighs_voxels_by_their_true_class():
    by_hand = [-5.0 * np.log(0.25), -0.1 * np.log(0.9)]
    entropy = np.asarray(weighted_cross_entropy(TRUTH, np.log(PROBABILITY), (0.1, 5.0)))
    np.testing.assert_allclose(entropy.ravel(), by_hand, rtol=1e-5)


def test_the_whole_loss_is_the_weighted_sum_and_takes_labels_too():
    loss = CombinedLoss(alpha=0.3, beta=0.7, gamma=3.0)
    entropy = np.asarray(weighted_cross_entropy(TRUTH, np.log(PROBABILITY), (0.1, 5.0)))
    parts = focal_tversky(TRUTH, PROBABILITY, 0.3, 0.7, 3.0) + 0.1 * entropy.mean()
    np.testing.assert_allclose(loss(TRUTH, PROBABILITY), parts, rtol=1e-5)
    labels = TRUTH[..., 1:].astype(np.uint8)
    np.testing.assert_allclose(loss(labels, PROBABILITY), parts, rtol=1e-5)


def test_a_perfect_prediction_costs_next_to_nothing():
    assert float(CombinedLoss()(TRUTH, TRUTH)) < 1e-5
