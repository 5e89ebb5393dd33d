"""The benchmark from its command to its report, on made-up scans and lists."""

import csv
import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from made_up_scores import scores_of

import benchmark_models
import evaluate
from CMBSegmentationLib.results.names import ENDINGS, TABLE_BEFORE_0_2_0
from cmbtraining.benchmark.figures import Scores, curve_figures, curve_of, figures_at
from cmbtraining.benchmark.report import markdown, report_tables
from cmbtraining.benchmark.search import ALL_STAGES, DETECTOR_ALONE, SECONDS, THRESHOLDS, files_of
from cmbtraining.benchmark.sets import FORTY, VALDO_LOAD, BenchmarkScan
from cmbtraining.evaluation.aggregate import json_ready
from cmbtraining.evaluation.score_files import LesionScore, SubjectScore, write_table
from cmbtraining.synthesis.mimics import CALCIFICATION, KINDS

SUBJECTS = {"sub-101": ([0.0, 20.0], [1.0, 40.0]), "sub-102": ([], [30.0]), "sub-203": ([5.0], [5.0])}
MODEL = SimpleNamespace(manifest=SimpleNamespace(name="made-up-detect", version="1"))
SCAN = BenchmarkScan("sub-101", Path("map_13.nii.gz"), 1, "sabre", None)


def made_up_scan(scan, out, inverted_phase=False):
    """A microbleed and a calcification in nothing."""
    files = files_of(out, scan.subject)
    files.truth.parent.mkdir(parents=True)
    truth, mimics = (np.zeros((10, 20, 20), np.uint8) for _ in range(2))
    truth[3, 4:6, 4:6], mimics[6, 14:16, 14:16] = 1, 1 + KINDS.index(CALCIFICATION)
    for path, values in ((files.image, truth), (files.truth, truth), (files.mimics, mimics)):
        sitk.WriteImage(sitk.GetImageFromArray(values), str(path))


def made_up_search(scan, compared, out, points):
    """Finds both, whatever the thresholds."""
    thresholds = {"given": 0.3} if points is None else points[ALL_STAGES]
    for point in thresholds:
        made_up_lists(scan, out / ALL_STAGES / point / scan.subject)
    (out / ALL_STAGES / THRESHOLDS).write_text(json.dumps(thresholds))
    (out / ALL_STAGES / scan.subject).mkdir(exist_ok=True)
    (out / ALL_STAGES / scan.subject / SECONDS).write_text(json.dumps({"network": 1.0}))


def made_up_lists(scan, folder):
    folder.mkdir(parents=True, exist_ok=True)
    truth, mimics = (sitk.GetArrayFromImage(sitk.ReadImage(str(path))) > 0 for path in (scan.truth, scan.mimics))
    labels = sitk.GetImageFromArray((truth + 2 * mimics).astype(np.uint16))
    sitk.WriteImage(labels, str(folder / f"{scan.subject}{ENDINGS['labels']}"))
    with (folder / f"{scan.subject}{TABLE_BEFORE_0_2_0}").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["id", "status", "probability", "dropped_because"])
        table.writerows([[1, "kept", 0.8, ""], [2, "kept", 0.6, ""]])


def figures():
    rows, lesions = scores_of(SUBJECTS)
    scores = {
        "sensitive": Scores(0.1, tuple(rows), tuple(lesions)),
        "balanced": Scores(0.3, tuple(rows), tuple(lesions)),
    }
    return {point: figures_at(one, repeats=20) for point, one in scores.items()}, curve_figures(curve_of(scores))


@pytest.fixture(scope="module")
def report():
    points, curve = figures()
    found = {
        "data": "3 simulated scans",
        "points": {ALL_STAGES: points, DETECTOR_ALONE: points},
        "curves": {ALL_STAGES: curve, DETECTOR_ALONE: curve},
    }
    models = {"variant": None, "detector": "d 1", "regions": None, "verifier": "v 2"}
    return {**models, "sets": {FORTY: found, VALDO_LOAD: found}}


def test_each_rule_gives_its_own_f1_of_the_same_lists():
    (found, *_), _ = [list(part.values()) if isinstance(part, dict) else part for part in figures()]
    rules = found["field_rules"]
    assert found["with_calcifications"]["figures"]["F1"] == pytest.approx(4 / 7)  # 2 of 3 found, 4 predicted
    assert rules["VALDO"]["figures"]["F1"] == pytest.approx((0.5 + 1) / 2)  # sub-102 has no lesion
    assert rules["subject mean"]["figures"]["F1"] == pytest.approx((0.5 + 0 + 1) / 3)
    assert rules["touching pooled"]["figures"]["F1"] == pytest.approx(4 / 7)
    assert found["without_lesions"] == {"scans": 1, "false_positives": 1}
    json.dumps(found, allow_nan=False)


def test_the_report_names_rule_data_and_simulation_everywhere(report):
    text = markdown(report)
    tables = report_tables(report)
    assert all("simulated" in table.title for table in tables[:-1])
    ours = [row for row in tables[-1].rows if row[0].startswith("this")]
    assert ours
    assert all(row[1].startswith("simulated") and row[2] for row in ours)
    assert all(row[1] and row[2] for row in tables[-1].rows)
    for who in ("six neuroradiologists", "VALDO challenge", "CenSynCMB", "mb_segment", "the paper's model 3"):
        assert who in text
    assert "All figures of ours are of simulated scans, not of patients" in text


def test_every_row_of_the_report_has_a_cell_for_every_column(report):
    for table in report_tables(report):
        assert {len(row) for row in table.rows} == {len(table.columns)}, table.title


def test_operating_points_need_the_second_set(tmp_path, capsys):
    given = ["--label-maps", "x", "--out", str(tmp_path), "--set", FORTY, "--operating-points", "points.json"]
    with pytest.raises(SystemExit):
        benchmark_models.main(given)
    assert f"give --set {VALDO_LOAD}" in capsys.readouterr().err


def test_from_the_command_to_report_and_operating_points(tmp_path, monkeypatch, capsys):
    stages = SimpleNamespace(detector=MODEL, regions=None, verifier=None)
    monkeypatch.setattr(benchmark_models, "SETS", {name: lambda maps: [SCAN] for name in (FORTY, VALDO_LOAD)})
    monkeypatch.setattr(benchmark_models, "make_scan", made_up_scan)
    monkeypatch.setattr(benchmark_models, "load_stages", lambda *given: stages)
    monkeypatch.setattr(benchmark_models, "combinations", lambda stages: {ALL_STAGES: stages})
    monkeypatch.setattr(benchmark_models, "search", made_up_search)
    monkeypatch.setattr(benchmark_models, "figures_at", partial(figures_at, repeats=5))
    points = tmp_path / "points.json"
    benchmark_models.main(
        ["--label-maps", "x", "--out", str(tmp_path), "--processes", "1", "--operating-points", str(points)]
    )
    written = json.loads((tmp_path / "default/benchmark.json").read_text())
    assert list(written["sets"]) == [FORTY, VALDO_LOAD]
    assert written["sets"][FORTY]["points"][ALL_STAGES]["specific"]["false_by_kind"][CALCIFICATION] == 1
    assert written["chosen"] == json.loads(points.read_text())
    # one scan, its lesion at 0.8 and the calcification at 0.6: half a false one a scan is none, one is one
    assert written["chosen"]["operating_points"] == {"specific": 0.601, "balanced": 0.06, "sensitive": 0.06}
    assert (tmp_path / "default" / FORTY / "froc-all-stages.png").exists()
    text = (tmp_path / "default/benchmark.md").read_text()
    assert "Operating points (simulated)" in text
    assert "benchmark.md" in capsys.readouterr().out


def test_a_folder_in_valdos_layout_is_told_by_the_same_rules(tmp_path, capsys):
    rows, lesions = scores_of(SUBJECTS)
    write_table(rows, SubjectScore, tmp_path / "per_subject.csv")
    write_table(lesions, LesionScore, tmp_path / "lesions.csv")
    table = str(tmp_path / "per_subject.csv")
    assert evaluate.main(["aggregate", table, "--json", "--repeats", "20"]) == 0
    told = json.loads(capsys.readouterr().out)
    points, _ = figures()
    assert {name: one["figures"] for name, one in told["field_rules"].items()} == {
        name: one["figures"] for name, one in points["balanced"]["field_rules"].items()
    }
    assert told["burden"]["table"] == json_ready(points["balanced"]["burden"])["table"]
    assert evaluate.main(["aggregate", table, "--repeats", "20"]) == 0
    assert "By the rules of the field" in capsys.readouterr().out
