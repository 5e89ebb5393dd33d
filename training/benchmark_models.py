"""Score a detector, alone and with its later stages, on the benchmark's two sets of simulated scans.

    python training/benchmark_models.py --label-maps LABELS/ --out benchmark/ [--set valdo-load] [--model DETECTOR.onnx]
        [--verifier FILE] [--regions FILE] [--threshold 0.3] [--variant thick-slices] [--operating-points points.json]

``forty`` is the set that models up to 0.3.0 were measured on; ``valdo-load`` has VALDO's geometries and numbers of
lesions. The scans are simulated where they are not there yet (about 20 s each on one core) into OUT/scans-SET, from
label maps 13 to 16, which no bundled model was trained on. Results go to OUT/NAME: predictions of every scan at every
operating point in SET/STAGES/POINT, ``benchmark.json``, the same as tables in ``benchmark.md``, beside what is
published of readers and other detectors, and a FROC curve for all stages together, without the regions, and for the
detector alone, so that what each stage brings is seen. ``--variant`` searches the same scans as another scanner or
export would give them (`cmbtraining.benchmark.variants`): how far the figures depend on it. All figures are of
simulated scans.

``--operating-points`` chooses the thresholds that allow 0.5, 1 and 2 false ones a scan on ``valdo-load``, gives all
figures at these, and writes them with what they give as ``export.py`` takes it by ``--metrics``: POINTS.json for all
stages, POINTS-detector-alone.json for the detector alone. What was searched once is listed at other thresholds in
seconds.

Real scans, or real heads with implanted lesions, are scored by the same rules with ``evaluate.py``: any folder in
VALDO's layout will do (its docstring says how).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import SimpleITK as sitk
from rich.console import Console
from rich.progress import track

from CMBSegmentationLib.models.loaded_models import AUTO, StageChoice, Stages, load_stages
from cmbtraining.benchmark.figures import Scores, curve_figures, curve_of, figures_at
from cmbtraining.benchmark.report import markdown, report_tables
from cmbtraining.benchmark.report_table import print_tables
from cmbtraining.benchmark.search import (
    ALL_STAGES,
    DETECTOR_ALONE,
    combinations,
    files_of,
    scores_of,
    search,
    seconds_a_scan,
)
from cmbtraining.benchmark.sets import SETS, VALDO_LOAD, BenchmarkScan, make_scan
from cmbtraining.benchmark.threshold_choice import choose_thresholds, manifest_metrics
from cmbtraining.benchmark.variants import INVERTED_PHASE, VARIANTS, write_variant
from cmbtraining.evaluation.froc import draw_froc

BOTH = "both"


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the scans, search them, score, report."""
    parser = _parser()
    options = parser.parse_args(arguments)
    chosen_sets = list(SETS) if options.set == BOTH else [options.set]
    if options.operating_points and VALDO_LOAD not in chosen_sets:
        parser.error(f"operating points are chosen on {VALDO_LOAD}: leave --set out, or give --set {VALDO_LOAD}")
    try:
        sets = {name: SETS[name](options.label_maps)[: options.scans] for name in chosen_sets}
    except FileNotFoundError as error:
        parser.error(str(error))

    stages = load_stages(options.model, options.device, StageChoice(options.regions, options.verifier))
    results = options.out / options.name
    report: dict[str, Any] = {
        "variant": options.variant,
        "detector": _named(stages.detector),
        "regions": _named(stages.regions),
        "verifier": _named(stages.verifier),
        "sets": {},
    }
    compared = combinations(stages)
    data = {name: _scans_on_disk(name, scans, options) for name, scans in sets.items()}
    points = None if options.threshold is None else {name: {"given": options.threshold} for name in compared}
    if options.operating_points:
        scores, _ = _searched(sets[VALDO_LOAD], data[VALDO_LOAD], compared, results / VALDO_LOAD, points)
        curves = {name: curve_of(by_point) for name, by_point in scores.items()}
        chosen = {name: choose_thresholds(curve) for name, curve in curves.items()}
        points = {name: {point: one.threshold for point, one in own.items()} for name, own in chosen.items()}
        told = _data(VALDO_LOAD, next(iter(scores[ALL_STAGES].values())))
        report["chosen"] = manifest_metrics(curves[ALL_STAGES], chosen[ALL_STAGES], told)
        options.operating_points.write_text(json.dumps(report["chosen"], indent=1))
        if DETECTOR_ALONE in curves:
            alone = manifest_metrics(curves[DETECTOR_ALONE], chosen[DETECTOR_ALONE], told)
            path = options.operating_points
            path.with_name(f"{path.stem}-detector-alone.json").write_text(json.dumps(alone, indent=1))
    for name, scans in sets.items():
        scores, seconds = _searched(scans, data[name], compared, results / name, points)
        report["sets"][name] = _figures(name, scores, seconds, results / name)
    (results / "benchmark.json").write_text(json.dumps(report, indent=1))
    (results / "benchmark.md").write_text(markdown(report), encoding="utf-8")
    print_tables(report_tables(report), Console())
    print(results / "benchmark.md")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label-maps", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", choices=[*SETS, BOTH], default=BOTH, help=f"of scans (default: {BOTH})")
    parser.add_argument("--model", help="file or bundled name (default: the bundled detector)")
    parser.add_argument("--regions", default=AUTO, help="file, bundled name, auto or none (default: auto, as in use)")
    parser.add_argument("--verifier", default=AUTO, help="file, bundled name, auto or none (default: auto, as in use)")
    parser.add_argument("--threshold", type=float, help="in place of the model's operating points")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--scans", type=int, help="only the first so many of each set")
    parser.add_argument("--variant", choices=[*VARIANTS, INVERTED_PHASE], help="of every scan")
    parser.add_argument("--operating-points", type=Path, help="JSON to write the chosen thresholds to")
    parser.add_argument("--name", default="default", help="of the folder with the results")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="for the simulation")
    return parser


def _scans_on_disk(name: str, scans: Sequence[BenchmarkScan], options: argparse.Namespace) -> Path:
    """Simulate what is missing of a set, and write the variant that is asked for; give the folder to search."""
    inverted = options.variant == INVERTED_PHASE
    data = options.out / (f"scans-{name}-{INVERTED_PHASE}" if inverted else f"scans-{name}")
    with multiprocessing.Pool(options.processes, initializer=_one_thread) as pool:
        made = pool.imap_unordered(partial(make_scan, out=data, inverted_phase=inverted), scans)
        for _ in track(made, f"Simulating {name}", total=len(scans)):
            pass
    if options.variant not in VARIANTS:
        return data
    changed = options.out / f"scans-{name}-{options.variant}"
    for scan in scans:
        write_variant(data / scan.subject, changed / scan.subject, options.variant)
    return changed


def _searched(
    scans: Sequence[BenchmarkScan], data: Path, compared: Mapping[str, Stages], results: Path, points: Any
) -> tuple[dict[str, dict[str, Scores]], float]:
    """Search the scans of a set; give the scores by combination and operating point, and seconds a scan."""
    files = [files_of(data, scan.subject) for scan in scans]
    for one in track(files, f"Searching {data.name}"):
        search(one, compared, results, points)
    scores = {name: scores_of(files, results / name) for name in track(compared, "Scoring")}
    return scores, seconds_a_scan(files, results / ALL_STAGES)


def _figures(name: str, scores: dict[str, dict[str, Scores]], seconds: float, results: Path) -> dict[str, Any]:
    points = {
        stages: {point: figures_at(one) for point, one in by_point.items()} for stages, by_point in scores.items()
    }
    for stages, by_point in points.items():
        lowest = min(by_point.values(), key=lambda one: one["threshold"])
        draw_froc(lowest["rules"]["centres"]["froc"], results / f"froc-{stages.replace(' ', '-')}.png")
    return {
        "data": _data(name, next(iter(scores[ALL_STAGES].values()))),
        "seconds_a_scan": round(seconds, 1),
        "points": points,
        "curves": {stages: curve_figures(curve_of(by_point)) for stages, by_point in scores.items()},
    }


def _data(name: str, scores: Scores) -> str:
    lesions, empty = sum(row.n_true for row in scores.rows), sum(row.n_true == 0 for row in scores.rows)
    return (
        f"{len(scores.rows)} simulated scans of the benchmark set {name} (label maps 13-16, unseen in training), "
        f"{lesions} microbleeds, {empty} scans without any; not patients"
    )


def _named(model: Any) -> str | None:
    return None if model is None else f"{model.manifest.name} {model.manifest.version}"


def _one_thread() -> None:
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


if __name__ == "__main__":
    main()
