"""Score a detector, alone and with its later stages, on the 40 scans of the benchmark set.

    python training/benchmark_models.py --label-maps LABELS/ --out benchmark/ [--model DETECTOR.onnx]
        [--verifier FILE] [--regions FILE] [--threshold 0.3] [--variant thick-slices]

The scans are simulated where they are not there yet (about 20 s each on one core) into OUT/scans, and are made
from label maps 13 to 16, which no bundled model was trained on. Results go to OUT/NAME: predictions of every
scan at every operating point, ``benchmark.json`` and a FROC curve for all stages together, without the regions,
and for the detector alone, so that what each stage brings is seen. ``--variant`` searches the same scans as another
scanner or export would give them (`cmbtraining.variants`): how far the figures depend on it. All figures are of
simulated scans.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from functools import partial
from pathlib import Path

import SimpleITK as sitk
from rich.console import Console
from rich.progress import track

from CMBSegmentationLib.stages import AUTO, StageChoice, load_stages
from cmbtraining.aggregate import print_table_v
from cmbtraining.benchmark_search import ALL_STAGES, combinations, files_of, score, search, seconds_a_scan
from cmbtraining.benchmark_set import benchmark_scans, make_scan
from cmbtraining.froc import draw_froc
from cmbtraining.variants import INVERTED_PHASE, VARIANTS, write_variant


def main() -> None:
    """Make the scans, search them, score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label-maps", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", help="file or bundled name (default: the bundled detector)")
    parser.add_argument("--regions", default=AUTO, help="file, bundled name, auto or none (default: auto, as in use)")
    parser.add_argument("--verifier", default=AUTO, help="file, bundled name, auto or none (default: auto, as in use)")
    parser.add_argument("--threshold", type=float, help="in place of the model's operating points")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--scans", type=int, help="only the first so many")
    parser.add_argument("--variant", choices=[*VARIANTS, INVERTED_PHASE], help="of every scan")
    parser.add_argument("--name", default="default", help="of the folder with the results")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="for the simulation")
    arguments = parser.parse_args()

    try:
        scans = benchmark_scans(arguments.label_maps)[: arguments.scans]
    except FileNotFoundError as error:
        parser.error(str(error))
    results = arguments.out / arguments.name
    inverted = arguments.variant == INVERTED_PHASE
    data = arguments.out / (f"scans-{INVERTED_PHASE}" if inverted else "scans")
    with multiprocessing.Pool(arguments.processes, initializer=_one_thread) as pool:
        made = pool.imap_unordered(partial(make_scan, out=data, inverted_phase=inverted), scans)
        for _ in track(made, "Simulating", total=len(scans)):
            pass
    if arguments.variant in VARIANTS:
        plain, data = data, arguments.out / f"scans-{arguments.variant}"
        for scan in scans:
            write_variant(plain / scan.subject, data / scan.subject, arguments.variant)

    stages = load_stages(arguments.model, arguments.device, StageChoice(arguments.regions, arguments.verifier))
    compared = combinations(stages)
    files = [files_of(data, scan.subject) for scan in scans]
    for one in track(files, "Searching"):
        search(one, compared, results, arguments.threshold)

    report = {
        "data": f"{len(scans)} simulated scans (label maps 13-16, unseen in training), not patients",
        "variant": arguments.variant,
        "detector": stages.detector.manifest.name,
        "regions": None if stages.regions is None else stages.regions.manifest.name,
        "verifier": None if stages.verifier is None else stages.verifier.manifest.name,
        "seconds_a_scan": round(seconds_a_scan(files, results / ALL_STAGES), 1),
        "points": {name: score(files, results / name) for name in track(compared, "Scoring")},
    }
    (results / "benchmark.json").write_text(json.dumps(report, indent=1))
    console = Console()
    for name, points in report["points"].items():
        for point, found in points.items():
            console.rule(f"{name}, {point} ({found['threshold']})")
            print_table_v(found["rules"]["centres"], console)
            empty = found["without_lesions"]
            console.print(f"False positives by kind: {found['false_by_kind']}")
            console.print(f"On {empty['scans']} scans without lesions: {empty['false_positives']} false positives")
        draw_froc(found["rules"]["centres"]["froc"], results / f"froc-{name.replace(' ', '-')}.png")
    console.print(str(report["data"]))


def _one_thread() -> None:
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


if __name__ == "__main__":
    main()
