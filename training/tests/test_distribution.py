"""Two processes on loopback train to the loss of one (Keras' distribution over JAX, on the CPU)."""

import csv
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_up_subjects import write_subject
from test_run import CONFIG, TRAINING

import train as command
from cmbtraining.fitting.distribution import PROCESSES

NAMES = ("sub-301", "sub-302")
LIMIT_S = 270  # of one step; on two quiet cores all takes under a minute
JAX = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # halves compiling


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name in NAMES:
        write_subject(folder / "raw", name, sequences=("T2S",))
    short = {"epochs": 2, "steps_per_epoch": 2, "validation_steps": 1, "batch_size": 4}
    small = {**CONFIG, "training": {**CONFIG["training"], **short}}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(small))
    return folder


def arguments(data: Path, out: Path) -> list[str]:
    given = ["--config", data / "tiny.yaml", "--data", data / "raw", "--validation", data / "raw", "--out", out]
    return [str(one) for one in given]


def start(data: Path, out: Path, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, str(TRAINING / "train.py"), *arguments(data, out)],
        env={**os.environ, **JAX, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes: subprocess.Popen) -> list[str]:
    """Wait for all and give what they said; none outlives the test."""
    try:
        told = [process.communicate(timeout=LIMIT_S)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return told


def curve(out: Path) -> np.ndarray:
    with (out / "curve.csv").open() as stream:
        return np.array([[float(row["loss"]), float(row["val_loss"])] for row in csv.DictReader(stream)])


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.soak
def test_two_processes_train_to_the_loss_of_one(data, tmp_path):
    team = {"KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{free_port()}", PROCESSES: "2"}
    pair = [start(data, tmp_path / "two", **team, KERAS_DISTRIBUTION_PROCESS_ID=str(k)) for k in range(2)]
    alone = start(data, tmp_path / "one")
    *both, told = finish(*pair, alone)
    codes = [process.returncode for process in (*pair, alone)]
    assert codes == [0, 0, 0], "\n".join(text[-3000:] for text in (*both, told))
    np.testing.assert_allclose(curve(tmp_path / "two"), curve(tmp_path / "one"), rtol=1e-4)
    assert "Epoch 1/2" in both[0]
    assert "Epoch 1/2" not in both[1]  # only the first process writes


def test_several_processes_without_jax_are_refused(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("keras.backend.backend", lambda: "tensorflow")
    monkeypatch.setenv(PROCESSES, "2")
    assert command.main(arguments(data, tmp_path)) == 2
    assert "KERAS_BACKEND=jax" in capsys.readouterr().err
