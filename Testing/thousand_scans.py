"""A thousand small scans through the batch on a Dask cluster, a worker killed half way: all done, none twice.

    python Testing/thousand_scans.py [--scans 1000] [--workers 2]

Scans are made-up heads of 64 voxels a side with two dark spots each, searched by a network written by hand, so that
what is measured is the batch: its bookkeeping, its recovery and its memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = [ROOT / "CMBSegmentation", ROOT / "CMBSegmentation" / "Testing", ROOT / "CMBScribbleGrow"]
sys.path[:0] = [str(folder) for folder in FOLDERS]

import SimpleITK as sitk  # noqa: E402
from counted_jobs import counted  # noqa: E402
from dark_spots import ball_brain, write_dark_voxel_model  # noqa: E402

from CMBSegmentationLib.batch.bids import find_scans  # noqa: E402
from CMBSegmentationLib.batch.cluster import run_jobs, workers  # noqa: E402
from CMBSegmentationLib.batch.jobs import Job, Row  # noqa: E402

SIDE = 64


def main() -> int:
    """Run, and print a table; 1 if a scan is missing or was searched twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, FOLDERS))  # for the workers
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder), options.scans, options.workers)


def measure(folder: Path, scans: int, number: int) -> int:
    """Search all scans, kill one worker after half of them, and count."""
    model = write_dark_voxel_model(folder / "dark.onnx")
    out = folder / "out"
    out.mkdir()
    jobs = [Job(scan, out, str(model), "cpu") for scan in find_scans(make_dataset(folder / "data", scans))]
    seen: list[Row] = []
    started = time.perf_counter()
    with workers(None, number) as client:
        pids = list(client.run(os.getpid).values())

        def told(row: Row) -> None:
            seen.append(row)
            if len(seen) == scans // 2:
                os.kill(pids[0], signal.SIGKILL)

        rows = run_jobs(jobs, client, told, counted)
        seconds = time.perf_counter() - started
    notes = out / "searched.txt"
    searched = Counter(notes.read_text().split() if notes.exists() else [])
    twice = [name for name, times in searched.items() if times > 1]
    failed = [row for row in rows if row.error]
    # the killed worker may leave a hidden draft beside the results of the scan it had in hand
    lists = len([p for p in out.rglob("*_desc-cmb_lesions.json") if not p.parent.name.startswith(".")])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"{scans} scans of {SIDE}³ voxels, {number} workers, one killed after {scans // 2}: {seconds:.0f} s")
    print(f"done {len(rows) - len(failed)}, lists {lists}, failed {len(failed)}, searched twice {len(twice)}")
    if failed:
        print(f"first failure: {failed[0].error} {failed[0].hint}")
    print(f"{scans / seconds:.1f} scans a second; the largest worker took {peak:.2f} GiB")
    return int(bool(failed or twice or lists != scans))


def make_dataset(folder: Path, scans: int) -> Path:
    """Write one head of `SIDE` voxels a side and link it as often as asked for."""
    folder.mkdir(parents=True)
    head = folder / "head.nii.gz"
    image = ball_brain(spacing=(1.5, 1.5, 1.5))[0]
    size = image.GetSize()
    low = [max(0, (SIDE - n) // 2) for n in size]
    padded = sitk.ConstantPad(image, low, [max(0, SIDE - n - a) for n, a in zip(size, low, strict=True)], 0.0)
    sitk.WriteImage(sitk.RegionOfInterest(padded, [SIDE] * 3, [(n - SIDE) // 2 for n in padded.GetSize()]), str(head))
    for number in range(1, scans + 1):
        path = folder / f"sub-{number:04d}" / "anat" / f"sub-{number:04d}_T2starw.nii.gz"
        path.parent.mkdir(parents=True)
        path.symlink_to(head)
    return folder


if __name__ == "__main__":
    sys.exit(main())
