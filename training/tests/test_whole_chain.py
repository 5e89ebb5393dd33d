"""From raw folders in VALDO's form to Table V: every command, one after the other."""

import csv
import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_subjects import write_subject
from untraced import untraced

TRAINING = Path(__file__).resolve().parents[1]
LESIONS = (3, 0)  # of the first and the second subject of a cohort
COHORTS = {"1": "SABRE", "2": "RSS", "3": "ALFA"}
pytestmark = pytest.mark.xdist_group("dask")


@pytest.fixture
def call(capsys):
    """Call a command as its script does, in this process: each of its own would load TensorFlow again."""

    def call(script: str, *arguments: object) -> str:
        command = runpy.run_path(str(TRAINING / script))["main"]
        assert command([*map(str, arguments)]) == 0, capsys.readouterr().err[-3000:]
        return capsys.readouterr().out

    return call


@pytest.mark.parametrize("script", ["preprocess.py", "split.py", "export.py", "evaluate.py"])
def test_a_script_is_a_command(script):
    told = subprocess.run([sys.executable, str(TRAINING / script), "--help"], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("usage:")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Six raw subjects of three cohorts; half without lesions, masks of every kind."""
    folder = tmp_path_factory.mktemp("chain")
    for cohort, kind in (("1", "binary"), ("2", "fractional"), ("3", "inverted")):
        write_subject(folder / "raw", f"sub-{cohort}01", LESIONS[0], mask_as=kind)
        write_subject(folder / "raw", f"sub-{cohort}02", LESIONS[1])
    return folder


@untraced()
def test_four_commands_lead_from_raw_scans_to_table_v(place, call):
    raw, split, run, model = place / "raw", place / "split.json", place / "run", place / "smoke.onnx"
    call("preprocess.py", "--raw", raw, "--out", place / "preprocessed", "--spacing", 1)
    with (place / "preprocessed/preprocessing.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 6
    assert not any(row["error"] for row in rows)
    assert {row["mask_repairs"] for row in rows} == {"", "fractional", "inverted"}

    call("split.py", "--data", place / "preprocessed", "--out", split)
    short = ("network.filters=[4]", *(f"training.{k}=1" for k in ("epochs", "steps_per_epoch", "validation_steps")))
    given = ("--config", TRAINING / "configs/smoke.yaml", "--data", place / "preprocessed", "--split", split)
    call("train.py", *given, "--out", run, *short)
    call("export.py", "--run", run, "--out", model, "--data", "made-up subjects")

    for step in (
        ("predict", "--model", model, "--data", raw, "--out", place / "predicted", "--device=cpu", "--regions=none"),
        ("score", "--predictions", place / "predicted", "--truth", raw, "--out", place / "scores"),
    ):
        call("evaluate.py", *step, "--split", split)
    told = json.loads(call("evaluate.py", "aggregate", place / "scores/per_subject.csv", "--json"))
    validation = json.loads(split.read_text())["folds"][0]["validation"]
    assert told["subjects"] == len(validation)
    with (place / "scores/per_subject.csv").open() as stream:
        truth = {row["subject"]: int(row["n_true"]) for row in csv.DictReader(stream)}
    assert truth == {name: LESIONS[int(name[-1]) - 1] for name in validation}  # whichever way the mask was written
    assert sum(truth.values()) > 0
    assert sum(one["n_true"] for one in told["by_size"]) == sum(truth.values())
    assert set(told["by_cohort"]) == {COHORTS[name[4]] for name in validation}
    missed = sum(truth.values()) - sum(one["found"] for one in told["by_size"])
    assert f"False negatives: {missed}" in (place / "scores/gallery.html").read_text()
