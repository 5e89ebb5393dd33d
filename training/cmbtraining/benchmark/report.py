"""The benchmark's report: the same tables on the screen and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple
from typing import Any

from CMBSegmentationLib.vocabulary.operating_points import BALANCED

from ..evaluation.field_rules import FIELD_RULES
from .figures import CENTRES, OVERLAP
from .published import DETECTORS, READERS
from .report_table import ReportTable, as_markdown, one_decimal, two_decimals, with_interval
from .search import ALL_STAGES

SIMULATED = "simulated"
RULES = {
    "centres within 3 mm": "one to one, summed over lesions (ours)",
    "any common voxel": "a prediction counts if it shares a voxel, summed over lesions (the paper's)",
    **{name: rule.words for name, rule in FIELD_RULES.items()},
}
NO_LESIONS = "VALDO's rule leaves scans without microbleeds out of F1: false ones there cost nothing"
GROUPS = {"by_cohort": "protocol", "by_slice": "slice thickness"}


def report_tables(report: Mapping[str, Any]) -> list[ReportTable]:
    """Turn the benchmark's report into tables.

    Parameters
    ----------
    report : mapping
        As `benchmark_models.py` writes it to ``benchmark.json``.

    Returns
    -------
    list of ReportTable
        Set by set, then the operating points if they were chosen, then ours beside what is published.
    """
    tables: list[ReportTable] = []
    for name, found in report["sets"].items():
        tables += _set_tables(name, found)
    if report.get("chosen"):
        tables.append(_chosen(report["chosen"]))
    return [*tables, _field(report["sets"])]


def markdown(report: Mapping[str, Any]) -> str:
    """Write the report as Markdown."""
    models = ", ".join(f"{stage} {report[stage] or 'none'}" for stage in ("detector", "verifier", "regions"))
    parts = [
        "# Benchmark",
        f"Searched with: {models}. **All figures of ours are of simulated scans, not of patients.** "
        "Intervals are 95 %, bootstrap over scans.",
        *([f"Every scan was changed before the search: {report['variant']}."] if report["variant"] else []),
        *(as_markdown(table) for table in report_tables(report)),
        "Real scans with known microbleeds in VALDO's layout are scored by the same rules: "
        "`training/evaluate.py predict`, `score`, `aggregate`.",
    ]
    return "\n\n".join(parts) + "\n"


def _set_tables(name: str, found: Mapping[str, Any]) -> Iterator[ReportTable]:
    where = f"{name}, {SIMULATED}"
    points = found["points"]
    note = found["data"]
    yield ReportTable(
        f"Found and false ({where})",
        f"{note}. Centres one to one within 3 mm.",
        ("stages", "threshold", "found", "recall", "precision", "F1", "false a scan", "false without lesions"),
        tuple(_headline(stages, point, one) for stages, point, one in _each(points)),
    )
    yield ReportTable(
        f"F1 of the same lists under each rule ({where})",
        "; ".join(f"{rule}: {words}" for rule, words in RULES.items()) + f". {NO_LESIONS}.",
        ("stages", "threshold", *RULES),
        tuple((stages, _point(point, one), *_f1_by_rule(one)) for stages, point, one in _each(points)),
    )
    rates = next(iter(found["curves"].values()))["recall_at_false_a_scan"]
    yield ReportTable(
        f"Recall by false ones a scan ({where})",
        "Centres one to one within 3 mm, from the lists of the lowest threshold.",
        ("stages", *(f"{rate} false" for rate in rates), "average precision"),
        tuple(
            (stages, *map(two_decimals, one["recall_at_false_a_scan"].values()), two_decimals(one["average_precision"]))
            for stages, one in found["curves"].items()
        ),
    )
    used = points[ALL_STAGES]
    kinds = next(iter(used.values()))["false_by_kind"]
    yield ReportTable(
        f"False ones by kind, and figures without calcifications ({where})",
        f"{ALL_STAGES}. Magnitude alone cannot tell a calcification from a microbleed. Recall is the same either way.",
        ("threshold", *kinds, "precision", "F1", "precision without calcifications", "F1 without calcifications"),
        tuple((_point(point, one), *_kinds(one)) for point, one in used.items()),
    )
    yield _burden_table(where, used)
    yield ReportTable(
        f"Agreement on the number of microbleeds ({where})",
        f"{ALL_STAGES}. Kappa between true and predicted class of burden.",
        ("threshold", *next(iter(used.values()))["burden"]["kappas"]),
        tuple(
            (_point(point, one), *(with_interval(one["burden"], name, "kappas") for name in one["burden"]["kappas"]))
            for point, one in used.items()
        ),
    )
    yield ReportTable(
        f"Recall by size, slices and protocol ({where})",
        f"{ALL_STAGES}. Centres one to one within 3 mm.",
        ("group", *(_point(point, one) for point, one in used.items())),
        tuple(_groups(used)),
    )


def _headline(stages: str, point: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    all_figures = one["rules"][CENTRES]["figures"]
    true = sum(row["n_true"] for row in one["rules"][CENTRES]["by_size"])
    found = sum(row["found"] for row in one["rules"][CENTRES]["by_size"])
    empty = one["without_lesions"]
    figures = one["with_calcifications"]
    return (
        stages,
        _point(point, one),
        f"{found} of {true}",
        with_interval(figures, "recall"),
        with_interval(figures, "precision"),
        with_interval(figures, "F1"),
        f"{with_interval(figures, 'false a scan')}, median {one_decimal(all_figures['FPmedian'])}",
        f"{empty['false_positives']} on {empty['scans']} scans",
    )


def _f1_by_rule(one: Mapping[str, Any]) -> tuple[str, ...]:
    ours = (with_interval(one["rules"][rule], "F1") for rule in (CENTRES, OVERLAP))
    return (*ours, *(with_interval(one["field_rules"][rule], "F1") for rule in FIELD_RULES))


def _kinds(one: Mapping[str, Any]) -> tuple[str, ...]:
    with_them, without = one["with_calcifications"], one["without_calcifications"]
    figures = (with_interval(which, name) for which in (with_them, without) for name in ("precision", "F1"))
    return (*map(str, one["false_by_kind"].values()), *figures)


def _burden_table(where: str, used: Mapping[str, Any]) -> ReportTable:
    point = BALANCED if BALANCED in used else next(iter(used))
    found = used[point]["burden"]
    return ReportTable(
        f"Scans by number of microbleeds, true against predicted ({where})",
        f"{ALL_STAGES}, {_point(point, used[point])}.",
        ("true", *(f"predicted {name}" for name in found["classes"])),
        tuple((name, *map(str, row)) for name, row in zip(found["classes"], found["table"], strict=True)),
    )


def _groups(used: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    ruled = [one["rules"][CENTRES] for one in used.values()]
    for rows in zip(*(one["by_size"] for one in ruled), strict=False):  # none where nothing is listed
        yield (rows[0]["size"], *(f"{two_decimals(row['TPR'])} ({row['found']} of {row['n_true']})" for row in rows))
    for key, words in GROUPS.items():
        for name in ruled[0][key]:
            cells = [one[key][name] for one in ruled]
            yield (
                f"{words}: {name} ({cells[0]['subjects']} scans)",
                *(f"{two_decimals(cell['TPR'])}, {one_decimal(cell['FPavg'])} false a scan" for cell in cells),
            )


def _chosen(metrics: Mapping[str, Any]) -> ReportTable:
    return ReportTable(
        f"Operating points ({SIMULATED})",
        f"{metrics['data']}. Default: {metrics['default_point']}. Matched by {metrics['rule']}.",
        ("point", "threshold", "what it gives"),
        tuple(
            (name, f"{threshold:g}", metrics["validation"][name])
            for name, threshold in metrics["operating_points"].items()
        ),
    )


def _field(sets: Mapping[str, Any]) -> ReportTable:
    rows: list[tuple[str, ...]] = []
    for name, found in sets.items():
        for point, one in found["points"][ALL_STAGES].items():
            rows += _ours(name, point, one)
    rows += [astuple(one) for one in (*READERS, *DETECTORS)]
    return ReportTable(
        "Beside readers and other detectors",
        f"Ours are {SIMULATED}, the others are of patients: a difference between them proves nothing. Each figure "
        "names its data and its rule; rules differ by up to 0.25 F1 on the same lists.",
        ("who", "data", "rule", "recall", "precision", "F1", "false a scan", "other"),
        tuple(rows),
    )


def _ours(name: str, point: str, one: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    who, data = f"this, {_point(point, one)}", f"{SIMULATED}: {name}"
    figures = one["with_calcifications"]["figures"]
    kappa = f"kappa {two_decimals(one['burden']['kappas']['at least 1'])}"
    centres = ("recall", "precision", "F1", "false a scan")
    yield (who, data, "centres within 3 mm, summed over lesions", *(two_decimals(figures[key]) for key in centres), "")
    overlap = one["rules"][OVERLAP]["figures"]
    overlap_cells = (two_decimals(overlap[key]) for key in ("TPR", "PPV", "F1", "FPavg"))
    yield (who, data, "any common voxel, summed over lesions", *overlap_cells, "")
    for rule, found in one["field_rules"].items():
        cells = (two_decimals(found["figures"].get(key)) for key in centres)
        yield (who, data, f"{rule}: {found['words']}", *cells, "")
    yield (who, data, "at least one microbleed", "", "", "", "", kappa)


def _each(points: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for stages, by_point in points.items():
        for point, one in by_point.items():
            yield stages, point, one


def _point(name: str, one: Mapping[str, Any]) -> str:
    return f"{name} ({one['threshold']:g})"
