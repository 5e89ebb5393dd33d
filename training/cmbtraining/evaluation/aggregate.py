"""From a table of subjects to Table V: figures, intervals, groups; printed or as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from ..benchmark.report_table import ReportTable, with_interval
from .bootstrap import REPEATS, intervals
from .breakdown import by_size, by_subject_group, slice_group
from .froc import froc
from .metrics import LESION_LEVEL, PATIENT_LEVEL, table_v
from .score_files import LesionScore, SubjectScore, counts_of

RULE_WORDS = {
    "overlap": "a predicted component with at least one voxel on a true one is matched (the paper's rule)",
    "centres": "one to one, centres of mass within 3 mm",
}
GROUP_FIGURES = ("TPR", "PPV", "F1", "FPavg", "Dice")


def aggregate(
    rows: Sequence[SubjectScore],
    lesions: Sequence[LesionScore] = (),
    *,
    rule: str = "overlap",
    repeats: int = REPEATS,
    seed: int = 0,
) -> dict[str, Any]:
    """Compute all that is said of a set of subjects, as JSON-ready values.

    Parameters
    ----------
    rows : sequence of SubjectScore
    lesions : sequence of LesionScore, optional
        Without them there are no results by lesion size and no FROC curve.
    rule : {"overlap", "centres"}
    repeats, seed : int
        Of the bootstrap over subjects.

    Returns
    -------
    dict
        ``rule, subjects, figures, intervals_95, by_cohort, by_slice, by_size, froc``; undefined
        figures are None.

    Raises
    ------
    ScoreError
        The rule's column is missing.
    """
    counts = counts_of(rows, rule)
    result = {
        "rule": rule,
        "subjects": len(rows),
        "figures": table_v(counts),
        "intervals_95": intervals(table_v, counts, repeats=repeats, seed=seed),
        "bootstrap": {"repeats": repeats, "seed": seed},
        "by_cohort": by_subject_group(rows, rule, lambda row: row.cohort),
        "by_slice": by_subject_group(rows, rule, slice_group),
        "by_size": by_size(lesions, rule) if lesions else [],
        "froc": froc(lesions, [row.subject for row in rows]),
    }
    return json_ready(result)


def print_table_v(result: dict[str, Any], console: Console) -> None:
    """Print Table V's row in its own layout, then every figure with its interval, then the groups."""
    console.print(f"{result['subjects']} subjects; matching rule: {result['rule']} - {RULE_WORDS[result['rule']]}\n")
    for names in (LESION_LEVEL, PATIENT_LEVEL):
        console.print(" ".join(names))
        console.print(" ".join(_text(name, result["figures"][name]) for name in names) + "\n")
    figures = Table("figure", "value", "95 % interval", title="Bootstrap over subjects", title_justify="left")
    for name, value in result["figures"].items():
        low, high = result["intervals_95"][name]
        figures.add_row(name, _text(name, value), f"{_text(name, low)} to {_text(name, high)}")
    console.print(figures)
    for key, title in (("by_cohort", "By cohort"), ("by_slice", "By slice thickness")):
        if result[key]:
            groups = Table("group", "subjects", *GROUP_FIGURES, title=title, title_justify="left")
            for name, values in result[key].items():
                groups.add_row(name, str(values["subjects"]), *(_text(f, values[f]) for f in GROUP_FIGURES))
            console.print(groups)
    if result["by_size"]:
        sizes = Table(*result["by_size"][0], title="By lesion diameter", title_justify="left")
        for row in result["by_size"]:
            sizes.add_row(*(_text("TPR", v) if k == "TPR" else str(v) for k, v in row.items()))
        console.print(sizes)


def field_tables(field_rules: Mapping[str, Any], burden: Mapping[str, Any]) -> list[ReportTable]:
    """Tables of `field_rules.by_field_rules` (may be empty) and `burden.burden`, both through `json_ready`."""
    rules = tuple(
        (name, figure, with_interval(found, figure), found["words"])
        for name, found in field_rules.items()
        for figure in found["figures"]
    )
    classes = tuple((name, *map(str, row)) for name, row in zip(burden["classes"], burden["table"], strict=True))
    agreement = tuple((name, with_interval(burden, name, "kappas")) for name in burden["kappas"])
    columns = ("true", *(f"predicted {name}" for name in burden["classes"]))
    tables = [
        ReportTable("By the rules of the field", "", ("rule", "figure", "value (95 % interval)", "in words"), rules),
        ReportTable("Subjects by number of microbleeds", "True against predicted.", columns, classes),
        ReportTable("Agreement on that number", "", ("classes", "kappa (95 % interval)"), agreement),
    ]
    return tables if rules else tables[1:]


def _text(name: str, value: float | None) -> str:
    """Round as Table V does: a median has one decimal, all else two."""
    if value is None:
        return "-"
    return f"{value:.1f}" if name == "FPmedian" else f"{value:.2f}"


def json_ready(value: Any) -> Any:
    """Replace NaN, which JSON does not know, by None, however deep it lies."""
    if isinstance(value, dict):
        return {key: json_ready(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value
