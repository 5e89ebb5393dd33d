"""The two sets of the benchmark: what is planned, and that the load that is wanted is what is seen."""

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import numpy as np
import pytest
import SimpleITK as sitk

from cmbtraining.benchmark import sets as benchmark_set
from cmbtraining.benchmark.sets import (
    ATTEMPTS,
    FORTY,
    MOST_PLACED,
    SEEDS_A_SCAN,
    SETS,
    VALDO_LOAD,
    BenchmarkScan,
    benchmark_scans,
    enough,
    make_scan,
    valdo_load_scans,
)
from cmbtraining.evaluation.breakdown import COHORTS, cohort_of
from cmbtraining.synthesis.acquisition import PROTOCOLS
from cmbtraining.synthesis.realism import CALIBRATED, ORIGINAL
from cmbtraining.synthesis.scan import simulate as real_simulate

SCAN = BenchmarkScan("sub-201", Path("map_13.nii.gz"), 100, "rss", 1, 1, CALIBRATED)


@pytest.fixture
def label_maps(tmp_path) -> Path:
    for n in range(1, 17):
        (tmp_path / f"map_{n:02d}.nii.gz").touch()
    return tmp_path


@pytest.fixture
def simulator(monkeypatch):
    """Stands in for `simulate`: of every scan so many lesions are seen as the test lists, one call after another."""
    calls: list[tuple[int, int | None, str]] = []
    seen: list[int] = []

    def simulate(label_map, seed, *, protocol, lesions, inverted_phase, realism):
        calls.append((seed, lesions, realism.name))
        image = sitk.GetImageFromArray(np.zeros((2, 2, 2), np.uint8))
        found = [{"r_mm": 0.0} for _ in range(seen[len(calls) - 1])]
        return SimpleNamespace(image=image, mask=image, mimics=image, lesions=found, settings={"seed": seed})

    monkeypatch.setattr(benchmark_set, "simulate", create_autospec(real_simulate, side_effect=simulate))
    return calls, seen


def truth(out: Path, scan: BenchmarkScan) -> dict:
    return json.loads((out / scan.subject / f"{scan.subject}_truth.json").read_text())


def test_the_second_set_has_valdos_load_and_geometries(label_maps):
    scans = valdo_load_scans(label_maps)
    assert scans == valdo_load_scans(label_maps)
    assert len(scans) == 60 == len({one.subject for one in scans})
    load = sorted(one.visible for one in scans if one.visible is not None)
    assert [load.count(n) for n in range(4)] == [10, 30, 7, 3]
    assert load[50:] == [6, 8, 9, 11, 11, 11, 14, 21, 26, 77]
    assert Counter(one.protocol for one in scans) == benchmark_set.VALDO_PROTOCOLS
    assert {one.label_map.name for one in scans} == {f"map_{n}.nii.gz" for n in (13, 14, 15, 16)}
    assert all(one.realism == CALIBRATED for one in scans)


def test_scans_without_lesions_are_spread_over_the_geometries(label_maps):
    empty = Counter(one.protocol for one in valdo_load_scans(label_maps) if one.visible == 0)
    assert {"sabre", "rss", "alfa"} <= set(empty)


def test_a_subjects_name_tells_its_protocol(label_maps):
    cohorts = dict(zip(PROTOCOLS, COHORTS.values(), strict=True))
    for scans in (plan(label_maps) for plan in SETS.values()):
        assert all(cohort_of(one.subject) == cohorts[one.protocol] for one in scans)


def test_the_first_set_stays_what_older_models_were_measured_on(label_maps):
    scans = benchmark_scans(label_maps)
    assert [(one.subject, one.seed, one.protocol, one.lesions) for one in scans[:2]] == [
        ("sub-101", 20261, "sabre", None),
        ("sub-202", 20262, "rss", None),
    ]
    assert [one.label_map.name for one in scans[:5]] == [f"map_{n}.nii.gz" for n in (13, 14, 15, 16, 13)]
    assert all(one.realism == ORIGINAL and one.visible is None for one in scans)
    assert list(SETS) == [FORTY, VALDO_LOAD]


def test_no_two_scans_share_a_seed_even_when_simulated_again(label_maps):
    seeds = [one.seed + k for one in valdo_load_scans(label_maps) for k in range(ATTEMPTS)]
    seeds += [one.seed for one in benchmark_scans(label_maps)]
    assert len(seeds) == len(set(seeds))
    assert ATTEMPTS <= SEEDS_A_SCAN


def test_one_lesion_means_one_and_many_mean_about_as_many():
    assert [enough(seen, 1) for seen in (0, 1, 2)] == [False, True, False]
    assert [enough(seen, 3) for seen in (2, 3, 4)] == [False, True, False]
    assert [enough(seen, 20) for seen in (14, 15, 25, 26)] == [False, True, True, False]


def test_a_scan_is_simulated_again_until_its_lesion_is_seen(tmp_path, simulator):
    calls, seen = simulator
    seen += [0, 2, 1]
    make_scan(SCAN, tmp_path)
    assert calls == [(100, 1, "calibrated"), (101, 1, "calibrated"), (102, 1, "calibrated")]
    assert truth(tmp_path, SCAN)["simulation"]["seed"] == 102
    make_scan(SCAN, tmp_path)  # it is there
    assert len(calls) == 3


def test_more_lesions_are_placed_where_too_few_are_seen(tmp_path, simulator):
    calls, seen = simulator
    seen += [10, 19]
    scan = BenchmarkScan("sub-202", Path("map_13.nii.gz"), 200, "rss", 20, 20, CALIBRATED)
    make_scan(scan, tmp_path)
    assert [placed for _, placed, _ in calls] == [20, 40]
    assert len(truth(tmp_path, scan)["lesions"]) == 19


def test_a_head_that_cannot_hold_so_many_gives_the_nearest_number(tmp_path, simulator):
    calls, seen = simulator
    seen += [30, 41, 44, 43, 44, 43, 42, 40]
    scan = BenchmarkScan("sub-203", Path("map_13.nii.gz"), 300, "rss", 77, 77, CALIBRATED)
    make_scan(scan, tmp_path)
    assert len(calls) == ATTEMPTS
    assert max(placed for _, placed, _ in calls) == MOST_PLACED
    assert len(truth(tmp_path, scan)["lesions"]) == 44


def test_the_first_set_takes_what_comes(tmp_path, simulator):
    calls, seen = simulator
    seen += [17]
    make_scan(BenchmarkScan("sub-101", Path("map_13.nii.gz"), 20261, "sabre", None), tmp_path)
    assert calls == [(20261, None, "original")]
