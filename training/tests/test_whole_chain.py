"""From raw folders in VALDO's form to Table V: every command, one after the other."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_subjects import write_subject

TRAINING = Path(__file__).resolve().parents[1]
MASKS = ("binary", "fractional", "inverted")


def call(script: str, *arguments: object, **environment: str) -> str:
    told = subprocess.run(
        [sys.executable, str(TRAINING / script), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert told.returncode == 0, told.stderr[-3000:]
    return told.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Nine raw subjects of three cohorts; a third without lesions, masks of every kind."""
    folder = tmp_path_factory.mktemp("chain")
    for cohort in (1, 2, 3):
        for number in range(3):
            lesions = (2, 3, 0)[number]
            kind = MASKS[(cohort + number) % 3] if lesions else "binary"
            write_subject(folder / "raw", f"sub-{cohort}{number + 1:02d}", lesions, mask_as=kind)
    return folder


def test_four_commands_lead_from_raw_scans_to_table_v(place):
    raw, split, run, model = place / "raw", place / "split.json", place / "run", place / "smoke.onnx"
    call("preprocess.py", "--raw", raw, "--out", place / "preprocessed", "--spacing", 1)
    with (place / "preprocessed/preprocessing.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 9
    assert not any(row["error"] for row in rows)
    assert {row["mask_repairs"] for row in rows} == {"", "fractional", "inverted"}

    call("split.py", "--data", place / "preprocessed", "--out", split)
    call(
        *("train.py", "--config", TRAINING / "configs/smoke.yaml", "--data", place / "preprocessed"),
        *("--split", split, "--out", run, "training.epochs=2", "training.steps_per_epoch=15"),
    )
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
    assert truth == {name: (2, 3, 0)[int(name[-1]) - 1] for name in validation}  # whichever way the mask was written
    assert told["by_size"]
    assert set(told["by_cohort"]) <= {"SABRE", "RSS", "ALFA"}
    assert "False negatives" in (place / "scores/gallery.html").read_text()
