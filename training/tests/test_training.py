"""Patches, a short training, and its export: the whole way on made-up subjects."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import yaml
from untraced import untraced

import export as export_command
import train as train_command
from CMBSegmentationLib.models.input_spec import InputSpec
from CMBSegmentationLib.models.manifest import Manifest
from CMBSegmentationLib.models.model_file import load_model
from cmbtraining.config.sections import DetectConfig, Sampling
from cmbtraining.data.dataset import DatasetError, find_subjects, prepare_subject
from cmbtraining.data.sampling import PatchSequence, draw_patch

SPEC = InputSpec("RAS", (1.0, 1.0, 1.0), "zscore-brain")
CONFIG: dict[str, Any] = {
    "name": "tiny",
    "data": {"axes": "RAS", "spacing_mm": [1.0, 1.0, 1.0]},
    "network": {"filters": [4, 8], "patch_size": [16, 16, 16]},
    "training": {"epochs": 2, "steps_per_epoch": 3, "validation_steps": 1, "batch_size": 2, "learning_rate": 0.001},
    "detection": {"patch_size": [24, 24, 16]},
}


@pytest.fixture(scope="module")
def subjects(tmp_path_factory) -> Path:
    """Three subjects in VALDO's layout; the last has no lesion."""
    folder = tmp_path_factory.mktemp("data")
    z, y, x = np.indices((40, 44, 48)) - np.array([20, 22, 24]).reshape(3, 1, 1, 1)
    ball = (z**2 + y**2 + x**2) < 18**2
    for number in (101, 202, 303):
        rng = np.random.default_rng(number)
        values = np.where(ball, 500.0, 0.0) + rng.normal(0, 10, ball.shape)
        mask = np.zeros(ball.shape, np.uint8)
        if number != 303:
            mask[18:21, 20:23, 12:15] = mask[25:27, 24:26, 30:33] = 1
        values[mask > 0] = 50
        sub = folder / f"sub-{number}"
        sub.mkdir()
        sitk.WriteImage(
            sitk.GetImageFromArray(values.astype(np.float32)), str(sub / f"{sub.name}_space-T2S_desc-masked_T2S.nii.gz")
        )
        sitk.WriteImage(sitk.GetImageFromArray(mask), str(sub / f"{sub.name}_space-T2S_CMB.nii.gz"))
    return folder


@pytest.fixture(scope="module")
def prepared(subjects, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return [prepare_subject(s, SPEC, cache) for s in find_subjects(subjects)]


def test_lesions_are_counted_on_the_models_grid(prepared):
    assert [len(s.lesion_centres) for s in prepared] == [2, 2, 0]


def test_a_subject_without_its_mask_is_named(subjects, tmp_path):
    (tmp_path / "sub-101").mkdir()
    (tmp_path / "sub-101/sub-101_space-T2S_desc-masked_T2S.nii.gz").write_bytes(b"")
    with pytest.raises(DatasetError, match="sub-101 has no lesion mask"):
        find_subjects(tmp_path)
    with pytest.raises(DatasetError, match="No subjects"):
        find_subjects(tmp_path / "sub-101")


def test_proportions_of_lesion_patches_are_exact(prepared):
    sequence = PatchSequence(prepared, (16, 16, 16), Sampling(16, 0.9), batch_size=4, steps=12, seed=1)
    with_lesion = sum(bool(y.any()) for k in range(len(sequence)) for y in sequence[k][1])
    assert with_lesion == 2 * 14  # of 16 patches each of two subjects with lesions


def test_a_lesion_lies_anywhere_in_its_patch(prepared):
    rng = np.random.default_rng(0)
    centres = []
    for _ in range(200):
        _, labels = draw_patch(prepared[0], (16, 16, 16), True, rng)
        assert labels.any()
        centres.append(np.argwhere(labels).mean(axis=0))
    low, high = np.percentile(centres, [5, 95], axis=0)
    assert (low < 3.5).all()
    assert (high > 11.5).all()


def test_the_same_epoch_and_index_give_the_same_batch(prepared):
    first, second = (PatchSequence(prepared, (16, 16, 16), Sampling(), 2, 4, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first[2][0], second[2][0])
    second.begin(1)
    assert not np.array_equal(first[2][0], second[2][0])


def test_a_patch_beyond_the_border_is_padded(prepared):
    x, y = draw_patch(prepared[0], (80, 80, 80), True, np.random.default_rng(0))
    assert x.shape == y.shape == (80, 80, 80)
    assert np.isfinite(x).all()


@pytest.fixture(scope="module")
@untraced()
def run_folder(subjects, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    data = ["--data", str(subjects), "--validation", str(subjects), "--out", str(folder / "run")]
    assert train_command.main(["--config", str(folder / "tiny.yaml"), *data]) == 0
    return folder / "run"


def test_training_leaves_weights_and_the_curve(run_folder):
    assert (run_folder / "best.keras").exists()
    curve = (run_folder / "curve.csv").read_text().splitlines()
    assert curve[0].split(",") == ["epoch", "loss", "val_loss"]
    assert len(curve) == 3


def test_the_exported_model_agrees_with_tensorflow_and_is_accepted(run_folder, tmp_path, capsys):
    out = tmp_path / "tiny.onnx"
    call = ["--run", str(run_folder), "--out", str(out), "--data", "made up", "--statement", "x"]
    assert export_command.main(call) == 0
    random, real = capsys.readouterr().out.split("at most ")[1].split(" in probability on random patches, ")
    assert float(random) <= 1e-4
    assert float(real.split()[0]) <= 1e-4
    assert real.split(maxsplit=1)[1].startswith("on 3 patches of scans")
    card = (tmp_path / "tiny.md").read_text()
    assert "# tiny\n" in card
    assert "24 x 24 x 16 voxels of 1 x 1 x 1 mm" in card
    assert "made up" in card
    model = load_model(out, "cpu")
    assert isinstance(model.manifest, Manifest)
    assert model.manifest.patch_size == (24, 24, 16)
    assert model.manifest.training["data"] == "made up"

    import keras

    from cmbtraining.networks.table_iv import build_unet

    trained = keras.models.load_model(run_folder / "best.keras", compile=False)
    network = build_unet((24, 24, 16), (4, 8))
    network.set_weights(trained.get_weights())
    patch = np.random.default_rng(0).normal(size=(1, 24, 24, 16, 1)).astype(np.float32)
    logits = model.logits(patch)
    ours = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(ours, np.asarray(network(patch, training=False)), atol=1e-4)


def test_an_export_that_differs_is_refused(run_folder, tmp_path, monkeypatch):
    import keras
    import onnx

    from cmbtraining.export import onnx_export

    monkeypatch.setattr(onnx_export, "converted", lambda *_: onnx.ModelProto())
    monkeypatch.setattr(onnx_export, "parity", lambda *_: onnx_export.Parity(1e-7, 0.01, 1))
    config = DetectConfig(**CONFIG)
    manifest = onnx_export.manifest_for(config, name="x", version="0", training={}, intended_use="")
    trained = keras.models.load_model(run_folder / "best.keras", compile=False)
    with pytest.raises(onnx_export.ExportError, match="differs from TensorFlow"):
        onnx_export.export(trained, config, manifest, tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


def test_an_export_may_take_patches_of_any_size(run_folder, tmp_path):
    import keras
    import onnxruntime

    from cmbtraining.export import onnx_export

    config = DetectConfig(**CONFIG)
    manifest = onnx_export.manifest_for(config, name="any", version="0", training={}, intended_use="")
    trained = keras.models.load_model(run_folder / "best.keras", compile=False)
    assert onnx_export.export(trained, config, manifest, tmp_path / "any.onnx", dynamic=True).worst <= 1e-4
    assert load_model(tmp_path / "any.onnx", "cpu").manifest.patch_size == (24, 24, 16)
    session = onnxruntime.InferenceSession(str(tmp_path / "any.onnx"))
    patch = np.zeros((1, 8, 12, 20, 1), np.float32)
    assert session.run(None, {session.get_inputs()[0].name: patch})[0].shape == (1, 8, 12, 20, 2)


def test_a_card_tells_what_was_measured_and_a_persons_own_card_stays(tmp_path):
    from cmbtraining.export import onnx_export
    from cmbtraining.export.model_card import model_card, write_card

    config = DetectConfig(**CONFIG)
    figures = {
        "figures": {"TPR": 0.7123, "PPV": None},
        "intervals_95": {"TPR": [0.6, 0.8]},
        "subjects": 22,
        "rule": "x",
    }
    manifest = onnx_export.manifest_for(
        config, name="n", version="1", training={"data": "a|b"}, intended_use="", metrics=figures
    )
    card = model_card(manifest, "at most 1e-7")
    assert "| sensitivity | 0.71 | 0.60 to 0.80 |" in card
    assert "a/b" in card
    assert write_card(card, tmp_path / "n.onnx")
    (tmp_path / "n.md").write_text("mine")
    assert not write_card(card, tmp_path / "n.onnx")
    assert (tmp_path / "n.md").read_text() == "mine"


def test_a_wrong_configuration_is_told_without_a_traceback(tmp_path, capsys):
    (tmp_path / "a.yaml").write_text("los: {}")
    assert train_command.main(["--config", str(tmp_path / "a.yaml"), "--describe"]) == 2
    told = capsys.readouterr().err
    assert "unknown key 'los'" in told
    assert "Traceback" not in told
