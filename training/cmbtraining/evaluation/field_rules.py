"""The matching and averaging rules by which the field counts microbleeds, beside those of Table V.

A rule has two halves: which prediction counts as which true lesion (`valdo_counts`, `pooled_counts`, and
`evaluation.score_files.counts_of` for centres within 3 mm and for overlap), and how subjects are summed up
(`lesion_figures`, `subject_mean`, `median_f1`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bootstrap import REPEATS, intervals
from .metrics import Counts
from .score_files import PREDICTED, TRUE, LesionScore, ScoreError, SubjectScore, counts_of

VALDO_MM = 5.0  # Sudre et al. 2024, section 2.5


@dataclass(frozen=True)
class FieldRule:
    """A rule in words, and its two halves as functions."""

    words: str
    source: str
    count: Callable[[Sequence[SubjectScore], Sequence[LesionScore]], Counts]
    figures: Callable[[Counts], dict[str, float]]


def valdo_counts(lesions: Sequence[LesionScore], subjects: Sequence[str]) -> Counts:
    """Match as the VALDO challenge does: every prediction to its nearest true lesion, if that is nearer than 5 mm.

    Of several predictions with the same nearest lesion one is matched; the others are false, even if another true
    lesion lies within 5 mm of them.

    Parameters
    ----------
    lesions : sequence of LesionScore
        True and predicted ones; candidates are not looked at.
    subjects : sequence of str
        One entry of the counts each, those without any lesion too.

    Returns
    -------
    Counts
        ``dice`` is NaN.

    References
    ----------
    Sudre et al., "Where is VALDO?", Med Image Anal 91:103029, 2024 (arXiv 2208.07167), section 2.5;
    github.com/WhereIsValdo/valdo-eval-2021, ``PairwiseMeasures.assign_tp_fp_distance``. Two differences: the code
    measures between voxel indices, here it is millimetres, as the paper says; components here are 26-connected, as
    everywhere in this repository (the code's default, which its caller can change).
    """
    true, predicted = _centres(lesions, TRUE), _centres(lesions, PREDICTED)
    matched = []
    for subject in subjects:
        distance = np.linalg.norm(predicted[subject][:, None] - true[subject][None], axis=-1)
        near = distance.min(axis=1, initial=np.inf) < VALDO_MM
        matched.append(len(set(distance[near].argmin(axis=1))) if near.any() else 0)
    return _counts([len(true[one]) for one in subjects], [len(predicted[one]) for one in subjects], matched)


def pooled_counts(lesions: Sequence[LesionScore], subjects: Sequence[str]) -> Counts:
    """Count pools in place of components: what touches in truth and prediction together is one.

    A pool with both is found, with truth only missed, with prediction only false; so neither a lesion predicted in
    two parts nor two lesions predicted as one count twice.

    Parameters
    ----------
    lesions : sequence of LesionScore
        Their `pool` as `cmbtraining.evaluation.scoring.score_subject` fills it.
    subjects : sequence of str

    Returns
    -------
    Counts
        ``dice`` is NaN.

    Raises
    ------
    ScoreError
        The lesions come from a table without pools.

    References
    ----------
    The lenient end of the rules in use: mb_segment (github.com/mendeltem/cmb-valdo-chain, ``cmb/metrics.py``) counts
    true lesions with a common voxel, and warns that one prediction over two lesions then counts as two.
    """
    true, predicted = (_pools(lesions, role) for role in (TRUE, PREDICTED))
    both = [len(true[one] & predicted[one]) for one in subjects]
    return _counts([len(true[one]) for one in subjects], [len(predicted[one]) for one in subjects], both)


def without_false(counts: Counts, lesions: Sequence[LesionScore], subjects: Sequence[str], kind: str) -> Counts:
    """Leave out the false predictions of one kind (centres within 3 mm).

    Magnitude alone cannot tell a calcification from a microbleed, so figures are given with and without these.

    Parameters
    ----------
    counts : Counts
        Under the rule ``centres``.
    lesions : sequence of LesionScore
    subjects : sequence of str
        In the order of `counts`.
    kind : str
        Of `cmbtraining.synthesis.mimics.KINDS`.
    """
    false = [one.subject for one in false_ones(lesions) if one.kind == kind]
    return replace(counts, n_pred=counts.n_pred - np.array([false.count(one) for one in subjects], np.int64))


def false_ones(lesions: Sequence[LesionScore]) -> list[LesionScore]:
    """Predictions that match no true lesion one to one within 3 mm."""
    return [one for one in lesions if one.role == PREDICTED and not one.within_3_mm]


def lesion_figures(counts: Counts) -> dict[str, float]:
    """Recall, precision and F1 over all lesions of all subjects (micro average), and false ones a scan."""
    true, predicted, matched = (int(n.sum()) for n in (counts.n_true, counts.n_pred, counts.n_matched))
    return {
        "recall": _ratio(matched, true),
        "precision": _ratio(matched, predicted),
        "F1": _ratio(2 * matched, true + predicted),
        "false a scan": _ratio(predicted - matched, len(counts)),
    }


def subject_mean(counts: Counts) -> dict[str, float]:
    """Recall, precision and F1 of every subject, averaged over the subjects that have one (macro average).

    A subject without true lesions has no recall; with predictions its precision and F1 are 0; without, it has neither
    and is left out. A subject with true lesions and no prediction has no precision and an F1 of 0.

    References
    ----------
    CenSynCMB (github.com/LucasHe17/CenSynCMB_Microbleed) gives "lesion-level macro means"; how it counts subjects
    without lesions is not published.
    """
    each = {
        "recall": _ratios(counts.n_matched, counts.n_true),
        "precision": _ratios(counts.n_matched, counts.n_pred),
        "F1": _ratios(2 * counts.n_matched, counts.n_true + counts.n_pred),
    }
    return {name: _over_defined(np.mean, values) for name, values in each.items()}


def median_f1(counts: Counts) -> dict[str, float]:
    """F1 of every subject with true lesions, as median and quartiles, and the median difference in number.

    A subject without true lesions has no F1, whether something was predicted in it or not: it only enters the
    difference in number. False predictions in lesion-free subjects so cost nothing in F1.

    References
    ----------
    Sudre et al. 2024, section 2.5; github.com/WhereIsValdo/valdo-eval-2021: ``PairwiseMeasures.f1_count_element`` gives
    NaN where the reference is empty and 0 where only the prediction is; ``aggregate_summarise.py`` takes pandas'
    quantiles, which skip NaN.
    """
    f1 = np.where(counts.n_true > 0, _ratios(2 * counts.n_matched, counts.n_true + counts.n_pred), np.nan)
    quartiles = {"F1": 0.5, "F1 lower quartile": 0.25, "F1 upper quartile": 0.75}
    figures = {name: _over_defined(partial(np.quantile, q=q), f1) for name, q in quartiles.items()}
    return {**figures, "difference in number": float(np.median(np.abs(counts.n_true - counts.n_pred)))}


FIELD_RULES = {
    "VALDO": FieldRule(
        "nearest centre within 5 mm; F1 per subject, median over the subjects with microbleeds",
        "Sudre 2024; WhereIsValdo/valdo-eval-2021",
        lambda rows, lesions: valdo_counts(lesions, [row.subject for row in rows]),
        median_f1,
    ),
    "subject mean": FieldRule(
        "centres one to one within 3 mm; mean over subjects",
        "as CenSynCMB's macro means",
        lambda rows, lesions: counts_of(rows, "centres"),
        subject_mean,
    ),
    "touching pooled": FieldRule(
        "components of truth and prediction that touch are one; summed over all lesions",
        "the lenient end, near mb_segment's rule",
        lambda rows, lesions: pooled_counts(lesions, [row.subject for row in rows]),
        lesion_figures,
    ),
}


def by_field_rules(
    rows: Sequence[SubjectScore], lesions: Sequence[LesionScore], repeats: int = REPEATS
) -> dict[str, dict[str, Any]]:
    """Figures under every rule of `FIELD_RULES`.

    Parameters
    ----------
    rows : sequence of SubjectScore
    lesions : sequence of LesionScore
        Of the same subjects.
    repeats : int
        Of the bootstrap over subjects.

    Returns
    -------
    dict
        By rule: ``words, source, figures, intervals_95``.
    """
    found = {}
    for name, rule in FIELD_RULES.items():
        counts = rule.count(rows, lesions)
        found[name] = {
            "words": rule.words,
            "source": rule.source,
            "figures": rule.figures(counts),
            "intervals_95": intervals(rule.figures, counts, repeats=repeats),
        }
    return found


def _centres(lesions: Sequence[LesionScore], role: str) -> dict[str, NDArray[np.float64]]:
    listed: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for one in lesions:
        if one.role == role:
            listed[one.subject].append((one.r_mm, one.a_mm, one.s_mm))
    empty = np.zeros((0, 3))
    return defaultdict(lambda: empty, {subject: np.array(points) for subject, points in listed.items()})


def _pools(lesions: Sequence[LesionScore], role: str) -> dict[str, set[int]]:
    pools: dict[str, set[int]] = defaultdict(set)
    for one in lesions:
        if one.role == role:
            if not one.pool:
                raise ScoreError(
                    f"{one.subject}: the lesion table has no column pool, which pooling needs: score again."
                )
            pools[one.subject].add(one.pool)
    return pools


def _counts(n_true: Sequence[int], n_pred: Sequence[int], n_matched: Sequence[int]) -> Counts:
    true, predicted, matched = (np.array(n, np.int64) for n in (n_true, n_pred, n_matched))
    return Counts(true, predicted, matched, np.full(len(true), np.nan))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _ratios(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _over_defined(measure: Callable[[NDArray[np.float64]], Any], values: NDArray[np.float64]) -> float:
    defined = values[~np.isnan(values)]
    return float(measure(defined)) if defined.size else float("nan")
