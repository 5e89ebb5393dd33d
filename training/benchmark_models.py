"""Score a detector, alone and with its later stages, on the 40 scans of the benchmark set.

    python training/benchmark_models.py --label-maps LABELS/ --out benchmark/ [--model DETECTOR.onnx]
        [--verifier none] [--regions none] [--threshold 0.3] [--variant thick-slices]

The scans are simulated where they are not there yet (about 15 s each on one core) into OUT/scans, and are made
from label maps 13 to 16, which no bundled model was trained on. Results go to OUT/NAME: predictions of every
scan, ``benchmark.json`` and ``froc.png``. ``--variant`` searches the same scans as another scanner or export
would give them (`cmbtraining.variants`): how far the figures depend on it. All figures are of simulated scans.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from collections import Counter
from functools import partial
from pathlib import Path

import SimpleITK as sitk
from rich.console import Console
from rich.progress import track

from CMBSegmentationLib.detection import Settings
from CMBSegmentationLib.result_files import result_names
from CMBSegmentationLib.run import Request, run
from CMBSegmentationLib.stages import AUTO, StageChoice, load_stages
from cmbtraining.aggregate import aggregate, print_table_v
from cmbtraining.benchmark_set import benchmark_scans, kinds_of_false, make_scan
from cmbtraining.froc import draw_froc
from cmbtraining.score_files import LesionScore, SubjectScore
from cmbtraining.scoring import find_prediction, score_subject
from cmbtraining.variants import INVERTED_PHASE, VARIANTS, write_variant


def main() -> None:
    """Make the scans, search them, score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label-maps", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", help="file or bundled name (default: the bundled detector)")
    parser.add_argument("--regions", default=AUTO, help="file, bundled name or none")
    parser.add_argument("--verifier", default=AUTO, help="file, bundled name or none")
    parser.add_argument("--threshold", type=float, help="default: the detector's")
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
    rows: list[SubjectScore] = []
    lesions: list[LesionScore] = []
    false: Counter[str] = Counter()
    seconds = []
    for scan in track(scans, "Searching"):
        stem = f"{scan.subject}_space-T2S"
        folder = data / scan.subject
        image, truth = folder / f"{stem}_desc-masked_T2S.nii.gz", folder / f"{stem}_CMB.nii.gz"
        names = result_names(f"{stem}_desc-masked_T2S", probability=False)
        out = results / scan.subject
        if not (out / names["json"]).exists():
            run(Request(image, out, settings=Settings(threshold=arguments.threshold), overwrite=True), loaded=stages)
        listed = json.loads((out / names["json"]).read_text())
        seconds.append(sum(listed["provenance"]["timings_s"].values()))
        score, found = score_subject(scan.subject, truth, find_prediction(results, scan.subject))
        rows.append(score)
        lesions += found
        false.update(kinds_of_false(out / names["labels"], truth, folder / f"{stem}_mimics.nii.gz"))

    empty = [row for row in rows if row.n_true == 0]
    report = {
        "data": f"{len(scans)} simulated scans (label maps 13-16, unseen in training), not patients",
        "variant": arguments.variant,
        "detector": stages.detector.manifest.name,
        "regions": None if stages.regions is None else stages.regions.manifest.name,
        "verifier": None if stages.verifier is None else stages.verifier.manifest.name,
        "threshold": arguments.threshold or stages.detector.manifest.threshold,
        "seconds_a_scan": round(sum(seconds) / len(seconds), 1),
        "rules": {rule: aggregate(rows, lesions, rule=rule) for rule in ("centres", "overlap")},
        "false_by_kind": dict(false),
        "without_lesions": {"scans": len(empty), "false_positives": sum(row.n_pred for row in empty)},
    }
    (results / "benchmark.json").write_text(json.dumps(report, indent=1))
    draw_froc(report["rules"]["centres"]["froc"], results / "froc.png")
    console = Console()
    print_table_v(report["rules"]["centres"], console)
    console.print(f"False positives by kind: {dict(false)}; on {len(empty)} scans without lesions: ", end="")
    console.print(str(sum(row.n_pred for row in empty)))
    console.print(str(report["data"]))


def _one_thread() -> None:
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


if __name__ == "__main__":
    main()
