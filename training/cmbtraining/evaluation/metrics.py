"""The paper's measures of detection (Table V), from counts per subject."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LESION_LEVEL = ("TPR", "PPV", "F1", "TPavg", "FPavg", "FPmedian", "FP/cmb", "FNavg", "Dice")
PATIENT_LEVEL = ("TPR*", "PPV*", "F1*", "TNR*", "ACC*")


@dataclass(frozen=True)
class Counts:
    """Lesions per subject; one entry a subject in every array.

    Attributes
    ----------
    n_true, n_pred, n_matched : int array (n,)
        True lesions, predicted ones, and predicted ones that are matched.
    dice : float array (n,)
        Of the masks; NaN where both are empty.
    """

    n_true: NDArray[np.int64]
    n_pred: NDArray[np.int64]
    n_matched: NDArray[np.int64]
    dice: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.n_true)

    def at(self, which: NDArray[np.integer] | NDArray[np.bool_]) -> Counts:
        """Some of the subjects, by index (repeats allowed) or by mask."""
        return Counts(self.n_true[which], self.n_pred[which], self.n_matched[which], self.dice[which])


def table_v(counts: Counts) -> dict[str, float]:
    """Compute Table V's row.

    Parameters
    ----------
    counts : Counts

    Returns
    -------
    dict
        By `LESION_LEVEL` and `PATIENT_LEVEL` names, in that order; NaN where a figure is undefined
        (no true lesion, say). ``FPavg``, ``FPmedian``, ``TPavg`` and ``FNavg`` are per subject.

    References
    ----------
    Docs/paper.md, section 6. Under the paper's rule two predicted components may lie on one true
    lesion, and both count: ``TPR`` can then exceed 1.
    """
    subjects = len(counts)
    true, predicted, matched = (int(n.sum()) for n in (counts.n_true, counts.n_pred, counts.n_matched))
    false = counts.n_pred - counts.n_matched
    defined = counts.dice[~np.isnan(counts.dice)]
    return {
        "TPR": _share(matched, true),
        "PPV": _share(matched, predicted),
        "F1": _share(2 * matched, true + predicted),
        "TPavg": _share(matched, subjects),
        "FPavg": _share(predicted - matched, subjects),
        "FPmedian": float(np.median(false)) if subjects else float("nan"),
        "FP/cmb": _share(predicted - matched, true),
        "FNavg": _share(true - matched, subjects),
        "Dice": float(defined.mean()) if defined.size else float("nan"),
        **_patient_level(counts.n_true > 0, counts.n_pred > 0),
    }


def _patient_level(positive: NDArray[np.bool_], called: NDArray[np.bool_]) -> dict[str, float]:
    hits = int((positive & called).sum())
    return {
        "TPR*": _share(hits, int(positive.sum())),
        "PPV*": _share(hits, int(called.sum())),
        "F1*": _share(2 * hits, int(positive.sum() + called.sum())),
        "TNR*": _share(int((~positive & ~called).sum()), int((~positive).sum())),
        "ACC*": _share(int((positive == called).sum()), len(positive)),
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
