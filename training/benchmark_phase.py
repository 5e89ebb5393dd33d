"""Measure on simulated scans how well phase tells blood from calcium, and what it does to the detector's list.

    python training/benchmark_phase.py --label-maps LABELS/ --out phase_benchmark/ --count 60

Simulates scans with phase of all protocols from label maps 13 to 16, which no model was trained on, asks the phase at
the place of every microbleed, calcification and cavernoma of the truth, and searches each scan with the bundled
networks, once: what is listed with and without phase is known from that. Each scan's figures are kept beside it
(``phase_figures.json``): a call that was stopped goes on with the scans that are left. Writes ``figures.json`` and
``figures.md``. Two processes of one thread each take several minutes a scan for large ones.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import SimpleITK as sitk
from rich.progress import track

import synthesize
from CMBSegmentationLib.files.atomic_file import replacing
from CMBSegmentationLib.models.loaded_models import Stages, load_stages
from cmbtraining.benchmark.backgrounds import BACKGROUNDS
from cmbtraining.benchmark.phase_signs import ScanSigns, as_json, ask, scan_from_json, table_of
from cmbtraining.benchmark.sets import LABEL_MAPS
from cmbtraining.synthesis.acquisition import ALL_PROTOCOLS
from cmbtraining.synthesis.load import TRAINING

SEED = 1900
FIGURES = "phase_figures.json"


def main() -> None:
    """Simulate and ask what is missing, and write the figures of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label-maps", type=Path, help="folder of label maps; without it, scans in --out are asked")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--echoes", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--background",
        choices=("", *BACKGROUNDS),
        default="",
        help="take the background off the whole image first, and ask the truth's places only: to compare",
    )
    arguments = parser.parse_args()
    figures = f"phase_figures_{arguments.background}.json" if arguments.background else FIGURES
    if arguments.label_maps is not None:
        every = sorted(arguments.label_maps.glob("*.nii*"))
        maps = [every[number - 1] for number in LABEL_MAPS]
        jobs = synthesize.plan(maps, list(ALL_PROTOCOLS), arguments.count, SEED, arguments.out, TRAINING)
        jobs = [replace(job, phase_echoes=arguments.echoes) for job in jobs]
    else:
        jobs = []
    todo: list[synthesize.Job | Path] = [job for job in jobs if not (job.out / job.subject / figures).exists()]
    planned = {job.out / job.subject for job in jobs}
    there = {path.parent for path in arguments.out.glob("*/*_truth.json")}
    todo += sorted(folder for folder in there - planned if not (folder / figures).exists())
    if not jobs and not there:
        parser.error(f"no simulated scans in {arguments.out}")
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the processes that are begun now
    if todo:
        with multiprocessing.get_context("spawn").Pool(arguments.processes, initializer=_one_thread) as pool:
            for _ in track(
                pool.imap_unordered(partial(_measured, background=arguments.background, figures=figures), todo),
                "Measuring",
                total=len(todo),
            ):
                pass
    scans = [scan_from_json(json.loads(path.read_text())) for path in sorted(arguments.out.glob(f"*/{figures}"))]
    name = figures.removeprefix("phase_").removesuffix(".json")
    (arguments.out / f"{name}.json").write_text(json.dumps(as_json(scans), indent=1))
    table = table_of(scans)
    (arguments.out / f"{name}.md").write_text(table + "\n")
    print(table)


def _measured(job: synthesize.Job | Path, background: str, figures: str) -> None:
    """Simulate a scan where it is not there, ask it, and keep its figures."""
    folder = job if isinstance(job, Path) else job.out / job.subject
    if isinstance(job, synthesize.Job) and not (folder / f"{job.subject}_truth.json").exists():
        synthesize.run(job)
    _keep(ask(folder, None if background else _stages(), background), folder / figures)


def _keep(scan: ScanSigns, path: Path) -> None:
    """Write a scan's figures, whole or not at all."""
    with replacing(path) as draft:
        draft.write_text(json.dumps(as_json([scan])[0]))


@cache
def _stages() -> Stages:
    return load_stages(None, "cpu", threads=1)


def _one_thread() -> None:
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


if __name__ == "__main__":
    main()
