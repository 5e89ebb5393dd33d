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

NAMES = ("sub-301", "sub-302")
LIMIT_S = 270  # of one step; on two quiet cores all takes under a minute


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name in NAMES:
        write_subject(folder / "raw", name, sequences=("T2S",))
    small = {**CONFIG, "training": {**CONFIG["training"], "epochs": 2, "steps_per_epoch": 3, "batch_size": 4}}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(small))
    return folder


def start(data: Path, out: Path, *more: str, **environment: str) -> subprocess.Popen:
    given = ["--config", data / "tiny.yaml", "--data", data / "raw", "--validation", data / "raw", "--out", out]
    return subprocess.Popen(
        [sys.executable, str(TRAINING / "train.py"), *map(str, given), *more],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", **environment},
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


def test_two_processes_train_to_the_loss_of_one(data, tmp_path):
    one = start(data, tmp_path / "one")
    (told,) = finish(one)
    assert one.returncode == 0, told[-3000:]

    team = {"KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{free_port()}", "KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}
    pair = [start(data, tmp_path / "two", **team, KERAS_DISTRIBUTION_PROCESS_ID=str(k)) for k in range(2)]
    both = finish(*pair)
    assert [process.returncode for process in pair] == [0, 0], "\n".join(text[-3000:] for text in both)
    np.testing.assert_allclose(curve(tmp_path / "two"), curve(tmp_path / "one"), rtol=1e-4)
    assert "Epoch 1/2" in both[0]
    assert "Epoch 1/2" not in both[1]  # only the first process writes


def test_several_processes_without_jax_are_refused(data, tmp_path):
    process = start(data, tmp_path, KERAS_BACKEND="tensorflow", KERAS_DISTRIBUTION_NUM_PROCESSES="2")
    (told,) = finish(process)
    assert process.returncode == 2
    assert "KERAS_BACKEND=jax" in told
