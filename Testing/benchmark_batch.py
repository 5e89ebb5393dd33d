"""How much faster several workers search a dataset than one, and what the batch costs beside the detection itself.

    python Testing/benchmark_batch.py [--scans 8] [--rounds 3] [--workers 1 2]

Every worker has one thread, so that the workers do not fight for the cores. In each round the same scans are searched
without the batch and by each number of workers, one after the other, and what is printed is the median over the rounds:
a machine that others use too slows all of them down alike. CPU seconds say the same without the waiting. The scans are
made up (a head of 45 or so voxels a side with two dark spots); the model is the bundled one unless --model is given.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "CMBSegmentation"), str(ROOT / "CMBSegmentation" / "Testing"), str(ROOT / "CMBScribbleGrow")]

import SimpleITK as sitk  # noqa: E402
from dark_spots import ball_brain  # noqa: E402

from CMBSegmentationLib.batch.bids import BidsScan, find_scans  # noqa: E402
from CMBSegmentationLib.batch.cluster import run_jobs, workers  # noqa: E402
from CMBSegmentationLib.batch.jobs import Job, Row, do_scan  # noqa: E402
from CMBSegmentationLib.models.hardware import usable_cores  # noqa: E402
from CMBSegmentationLib.models.loaded_models import Stages, load_stages  # noqa: E402
from CMBSegmentationLib.running.run import Request, run  # noqa: E402


@dataclass(frozen=True)
class Taken:
    """Seconds by the clock and of the processors."""

    wall: float
    cpu: float


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=8, help="a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--spacing", type=float, default=2.0, help="mm; the head is 90 mm wide")
    parser.add_argument("--model", help="an .onnx file or the name of a bundled model")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options)
    return 0


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Search the same scans without the batch, then with each number of workers, and again."""
    scans = find_scans(make_dataset(folder / "data", options.scans, options.spacing))
    stages = load_stages(options.model, options.device, threads=1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    detector = stages.detector
    print(f"{options.rounds} rounds of {len(scans)} scans of {options.spacing:g} mm, {detector.manifest.name} ", end="")
    print(f"on {detector.device}, {usable_cores()} cores, one thread a worker")
    bare: list[Taken] = []
    batch: dict[int, list[Taken]] = {number: [] for number in options.workers}
    with ExitStack() as stack:
        clients = {number: stack.enter_context(workers(None, number)) for number in options.workers}
        warm = Job(scans[0], folder / "warm", options.model, options.device, overwrite=True)
        _warm(warm)
        for client in clients.values():
            client.run(_warm, warm)  # starting a worker and loading its model is done once a batch
        for turn in range(options.rounds):
            bare.append(_alone(scans, folder / f"bare-{turn}", stages, options.device))
            for number, client in clients.items():
                out = folder / f"workers-{number}-{turn}"
                jobs = [Job(scan, out, options.model, options.device) for scan in scans]
                batch[number].append(_by_workers(jobs, client))

    print(f"detection alone: {median(t.wall for t in bare) / len(scans):.2f} s a scan")
    first = batch[options.workers[0]]
    for number, taken in batch.items():
        times = median(a.wall / b.wall for a, b in zip(first, taken, strict=True))
        said = (
            f"{number} workers: {median(t.wall for t in taken) / len(scans):.2f} s a scan, {times:.2f} times the first"
        )
        wall, cpu = (
            median(getattr(b, kind) / getattr(a, kind) for a, b in zip(bare, taken, strict=True))
            for kind in ("wall", "cpu")
        )
        more = f", {100 * (wall - 1):+.0f} % beside detection alone" if number == 1 else ""
        print(f"{said}{more}; CPU {100 * (cpu - 1):+.0f} %")


def _alone(scans: list[BidsScan], out: Path, stages: Stages, device: str) -> Taken:
    started, used = time.perf_counter(), time.process_time()
    for scan in scans:
        run(Request(scan.path, out / scan.folder, device=device), loaded=stages)
    return Taken(time.perf_counter() - started, time.process_time() - used)


def _by_workers(jobs: list[Job], client: Any) -> Taken:
    used = sum(client.run(time.process_time).values())
    started = time.perf_counter()
    rows: list[Row] = run_jobs(jobs, client, lambda row: None)
    seconds = time.perf_counter() - started
    for row in rows:
        assert not row.error, row.error
    return Taken(seconds, sum(client.run(time.process_time).values()) - used)


def make_dataset(folder: Path, scans: int, spacing: float) -> Path:
    """Write one head and link it as often as asked for."""
    folder.mkdir(parents=True)
    head = folder / "head.nii.gz"
    sitk.WriteImage(ball_brain(spacing=(spacing, spacing, spacing))[0], str(head))
    for number in range(1, scans + 1):
        path = folder / f"sub-{number:04d}" / "anat" / f"sub-{number:04d}_T2starw.nii.gz"
        path.parent.mkdir(parents=True)
        path.symlink_to(head)
    return folder


def _warm(job: Job) -> None:
    do_scan(replace(job, out=job.out / str(os.getpid())))


if __name__ == "__main__":
    sys.exit(main())
