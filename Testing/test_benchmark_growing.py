"""The benchmark of growing runs, and the fast way is what it is for."""

from __future__ import annotations

from benchmark_growing import measure


def test_a_whole_growth_curve_is_a_hundred_times_faster_than_the_plain_sweep() -> None:
    figures = measure(3, shape=(96, 128, 128), modes=["parent"], plain_lesions=1)["parent"]
    assert figures["times_whole"] > 100, figures
    assert figures["preview_ms"] < figures["grow_ms"], figures
