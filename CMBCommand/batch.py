"""The command `cmb batch`, and what it shares with `cmb bids`: one way to search a data set."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from CMBSegmentationLib.batch.bids import BidsScan, find_scans, left_out
from CMBSegmentationLib.batch.cluster import run_jobs, workers
from CMBSegmentationLib.batch.cohort import write_lesions, write_page, write_table
from CMBSegmentationLib.batch.derivatives import dataset_name, write_descriptions
from CMBSegmentationLib.batch.jobs import Job, Row, earlier_row
from CMBSegmentationLib.batch.parcellations import check_pattern
from CMBSegmentationLib.batch.plan import about, common_of, keep_common, namesakes
from CMBSegmentationLib.detecting.detect import Settings
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.draft_folder import remove_forgotten_drafts
from CMBSegmentationLib.files.paths import printable
from CMBSegmentationLib.models.hardware import DEVICES, usable_cores
from CMBSegmentationLib.models.loaded_models import StageChoice, from_any_folder, load_stages
from CMBSegmentationLib.results.folder import check_output_folder
from CMBSegmentationLib.running.options import stages_from
from CMBSegmentationLib.vocabulary.numbers import counted

from .printing import time_left

MOST_NAMED = 3


class Watch(Protocol):
    """Is told how a search comes along, from several threads."""

    def begin(self, total: int, done: int, waiting: bool) -> None:
        """So many scans, of which so many were done before; `waiting` for the first worker."""

    def move(self, job: Job, share: float) -> None:
        """A scan has come so far, 0 to 1."""

    def end(self, row: Row) -> None:
        """A scan has ended."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add BIDS_DIR, OUT and the rest to a parser."""
    add_folders(parser)
    add_search_options(parser)


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Add BIDS_DIR and OUT."""
    parser.add_argument("dataset", metavar="BIDS_DIR", type=Path, help="a BIDS dataset")
    parser.add_argument("out", metavar="OUT", type=Path, help="folder for the derivatives; call again to go on")


def add_search_options(parser: argparse.ArgumentParser) -> None:
    """Add what says how scans are searched."""
    parser.add_argument("--workers", metavar="N", type=int, help="processes on this machine (default: one a core)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, in place of this machine")
    parser.add_argument("--model", metavar="MODEL", help="an .onnx file or the name of a bundled model")
    parser.add_argument(
        "--threshold", metavar="P", type=float, help="probability, 0.001 to 0.999 (default: the model's)"
    )
    parser.add_argument("--device", default="auto", help=f"{', '.join(DEVICES)} (default: auto)")
    parser.add_argument("--regions", metavar="MODEL", default=StageChoice.regions, help="as of cmb detect")
    parser.add_argument("--verifier", metavar="MODEL", default=StageChoice.verifier, help="as of cmb detect")
    parser.add_argument(
        "--parcellation",
        metavar="PATTERN",
        help="path of each scan's parcellation, in the dataset, with {subject}, {session}, {scan} or {folder}: "
        "derivatives/freesurfer/sub-{subject}/aparc+aseg.nii.gz; in place of --regions",
    )
    parser.add_argument("--overwrite", action="store_true", help="search again what was searched before")


def run(arguments: argparse.Namespace, screen: Console) -> int:
    """Search a dataset; 2 if a scan failed, after all others are done."""

    def say(text: str) -> None:
        screen.print(text, highlight=False, soft_wrap=True, markup=False)

    dataset, out = folders_of(arguments)
    check_search_options(arguments)
    scans = find_scans(dataset)
    tell_left_out(left_out(dataset, scans), say)
    jobs = planned(arguments, dataset, out, scans)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *time_left())
    with Progress(*columns, console=screen, transient=True) as bar:
        rows = search(jobs, arguments, ScansDone(bar))
    files = pool(rows, dataset, out)
    failed = [row for row in rows if row.error]
    for row in failed:
        say(f"Failed: {row.name}: {row.error} {row.hint}")
    earlier = sum(row.is_earlier for row in rows)
    said = f"Done: {len(rows) - len(failed)} of {counted(len(rows), 'scan')}"
    print(said + (f", {earlier} of them in an earlier run." if earlier else "."))
    print("\n".join(files))
    return 2 if failed else 0


def folders_of(arguments: argparse.Namespace) -> tuple[Path, Path]:
    """Give the dataset and the folder for its derivatives, absolute, as workers start elsewhere."""
    dataset, out = arguments.dataset.resolve(), arguments.out.resolve()
    if out == dataset:
        raise InputError(
            f"{out} is the dataset itself.", "Give a folder of its own: derivatives/slicer-cmb in it, say."
        )
    return dataset, out


def check_search_options(arguments: argparse.Namespace) -> None:
    """Refuse options that no search can have."""
    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers must be 1 or more, not {arguments.workers}.", "Without it, there is one per core.")


def tell_left_out(found: Mapping[str, Sequence[Path]], say: Callable[[str], None]) -> None:
    """Say which T2*-weighted and SWI images are not searched themselves, and why."""
    for kind, paths in found.items():
        shown = ", ".join(printable(path.name) for path in paths[:MOST_NAMED])
        more = " …" if len(paths) > MOST_NAMED else ""
        say(f"Not searched: {counted(len(paths), 'image')} ({kind}): {shown}{more}.")


def planned(
    arguments: argparse.Namespace, dataset: Path, out: Path, scans: Sequence[BidsScan], *, are_all: bool = True
) -> list[Job]:
    """Check folder, models and settings before any work, describe the derivatives, and give a job for each scan.

    Where these are not all scans of the dataset, the others' results stay: no other model or threshold may come in.
    """
    settings = Settings(threshold=arguments.threshold)
    chosen = stages_from(arguments)
    choice = StageChoice(from_any_folder(chosen.regions), from_any_folder(chosen.verifier))
    pattern = check_pattern(arguments.parcellation) if arguments.parcellation else ""
    check_output_folder(out, (), overwrite=True)
    stages = load_stages(arguments.model, arguments.device, choice)  # a wrong model is told once, not for every scan
    keep_common(out, common_of(stages, settings, pattern), arguments.overwrite and are_all)
    write_descriptions(out, dataset)
    threads = 1 if arguments.scheduler else max(1, usable_cores() // _number(arguments, len(scans)))
    model = None if arguments.model is None else from_any_folder(arguments.model)
    return [
        Job(scan, out, model, arguments.device, choice, settings, threads, arguments.overwrite, pattern)
        for scan in scans
    ]


def search(jobs: list[Job], arguments: argparse.Namespace, watch: Watch) -> list[Row]:
    """Take over what is there, hand out the rest; workers start only if something is left."""
    for folder in {job.folder for job in jobs}:
        remove_forgotten_drafts(folder)
    rows = namesakes(jobs)
    if not jobs[0].overwrite:
        rows |= {job: row for job in jobs if job not in rows and (row := earlier_row(job)) is not None}
    left = [job for job in jobs if job not in rows]
    if left:
        with workers(arguments.scheduler, _number(arguments, len(jobs))) as client:
            watch.begin(len(jobs), len(rows), waiting=not client.scheduler_info()["workers"])
            found = run_jobs(left, client, watch.end, moved=watch.move)
        rows |= dict(zip(left, found, strict=True))
    return [rows[job] for job in jobs]


def pool(rows: Sequence[Row], dataset: Path, out: Path) -> list[str]:
    """Write the tables and the page of all scans; give a line on each."""
    told = about(out)
    table, lesions = write_table(rows, out), write_lesions(rows, out)
    page = write_page(rows, out, printable(dataset_name(dataset)), told)
    return [f"  Table: {table}", f"Lesions: {lesions}", f"   Page: {page}"]


class ScansDone:
    """Moves a batch's bar: by a whole for each scan that ended, by its share for each that is being searched.

    Parameters
    ----------
    bar : rich.progress.Progress
    """

    def __init__(self, bar: Progress) -> None:
        self._bar, self._done = bar, 0
        self._task: TaskID = TaskID(0)
        self._shares: dict[BidsScan, float] = {}
        self._ended: set[BidsScan] = set()
        self._lock = Lock()

    def begin(self, total: int, done: int, waiting: bool) -> None:
        """Show the bar: so many scans, of which so many ended before."""
        self._done = done
        begun = "Waiting for workers" if waiting else "Searching"
        self._task = self._bar.add_task(begun, total=total, completed=done)

    def end(self, row: Row) -> None:
        """Count a scan that ended."""
        with self._lock:
            self._done += 1
            self._ended.add(row.scan)
            self._shares.pop(row.scan, None)
            self._show(row.scan)

    def move(self, job: Job, share: float) -> None:
        """Show that a scan has come so far, 0 to 1."""
        with self._lock:
            if job.scan not in self._ended:  # what a worker said last may come after its result
                self._shares[job.scan] = share
                self._show(job.scan)

    def _show(self, scan: BidsScan) -> None:
        completed = self._done + sum(self._shares.values())
        self._bar.update(self._task, completed=completed, description=printable(scan.stem))


def _number(arguments: argparse.Namespace, scans: int) -> int:
    return min(arguments.workers or usable_cores(), scans)
