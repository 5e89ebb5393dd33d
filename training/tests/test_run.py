"""A run: overrides, what its folder keeps, stopping and going on."""

import json
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from unittest.mock import call, create_autospec

import numpy as np
import pytest
import yaml
from made_up_subjects import write_subject

import train as command
from cmbtraining.config.sections import DetectConfig
from cmbtraining.config.settings import ConfigError, config_from_dict, load_config
from cmbtraining.data.splits import Split, write_splits

TRAINING = Path(__file__).resolve().parents[1]
CONFIG = {
    "name": "tiny",
    "data": {"axes": "LAS", "spacing_mm": [1.0, 1.0, 1.0]},
    "network": {"filters": [4], "patch_size": [16, 16, 16]},
    "training": {"epochs": 4, "steps_per_epoch": 4, "validation_steps": 2, "batch_size": 2, "learning_rate": 0.01},
}
NAMES = ("sub-301", "sub-302", "sub-303")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Raw subjects, a split of them, and a configuration."""
    folder = tmp_path_factory.mktemp("place")
    for name in NAMES:
        write_subject(folder / "raw", name, sequences=("T2S",))
    write_splits([Split(NAMES[:2], NAMES[2:])], dict.fromkeys(NAMES, "3"), 1, folder / "split.json")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


def arguments(place: Path, out: Path, *more: str) -> list[str]:
    data = ["--data", str(place / "raw"), "--split", str(place / "split.json")]
    return ["--config", str(place / "tiny.yaml"), *data, "--out", str(out), *more]


@pytest.fixture(scope="module")
def whole(place, tmp_path_factory) -> Path:
    """A run that nothing stopped."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert command.main(arguments(place, out)) == 0
    return out


def weights(path: Path) -> list[np.ndarray]:
    import keras

    model = keras.models.load_model(path)
    return [np.asarray(w) for w in [*model.weights, *model.optimizer.variables]]


@pytest.mark.soak
def test_a_killed_run_goes_on_to_the_weights_it_would_have_had(place, whole, tmp_path):
    run = [sys.executable, "-u", str(TRAINING / "train.py"), *arguments(place, tmp_path / "run", "training.epochs=400")]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Epoch 3/"):
                process.send_signal(signal.SIGKILL)
                break
    curve = (tmp_path / "run/curve.csv").read_text().splitlines()
    with (tmp_path / "run/curve.csv").open("a") as stream:
        stream.write("399,9.0,0.0\n")  # of an epoch that no checkpoint holds
    assert 3 <= len(curve) <= 5
    assert command.main(arguments(place, tmp_path / "run")) == 0
    for name in ("last.keras", "best.keras"):
        for ours, theirs in zip(weights(tmp_path / "run" / name), weights(whole / name), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    ours, theirs = (np.loadtxt(run / "curve.csv", delimiter=",", skiprows=1) for run in (tmp_path / "run", whole))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert len(json.loads((tmp_path / "run/run.json").read_text())["starts"]) == 2


def test_the_folder_tells_how_the_run_was_made(whole):
    (start,) = json.loads((whole / "run.json").read_text())["starts"]
    assert start["seed"] == 1
    recent = subprocess.run(
        ["git", "rev-list", "--max-count=20", "HEAD"], cwd=TRAINING, capture_output=True, text=True, check=False
    )
    assert start["git"]["commit"] in (recent.stdout.split() or ["unknown"])  # HEAD may have moved on since
    assert start["environment"]["packages"]["keras"] == version("keras")
    assert load_config(whole / "config.yaml").name == "tiny"
    assert (whole / "curve.png").read_bytes()[:4] == b"\x89PNG"


def test_tensorboard_can_read_the_curves(whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(whole / "tensorboard"))
    events.Reload()
    tags = events.Tags()["tensors"] or events.Tags()["scalars"]
    assert {"epoch/loss", "epoch/val_loss"} <= set(tags)


def test_a_finished_run_is_left_as_it_is(place, whole):
    before = (whole / "best.keras").read_bytes()
    assert command.main(arguments(place, whole)) == 0
    assert (whole / "best.keras").read_bytes() == before


def test_a_run_of_another_network_is_not_gone_on_with(place, whole, capsys):
    assert command.main(arguments(place, whole, "network.filters=[8]")) == 2
    assert "network.filters is [4], not [8]" in capsys.readouterr().err


def test_a_checkpoint_of_another_network_is_refused(place, whole, tmp_path, capsys):
    import keras

    out = tmp_path / "run"
    out.mkdir()
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(out / "last.keras")
    assert command.main(arguments(place, out)) == 3
    assert "another network" in capsys.readouterr().err
    (out / "last.keras").write_bytes((whole / "last.keras").read_bytes()[:5000])
    assert command.main(arguments(place, out)) == 3
    assert "damaged" in capsys.readouterr().err


def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch):
    import keras

    from cmbtraining.fitting.checkpoints import save

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    save(model, tmp_path / "last.keras")
    before = (tmp_path / "last.keras").read_bytes()

    def full(model, path):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("keras.Model.save", full)
    with pytest.raises(OSError, match="No space left"):
        save(model, tmp_path / "last.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["last.keras"]
    assert (tmp_path / "last.keras").read_bytes() == before


def test_a_full_disk_is_told_with_what_to_do(place, tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cmbtraining.tasks.run.train", full)
    assert command.main(arguments(place, tmp_path)) == 4
    told = capsys.readouterr().err
    assert "No space left on device" in told
    assert "call again to go on" in told


def test_every_value_can_be_given_on_the_command_line(place):
    config = load_config(
        place / "tiny.yaml", ["training.epochs=3", "loss.alpha=0.3", "network.filters=[4, 8]", "name=other"]
    )
    assert isinstance(config, DetectConfig)
    assert (config.training.epochs, config.loss.alpha, config.network.filters, config.name) == (3, 0.3, (4, 8), "other")
    assert config.training.batch_size == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=3", "unknown key 'epoch'"),
        ("trainings.epochs=3", "unknown key 'trainings'"),
        ("epochs=3", "unknown key 'epochs'"),
        ("training.epochs", "write it as section.key=value"),
        ("training.epochs=many", "training.epochs is .many.; it must be a whole number"),
        ("task=verify", "task=verify: .*unknown key '.*'; known for task verify are "),
        ("training.epochs=[3", "cannot be read as YAML"),
    ],
)
def test_a_wrong_override_is_refused(place, override, message):
    with pytest.raises(ConfigError, match=message):
        load_config(place / "tiny.yaml", [override])


def test_mixed_precision_and_xla_are_switched_on_and_leave_keras_as_it_was(place):
    import keras

    from cmbtraining.fitting.trainer import precision
    from cmbtraining.tasks.detect import compiled

    config = load_config(place / "tiny.yaml", ["training.precision=float16", "training.xla=true"])
    assert isinstance(config, DetectConfig)
    with precision(config):
        model = compiled(config)
    assert model.jit_compile is True
    assert model.layers[1].compute_dtype == "float16"
    assert model.layers[-1].compute_dtype == model.layers[1].variable_dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"


def test_clearml_gets_the_curves_where_it_is_asked_for(tmp_path, monkeypatch):
    import clearml  # ClearML itself looks for a server, and waits for one that does not answer

    from cmbtraining.fitting.curves import ClearMLCurves, curve_callbacks

    task = create_autospec(clearml.Task, instance=True)
    logger = create_autospec(clearml.Logger, instance=True)
    task.get_logger.return_value = logger
    init = create_autospec(clearml.Task.init, return_value=task)
    monkeypatch.setattr(clearml.Task, "init", init)
    callbacks = curve_callbacks(config_from_dict({"tracking": {"clearml": True}}), tmp_path)
    (curves,) = [one for one in callbacks if isinstance(one, ClearMLCurves)]
    curves.on_epoch_end(0, {"loss": 1.5, "val_loss": 2.5})
    curves.on_train_end()
    assert init.call_args.kwargs["auto_connect_frameworks"] is False
    assert task.connect.call_args.kwargs["name"] == "configuration"
    assert logger.report_scalar.call_args_list == [call("loss", "training", 1.5, 0), call("loss", "validation", 2.5, 0)]
    task.close.assert_called_once_with()


def test_clearml_missing_is_told(place, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "clearml", None)
    assert command.main(arguments(place, tmp_path / "run", "tracking.clearml=true")) == 2
    assert "pip install clearml" in capsys.readouterr().err


@pytest.mark.parametrize("given", [[], ["--validation", "x", "--split", "y"]])
def test_validation_comes_from_a_folder_or_a_split_and_not_both(place, tmp_path, given, capsys):
    call = ["--config", str(place / "tiny.yaml"), "--data", str(place / "raw"), "--out", str(tmp_path), *given]
    assert command.main(call) == 2
    assert "one of --validation and --split" in capsys.readouterr().err


def test_a_subject_that_cannot_be_read_is_told_without_a_traceback(place, tmp_path, capsys):
    data = tmp_path / "raw"
    (write_subject(data, "sub-301", sequences=("T2S",)) / "sub-301_space-T2S_desc-masked_T2S.nii.gz").write_bytes(b"")
    call = ["--config", str(place / "tiny.yaml"), "--data", str(data), "--validation", str(place / "raw")]
    assert command.main([*call, "--out", str(tmp_path / "run")]) == 2
    assert "is an empty file" in capsys.readouterr().err


def test_folders_of_one_name_do_not_share_prepared_subjects(place, tmp_path):
    from cmbtraining.tasks.detect import sides_of_folders

    other = tmp_path / "raw"
    write_subject(other, "sub-301", sequences=("T2S",), seed=5)
    training, validation = sides_of_folders(place / "raw", other)
    assert training.cache != validation.cache
