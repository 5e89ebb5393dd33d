"""How many microbleeds a scan has, in the classes that readers ask for: true against predicted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bootstrap import REPEATS, intervals
from .metrics import Counts

LOWEST_OF_CLASS = (0, 1, 2, 5, 11)  # Docs/published-figures.md, "Burden": 0, 1, 2-4, >= 5, > 10
CLASSES = ("0", "1", "2-4", "5-10", "> 10")
FROM_FIVE = 3  # in the kappas over four classes, 5-10 and > 10 are one: >= 5
WEIGHTS = {"plain": 0, "linear": 1, "quadratic": 2}  # power of the distance between two classes


def burden_class(counts: NDArray[np.integer]) -> NDArray[np.intp]:
    """Number the class of each count: index into `CLASSES`."""
    return np.searchsorted(LOWEST_OF_CLASS, counts, side="right") - 1


def burden_table(n_true: NDArray[np.integer], n_pred: NDArray[np.integer]) -> NDArray[np.int64]:
    """Count scans by true (row) and predicted (column) class, array (5, 5) in the order of `CLASSES`."""
    return _table(burden_class(n_true), burden_class(n_pred), len(CLASSES))


def kappa(table: NDArray[np.integer], weights: str = "plain") -> float:
    """Agreement beyond chance.

    Parameters
    ----------
    table : int array (n, n)
        Scans by true and predicted class; the classes are ordered.
    weights : {"plain", "linear", "quadratic"}
        How much a disagreement costs: 1 whatever it is, or the distance between the classes, or its square.

    Returns
    -------
    float
        1 is full agreement, 0 what chance gives; NaN where all scans are of one class in truth and prediction.

    References
    ----------
    Cohen, Educ Psychol Meas 20:37, 1960, and Psychol Bull 70:213, 1968 (weights).
    """
    index = np.arange(len(table))
    apart = np.abs(index[:, None] - index[None]) if weights != "plain" else index[:, None] != index[None]
    cost = apart.astype(float) ** max(WEIGHTS[weights], 1)
    total = table.sum()
    if not total:
        return float("nan")
    expected = float((cost * np.outer(table.sum(axis=1), table.sum(axis=0))).sum()) / float(total)
    return 1 - float((cost * table).sum()) / expected if expected else float("nan")


def kappas(counts: Counts) -> dict[str, float]:
    """Kappa over 0, 1, 2-4 and >= 5 microbleeds with three weightings, for "at least one" and for "more than 10"."""
    true, predicted = burden_class(counts.n_true), burden_class(counts.n_pred)
    four = _table(np.minimum(true, FROM_FIVE), np.minimum(predicted, FROM_FIVE), FROM_FIVE + 1)
    found = {f"0, 1, 2-4, >= 5; {weights}": kappa(four, weights) for weights in WEIGHTS}
    for words, lowest in (("at least 1", 1), ("more than 10", len(CLASSES) - 1)):
        found[words] = kappa(_table((true >= lowest).astype(int), (predicted >= lowest).astype(int), 2))
    return found


def burden(counts: Counts, repeats: int = REPEATS) -> dict[str, Any]:
    """Compare the numbers of microbleeds, as JSON-ready values.

    Parameters
    ----------
    counts : Counts
        `n_true` and `n_pred` are looked at: what a reader of the list would count, right or wrong.
    repeats : int
        Of the bootstrap over scans.

    Returns
    -------
    dict
        ``classes``, ``table`` (true by predicted), ``kappas`` and their ``intervals_95``.
    """
    return {
        "classes": CLASSES,
        "table": burden_table(counts.n_true, counts.n_pred).tolist(),
        "kappas": kappas(counts),
        "intervals_95": intervals(kappas, counts, repeats=repeats),
    }


def _table(true: NDArray[np.integer], predicted: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes).astype(np.int64)
