"""All figures of one combination of stages on one benchmark set, as JSON-ready values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..evaluation.aggregate import aggregate, json_ready
from ..evaluation.bootstrap import REPEATS, intervals
from ..evaluation.burden import burden
from ..evaluation.field_rules import by_field_rules, false_ones, lesion_figures, without_false
from ..evaluation.froc import FALSE_A_SCAN, Curve, full_curve
from ..evaluation.metrics import Counts
from ..evaluation.score_files import LesionScore, SubjectScore, counts_of
from ..synthesis.mimics import CALCIFICATION, KINDS

CENTRES, OVERLAP = "centres", "overlap"
OTHER = "other"  # no simulated mimic: tissue, a border, an artefact


@dataclass(frozen=True)
class Scores:
    """What was matched on the scans of a set at one operating point."""

    threshold: float
    rows: tuple[SubjectScore, ...]
    lesions: tuple[LesionScore, ...]

    @property
    def subjects(self) -> list[str]:
        """Names, in the order of the rows."""
        return [row.subject for row in self.rows]


def figures_at(scores: Scores, repeats: int = REPEATS) -> dict[str, Any]:
    """Compute everything that is said of one operating point.

    Parameters
    ----------
    scores : Scores
    repeats : int
        Of the bootstrap over scans.

    Returns
    -------
    dict
        ``threshold``; ``rules`` (`aggregate.aggregate` by centres and by overlap, with groups); ``field_rules``
        (`field_rules.by_field_rules`); ``false_by_kind`` and ``with_calcifications``, ``without_calcifications``
        (``figures`` and ``intervals_95``), all by centres; ``burden`` (`burden.burden`); ``without_lesions`` (scans and
        false positives). The three modules are those of `cmbtraining.evaluation`.
    """
    rows, lesions = scores.rows, scores.lesions
    counts = counts_of(rows, CENTRES)
    empty = [row for row in rows if row.n_true == 0]
    return json_ready(
        {
            "threshold": scores.threshold,
            "rules": {rule: aggregate(rows, lesions, rule=rule, repeats=repeats) for rule in (CENTRES, OVERLAP)},
            "field_rules": by_field_rules(rows, lesions, repeats),
            "false_by_kind": false_by_kind(lesions),
            "with_calcifications": _with_intervals(counts, repeats),
            "without_calcifications": _with_intervals(
                without_false(counts, lesions, scores.subjects, CALCIFICATION), repeats
            ),
            "burden": burden(counts, repeats),
            "without_lesions": {"scans": len(empty), "false_positives": sum(row.n_pred for row in empty)},
        }
    )


def false_by_kind(lesions: Sequence[LesionScore]) -> dict[str, int]:
    """Count the predictions that match no true lesion within 3 mm by what they cover; `OTHER` for no mimic."""
    counted = Counter(one.kind or OTHER for one in false_ones(lesions))
    return {kind: counted[kind] for kind in (*KINDS, OTHER)}


def curve_of(scores: Mapping[str, Scores]) -> Curve:
    """Compute the FROC curve of one combination.

    Parameters
    ----------
    scores : mapping of str to Scores
        By operating point. The lists of the lowest threshold are taken: there most has gone through the rules that drop
        candidates, and only what lies below is known by its probability alone.
    """
    lowest = min(scores.values(), key=lambda one: one.threshold)
    return full_curve(lowest.lesions, lowest.subjects)


def curve_figures(curve: Curve) -> dict[str, Any]:
    """Give a curve's average precision and its recall at `evaluation.froc.FALSE_A_SCAN`."""
    return json_ready(
        {
            "average_precision": curve.average_precision(),
            "recall_at_false_a_scan": {f"{rate:g}": curve.recall_at(rate) for rate in FALSE_A_SCAN},
        }
    )


def _with_intervals(counts: Counts, repeats: int) -> dict[str, Any]:
    return {
        "figures": lesion_figures(counts),
        "intervals_95": intervals(lesion_figures, counts, repeats=repeats),
    }
