"""How far a measure would move with other subjects of the same kind: bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

REPEATS = 2000
PERCENTILES = (2.5, 97.5)  # a 95 % interval


class Subjects(Protocol):
    """Figures of several subjects, of which some can be drawn, one also more than once."""

    def __len__(self) -> int: ...

    def at(self: Drawn, subjects: NDArray[np.integer], /) -> Drawn:
        """Those of the given numbers."""
        ...


Drawn = TypeVar("Drawn", bound=Subjects)


def intervals(
    measure: Callable[[Drawn], dict[str, float]], counts: Drawn, *, repeats: int = REPEATS, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Give the percentile bootstrap interval of every figure, drawing whole subjects.

    Parameters
    ----------
    measure : callable
        `cmbtraining.evaluation.metrics.table_v`, say.
    counts : Subjects
        `cmbtraining.evaluation.metrics.Counts`, say.
    repeats, seed : int

    Returns
    -------
    dict
        (low, high) of 95 % by figure; draws in which a figure is undefined are left out of its
        interval, and (NaN, NaN) stands where no draw defines it.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    names = list(measure(counts))
    rng = np.random.default_rng(seed)
    drawn = np.full((repeats, len(names)), np.nan)
    for row in drawn:
        figures = measure(counts.at(rng.integers(len(counts), size=len(counts))))
        row[:] = [figures[name] for name in names]
    found = {}
    for name, values in zip(names, drawn.T, strict=True):
        values = values[~np.isnan(values)]
        low, high = np.percentile(values, PERCENTILES) if values.size else (np.nan, np.nan)
        found[name] = (float(low), float(high))
    return found
