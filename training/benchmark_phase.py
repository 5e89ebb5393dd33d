"""Measure on simulated scans how well phase tells blood from calcium, and whether its sign is found.

    python training/benchmark_phase.py --label-maps LABELS/ --out phase_benchmark/ --count 60

Simulates scans with phase of all protocols from label maps 13 to 16, which no model was trained on (those that are
there already are not made again), asks the phase at the place of every microbleed, calcification and cavernoma of the
truth, and writes ``figures.json`` and ``figures.md``: no detector runs.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from rich.progress import track

import synthesize
from cmbtraining.benchmark.phase_signs import as_json, ask, table_of
from cmbtraining.benchmark.sets import LABEL_MAPS
from cmbtraining.synthesis.acquisition import ALL_PROTOCOLS
from cmbtraining.synthesis.load import TRAINING

SEED = 1900


def main() -> None:
    """Simulate what is missing, ask, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label-maps", type=Path, help="folder of label maps; without it, scans in --out are asked")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--echoes", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.label_maps is not None:
        every = sorted(arguments.label_maps.glob("*.nii*"))
        maps = [every[number - 1] for number in LABEL_MAPS]
        jobs = synthesize.plan(maps, list(ALL_PROTOCOLS), arguments.count, SEED, arguments.out, TRAINING)
        for job in track(jobs, "Simulating"):
            if not (job.out / job.subject / f"{job.subject}_truth.json").exists():
                synthesize.run(replace(job, phase_echoes=arguments.echoes))
    folders = sorted(path.parent for path in arguments.out.glob("*/*_truth.json"))
    if not folders:
        parser.error(f"no simulated scans in {arguments.out}")
    scans = [ask(folder) for folder in track(folders, "Asking")]
    (arguments.out / "figures.json").write_text(json.dumps(as_json(scans), indent=1))
    table = table_of(scans)
    (arguments.out / "figures.md").write_text(table + "\n")
    print(table)


if __name__ == "__main__":
    main()
