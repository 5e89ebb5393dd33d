"""One trainer and one exporter for all three tasks: rounds, going on, what each task takes, its model file."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import SimpleITK as sitk
import yaml
from made_up_candidates import write_candidates
from untraced import untraced

import export as export_command
import train as command
from CMBSegmentationLib.models.model_file import load_model
from cmbtraining.config.settings import config_from_dict
from cmbtraining.fitting.checkpoints import Checkpoints
from cmbtraining.networks.build import build_network

CONFIGS = Path(command.__file__).parent / "configs"
RESOURCES = CONFIGS.parents[1] / "Resources"
EPOCHS = 3
SHORT_VERIFIER = [
    "network.filters=[4, 8, 8]",
    "mining.rounds=2",
    f"training.epochs={EPOCHS}",
    "training.steps_per_epoch=2",
    "training.learning_rate=1e-2",
    "training.warmup_steps=0",
    "training.batch_size=20",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Candidates to learn from and to validate on, and an earlier verifier."""
    folder = tmp_path_factory.mktemp("place")
    write_candidates(folder / "candidates", 1)
    write_candidates(folder / "validation", 2)
    keras.utils.set_random_seed(1)
    build_network(config_from_dict({"task": "verify", "network": {"filters": [4, 8, 8]}})).save(
        folder / "earlier.keras"
    )
    return folder


def verifier(place: Path, out: Path) -> list[str]:
    given = ["--config", CONFIGS / "verifier.yaml", "--data", place / "candidates"]
    given += ["--validation", place / "validation", "--start-from", place / "earlier.keras", "--out", out]
    return [*map(str, given), *SHORT_VERIFIER]


@pytest.fixture(scope="module")
@untraced()
def whole(place) -> Path:
    """A verifier's run that nothing stopped."""
    assert command.main(verifier(place, place / "whole")) == 0
    return place / "whole"


def curve(run: Path) -> list[dict[str, str]]:
    with (run / "curve.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_the_verifier_learns_a_plain_difference_in_one_folder_and_one_curve(place, whole):
    assert [int(row["epoch"]) for row in curve(whole)] == list(range(2 * EPOCHS))
    assert json.loads((whole / "validation.json").read_text())["average_precision"] > 0.95
    earlier, calibrated = (
        keras.models.load_model(path) for path in (place / "earlier.keras", whole / "calibrated.keras")
    )
    assert calibrated.count_params() == earlier.count_params()
    last = keras.models.load_model(whole / "last.keras")
    assert int(last.optimizer.iterations) == 2 * EPOCHS  # of the second round: its optimiser began anew


@untraced()
@pytest.mark.soak  # that a stopped run goes on is tested of the detector each time
def test_a_verifier_stopped_between_rounds_and_within_one_goes_on_to_the_same_weights(place, whole, monkeypatch):
    saved = Checkpoints.on_epoch_end
    for stop_after in (EPOCHS - 1, EPOCHS):  # the first round's last epoch, and the second one's first

        def stop(self, epoch, logs=None, stop_after=stop_after):
            saved(self, epoch, logs)
            if epoch == stop_after:
                raise KeyboardInterrupt

        monkeypatch.setattr(Checkpoints, "on_epoch_end", stop)
        assert command.main(verifier(place, place / "stopped")) == 130
    monkeypatch.undo()
    assert command.main(verifier(place, place / "stopped")) == 0
    for name in ("best.keras", "last.keras", "calibrated.keras"):
        ours, theirs = (keras.models.load_model(run / name, compile=False) for run in (place / "stopped", whole))
        for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    for one, other in zip(curve(place / "stopped"), curve(whole), strict=True):
        assert {key: float(value) for key, value in one.items()} == pytest.approx(
            {key: float(value) for key, value in other.items()}, rel=1e-5
        )


@pytest.mark.parametrize(
    ("config", "given", "told"),
    [
        ("verifier", ["--split", "s.json"], "--split has no effect on a configuration of task verify"),
        ("verifier", ["--region-maps", "r"], "--region-maps has no effect"),
        ("regions", ["--validation", "v"], "--validation has no effect on a configuration of task regions"),
        ("regions", [], "needs --region-maps"),
        ("regions", ["--region-maps", "r", "--data", "another"], "--data names 2 folders"),
        ("regions", ["--region-maps", "r"], "maps 1 to 11 are asked for"),
        ("detector", ["--region-maps", "r"], "--region-maps has no effect on a configuration of task detect"),
    ],
)
def test_what_has_no_effect_or_is_missing_is_told(tmp_path, capsys, config, given, told):
    call = [
        "--config",
        str(CONFIGS / f"{config}.yaml"),
        "--data",
        str(tmp_path),
        "--out",
        str(tmp_path / "run"),
        *given,
    ]
    assert command.main(call) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_folder_with_another_tasks_run_is_not_gone_on_with(place, whole, tmp_path, capsys):
    call = ["--config", str(CONFIGS / "regions.yaml"), "--data", str(tmp_path), "--out", str(whole)]
    assert command.main(call) == 2
    assert "holds a run of task verify, not regions" in capsys.readouterr().err


def test_several_processes_train_a_detector_only(place, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    assert command.main(verifier(place, tmp_path / "run")) == 2
    assert "several processes train a detector only" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "weights", "more", "manifest"),
    [
        (
            {"task": "regions", "network": {"filters": [4, 8], "patch_size": [16, 16, 16]}},
            "best.keras",
            {"--metrics": {"data": "24 heads", "dice": {"lobar": {"dice": 0.76, "interval_95": [0.71, 0.79]}}}},
            {"task": "regions", "threshold": 0.5, "patch_size": (112, 144, 112)},
        ),
        (
            {"task": "verify", "network": {"filters": [4, 8, 8]}},
            "calibrated.keras",
            {
                "--metrics": {"figures": {"TPR": 0.5}, "operating_points": {"balanced": 0.4, "default": 0.4}},
                "--detector": str(RESOURCES / "Models" / "cmb-detector-simulated.onnx"),
                "--threshold": "0.35",
            },
            {"task": "verify", "threshold": 0.35, "patch_size": (24, 24, 16), "normalization": "local-tissue"},
        ),
    ],
    ids=["regions", "verify"],
)
def test_a_later_stages_run_is_exported_as_its_configuration_says(tmp_path, content, weights, more, manifest):
    run, out = tmp_path / "run", tmp_path / "stage.onnx"
    run.mkdir()
    (run / "config.yaml").write_text(yaml.safe_dump(content))
    config = config_from_dict(content)
    network, rng = build_network(config), np.random.default_rng(3)
    network.set_weights([one + rng.uniform(0, 0.1, one.shape) for one in network.get_weights()])  # as if trained
    network.save(run / weights)
    (tmp_path / "metrics.json").write_text(json.dumps(more["--metrics"]))
    given = {
        **more,
        "--metrics": str(tmp_path / "metrics.json"),
        "--run": str(run),
        "--out": str(out),
        "--data": "none",
    }
    call = [str(part) for pair in given.items() for part in pair]
    assert export_command.main(call) == 0
    model = load_model(out, "cpu", task=content["task"])
    for key, value in manifest.items():
        assert getattr(model.manifest, key) == value
    assert model.manifest.training["config"]["network"]["filters"] == content["network"]["filters"]
    card = out.with_suffix(".md").read_text()
    assert "| lobar | 0.76 | 0.71 to 0.79 |" in card or "| sensitivity | 0.50 |" in card


@pytest.mark.parametrize(
    ("task", "given", "told"),
    [
        ("verify", [], "A verifier belongs to a detector"),
        ("verify", ["--detector", "d.onnx"], "calibrated.keras does not exist"),
        ("regions", ["--threshold", "0.4"], "--threshold has no effect on a run of task regions"),
        ("verify", ["--dynamic"], "--dynamic has no effect on a run of task verify"),
        ("detect", ["--detector", "d.onnx"], "--detector has no effect on a run of task detect"),
    ],
)
def test_an_export_that_cannot_be_is_told(tmp_path, capsys, task, given, told):
    (tmp_path / "config.yaml").write_text(f"task: {task}\n")
    call = ["--run", str(tmp_path), "--out", str(tmp_path / "x.onnx"), "--data", "none", *given]
    assert export_command.main(call) == 2
    assert told in capsys.readouterr().err


@pytest.mark.soak
def test_a_verifier_trained_under_jax_is_read_under_tensorflow(place, tmp_path):
    """With averaged weights and batches drawn ahead, through the beginning of a second round."""
    more = ["training.epochs=1", "training.ema_momentum=0.9", "training.workers=1"]
    run = [sys.executable, str(Path(command.__file__)), *verifier(place, tmp_path / "run"), *more]
    jax = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}  # compiled without optimisations its losses are NaN
    told = subprocess.run(run, env={**os.environ, **jax}, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-3000:]
    assert [int(row["epoch"]) for row in curve(tmp_path / "run")] == [0, 1]
    assert all(np.isfinite(float(row["loss"])) for row in curve(tmp_path / "run"))
    last = keras.models.load_model(tmp_path / "run" / "last.keras")
    assert int(last.optimizer.iterations) == 2
    assert np.isfinite(last.predict(np.zeros((1, *last.input_shape[1:]), np.float32), verbose=0)).all()


@pytest.mark.soak
@untraced()
def test_the_map_of_regions_stops_and_goes_on_to_the_same_weights(tmp_path):
    labels, classes = np.zeros((2, 48, 48, 48), np.int16)
    labels[8:40, 8:40, 8:40], classes[8:40, 8:40, 8:40] = 3, 10
    labels[20:28, 20:28, 20:28], classes[20:28, 20:28, 20:28] = 4, 1
    for folder, values in (("labels", labels), ("regions", classes.astype(np.uint8))):
        (tmp_path / folder).mkdir()
        for name in ("a.nii.gz", "b.nii.gz"):
            sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / folder / name))
    given = ["--config", str(CONFIGS / "regions.yaml"), "--data", str(tmp_path / "labels")]
    given += ["--region-maps", str(tmp_path / "regions")]
    small = ["heads.training_maps=[1, 1]", "heads.validation_maps=[2, 2]", "network.filters=[4, 8]"]
    small += ["network.patch_size=[16, 16, 16]", "training.steps_per_epoch=2", "training.validation_steps=1"]
    small += ["training.warmup_steps=0", "training.learning_rate_decay=none"]
    runs = {"whole": [2], "stopped": [1, 2]}
    for name, ends in runs.items():
        for epochs in ends:
            out = ["--out", str(tmp_path / name)]
            assert command.main([*given, *out, *small, f"training.epochs={epochs}"]) == 0
    whole, stopped = (keras.models.load_model(tmp_path / name / "last.keras", compile=False) for name in runs)
    for one, other in zip(whole.get_weights(), stopped.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
