"""Picture microbleeds that were missed and false ones that were listed, at random, sorted by cause.

    python training/picture_errors.py benchmark/NAME/valdo-load benchmark/scans-valdo-load --out errors/
        [--stages "all stages"] [--point balanced] [--count 40]

Reads what ``benchmark_models.py`` left. Writes ``missed.png`` and ``false.png``, and prints how many errors of
all scans have which cause. Scans are simulated: what is a mimic is known.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from rich.progress import track

from CMBSegmentationLib.reading.scan import read_scan
from CMBSegmentationLib.report.crops import display_window
from cmbtraining.benchmark.kept_detection import kept
from cmbtraining.benchmark.search import ALL_STAGES, files_of, listed_rules
from cmbtraining.evaluation.breakdown import cohort_of
from cmbtraining.evaluation.error_causes import error_causes
from cmbtraining.evaluation.error_sheet import ErrorTile, chosen, crop, sheet
from cmbtraining.evaluation.scoring import find_prediction, score_subject

SEED = 40


def main() -> None:
    """Sort the errors of every scan, count them, and draw some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="a set's folder of benchmark_models.py")
    parser.add_argument("scans", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stages", default=ALL_STAGES)
    parser.add_argument("--point", default="balanced")
    parser.add_argument("--count", type=int, default=40, help="pictures of either kind")
    arguments = parser.parse_args()
    folder = arguments.results / arguments.stages
    subjects = sorted(path.name for path in (folder / arguments.point).glob("sub-*"))
    if not subjects:
        parser.error(f"{folder / arguments.point} holds no results; run training/benchmark_models.py first")
    errors = [
        tile
        for subject in track(subjects, description="Sorting")
        for tile in _tiles(arguments.scans, folder, arguments.point, subject)
    ]
    arguments.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    for missed, name in ((True, "missed"), (False, "false")):
        own = [one for one in errors if one.error.missed == missed]
        drawn = chosen(own, arguments.count, rng)
        title = f"{len(drawn)} of {len(own)} {name}: {len(subjects)} simulated scans, {arguments.point} threshold"
        sheet(drawn, title).save(arguments.out / f"{name}.png", optimize=True)
        for cause, count in Counter(one.error.cause for one in own).most_common():
            print(f"{name}: {count:3d} {cause}")


def _tiles(scans: Path, folder: Path, point: str, subject: str) -> list[ErrorTile]:
    files = files_of(scans, subject)
    stored = kept(folder / subject)
    if stored is None or stored.candidates is None:
        raise SystemExit(f"{folder / subject} holds no search; run training/benchmark_models.py again")
    image = read_scan(files.image).image
    _, lesions = score_subject(subject, files.truth, find_prediction(folder / point, subject), files.mimics)
    rules = listed_rules(stored, folder, point)
    found = error_causes(lesions, stored.candidates, rules, image, sitk.ReadImage(str(files.truth), sitk.sitkUInt8))
    window = display_window(image, image > 0)
    return [ErrorTile(one, crop(image, window, one.lesion), f"{subject} {cohort_of(subject)}") for one in found]


if __name__ == "__main__":
    main()
