"""How much faster two workers search a dataset than one, and what the batch costs beside the detection itself.

    python Testing/benchmark_batch.py [--scans 16] [--workers 1 2]

Every worker's network has one thread, so that the workers do not fight for the cores. The scans are made
up (a head of 45 or so voxels a side with two dark spots); the model is the bundled one unless --model is given.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "CMBSegmentation"), str(ROOT / "CMBSegmentation" / "Testing"), str(ROOT / "CMBScribbleGrow")]

import SimpleITK as sitk  # noqa: E402
from dark_spots import ball_brain  # noqa: E402

from CMBSegmentationLib.batch.cluster import run_jobs, workers  # noqa: E402
from CMBSegmentationLib.batch.jobs import Job, Row, do_scan  # noqa: E402
from CMBSegmentationLib.bids import find_scans  # noqa: E402
from CMBSegmentationLib.run import Request, run  # noqa: E402
from CMBSegmentationLib.stages import load_stages  # noqa: E402


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=16)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--spacing", type=float, default=2.0, help="mm; the head is 90 mm wide")
    parser.add_argument("--model", help="an .onnx file or the name of a bundled model")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options)
    return 0


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Search the same scans without the batch, then with each number of workers."""
    scans = find_scans(make_dataset(folder / "data", options.scans, options.spacing))
    stages = load_stages(options.model, "cpu", threads=1)
    run(Request(scans[0].path, folder / "warm", device="cpu"), loaded=stages)
    started = time.perf_counter()
    for scan in scans:
        run(Request(scan.path, folder / "bare" / scan.folder, device="cpu"), loaded=stages)
    bare = time.perf_counter() - started
    print(f"{len(scans)} scans of {options.spacing:g} mm, model {stages.detector.manifest.name}, one thread a worker")
    print(f"detection alone: {bare:.1f} s ({bare / len(scans):.2f} s a scan)")

    first = None
    for number in options.workers:
        out = folder / f"workers-{number}"
        jobs = [Job(scan, out, options.model, "cpu") for scan in scans]
        with workers(None, number) as client:
            warm = Job(scans[0], folder / f"warm-{number}", options.model, "cpu", overwrite=True)
            client.run(_warm, warm)  # starting a worker and loading its model is done once a batch
            started = time.perf_counter()
            rows: list[Row] = run_jobs(jobs, client, lambda row: None)
            seconds = time.perf_counter() - started
        assert not any(row.error for row in rows), rows[0].error
        first = first or seconds
        said = f"{number} workers: {seconds:.1f} s, {first / seconds:.2f} times the first"
        print(said + (f", {100 * (seconds / bare - 1):+.0f} % beside detection alone" if number == 1 else ""))


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
