"""The figures of the benchmark of phase: what is asked for in words, kept scan by scan, added up."""

import json
import sys
from typing import Any

import pytest

import benchmark_phase
from cmbtraining.benchmark.phase_signs import Asked, Listed, ScanSigns, as_json, scan_from_json, table_of

WHERE: dict[str, Any] = {"protocol": "alfa", "te_ms": 20.0, "b0_t": 3.0, "slice_mm": 3.0}


def asked(kind, said, diameter_mm=3.0):
    truth = "calcium" if kind == "calcification" else "blood"
    return Asked(scan="a", kind=kind, truth=truth, said=said, surely_calcium=said == "calcium", certainty=7.0,
                 diameter_mm=diameter_mm, **WHERE)  # fmt: skip


def listed(what, dropped):
    kinds = {"is_calcification": what == "calcification", "is_microbleed": what == "microbleed"}
    return Listed(said="calcium" if dropped else "blood", dropped=dropped, diameter_mm=3.0, **kinds, **WHERE)


@pytest.fixture
def scans():
    bodies = [asked("calcification", said) for said in ("calcium", "calcium", "calcium", "blood", "unclear")]
    bodies += [asked("calcification", "blood", 2.0), asked("cavernoma", "blood")]
    bodies += [asked("microbleed", said) for said in ("blood", "calcium", "unclear", "blood")]
    kept = [listed("calcification", dropped) for dropped in (True, True, True, False)]
    kept += [listed("microbleed", dropped) for dropped in (True, False)] + [listed("vessel", False)]
    first = ScanSigns("a", "alfa", "right", "veins", 1.5, tuple(bodies), tuple(kept))
    return [first, ScanSigns("b", "alfa", "unclear", "", 0.5, ())]


def test_the_figures_say_what_is_asked_for(scans):
    lines = table_of(scans).splitlines()
    assert lines[0].startswith("2 scans with phase. Sign: 1 right, 1 unclear, 0 wrong; by veins 1.")
    assert "called calcium: 75.0 % of 4" in lines[2]  # of those above 2.5 mm that are not unclear
    assert "called calcium: 25.0 % of 4" in lines[3]
    assert "Sign found: 50.0 %; wrong: 0" in lines[4]
    assert "by calcification at the default point: 4 without phase, 1 with it (75.0 % fewer)" in lines[5]
    assert "found at the default point: 2 without phase, 1 with it (50.0 % fewer)" in lines[6]
    for group in ("2.5 to 3.5 mm", "TE 0 to 22 ms", "3 T", "slices 1.6 to 3.5 mm", "alfa"):
        (line,) = [line for line in lines if line.startswith(f"| {group} |")]
        assert line.endswith("| 4, 1 | 2, 1 |")


def test_a_scans_figures_are_read_back_as_they_were(scans):
    assert [scan_from_json(json.loads(json.dumps(one))) for one in as_json(scans)] == scans


def test_a_stopped_benchmark_does_not_measure_again_what_is_there(scans, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "a_truth.json").write_text("{}")  # would fail if it were asked
    benchmark_phase._keep(scans[0], folder / benchmark_phase.FIGURES)
    monkeypatch.setattr(sys, "argv", ["benchmark_phase.py", "--out", str(tmp_path), "--processes", "1"])
    benchmark_phase.main()
    assert "1 scan with phase. Sign: 1 right" in capsys.readouterr().out
    assert json.loads((tmp_path / "figures.json").read_text())[0]["scan"] == "a"
