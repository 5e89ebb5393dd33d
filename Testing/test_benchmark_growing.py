"""The benchmark of growing runs, and the fast way is what it is for."""

from __future__ import annotations

import time
from types import SimpleNamespace

import benchmark_growing
import pytest


def test_a_whole_growth_curve_is_a_hundred_times_faster_than_the_plain_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    own_time = SimpleNamespace(perf_counter=time.process_time)  # what else runs on the machine does not count
    monkeypatch.setattr(benchmark_growing, "time", own_time)
    measured = benchmark_growing.measure(3, shape=(96, 128, 128), modes=["parent"], plain_lesions=1)
    figures = measured["parent"]
    assert figures["times_whole"] > 100, figures
    assert figures["preview_ms"] < figures["grow_ms"], figures
