"""Preprocess raw subjects in VALDO's layout: clean, resample, crop to the brain (the paper's section V-B).

    python training/preprocess.py --raw VALDO/ --out preprocessed/ --spacing 0.5
    python training/preprocess.py --raw VALDO/ --out preprocessed/ --scheduler tcp://10.0.0.1:8786

Call it again to go on where it was stopped: finished subjects are left as they are. What came in and
out of each stands in preprocessing.csv. A scheduler's workers need this checkout installed
(pip install -e '.[train]'), training/ on their PYTHONPATH, and both folders at the same paths.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from dask.distributed import Client, LocalCluster, as_completed
from rich.console import Console
from rich.progress import Progress

from cmbtraining.data.dataset import DatasetError, find_subjects
from cmbtraining.data.preprocessing import Job, Row, preprocess

SEQUENCES = ("T2S", "T1", "T2")


def main(arguments: Sequence[str] | None = None) -> int:
    """Plan the subjects, hand them to the cluster, write the report; 2 if a subject failed."""
    options = _parser().parse_args(arguments)
    spacing = tuple(options.spacing * 3 if len(options.spacing) == 1 else options.spacing)
    if len(spacing) != 3 or min(spacing) <= 0:
        print(f"error: --spacing takes one or three sizes above 0, not {options.spacing}.", file=sys.stderr)
        return 2
    sequences = ("T2S", *(s for s in options.sequences if s != "T2S"))
    try:
        subjects = find_subjects(options.raw)
    except DatasetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if any(subject.form for subject in subjects):
        print(f"error: {options.raw} holds preprocessed subjects; give the raw ones.", file=sys.stderr)
        return 2
    jobs = [Job(subject, sequences, spacing, options.out) for subject in subjects]
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        with _cluster(options.scheduler, options.processes, len(jobs)) as client:
            rows = run(jobs, client)
    except OSError as error:
        print(f"error: the scheduler {options.scheduler} cannot be reached ({error}).", file=sys.stderr)
        return 4
    report = options.out / "preprocessing.csv"
    with report.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, [f.name for f in dataclasses.fields(Row)])
        table.writeheader()
        table.writerows(map(dataclasses.asdict, rows))
    failed = [row for row in rows if row.error]
    for row in failed:
        print(f"error: {row.subject}: {row.error.removeprefix(row.subject).lstrip(': ')}", file=sys.stderr)
    print(f"{len(rows) - len(failed)} of {len(rows)} subjects are in {options.out}; see {report.name}")
    return 2 if failed else 0


def run(jobs: Sequence[Job], client: Client) -> list[Row]:
    """Preprocess on a cluster, told by a progress bar; rows sorted by subject."""
    futures = client.map(preprocess, jobs, pure=False)
    rows = []
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("Preprocessing", total=len(jobs))
        for _, row in as_completed(futures, with_results=True):
            rows.append(row)
            bar.update(task, advance=1, description=f"Preprocessed {row.subject}")
    return sorted(rows, key=lambda row: row.subject)


def _cluster(scheduler: str | None, processes: int, jobs: int) -> Client:
    """Connect to a scheduler, or start processes on this machine."""
    if scheduler:
        return Client(scheduler, timeout=20)
    local = LocalCluster(
        n_workers=max(1, min(processes, jobs)),
        threads_per_worker=1,
        dashboard_address=None,
        silence_logs=logging.ERROR,
    )
    return Client(local)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True, help="subjects in VALDO's layout")
    parser.add_argument("--out", type=Path, required=True, help="folder for the preprocessed subjects")
    parser.add_argument("--spacing", type=float, nargs="+", default=[0.5], help="mm, one or three (default: 0.5)")
    parser.add_argument("--sequences", nargs="+", choices=SEQUENCES, default=list(SEQUENCES), help="default: all")
    parser.add_argument("--scheduler", help="address of a Dask scheduler (default: this machine)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="on this machine (default: all cores)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
