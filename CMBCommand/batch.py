"""The command `cmb batch`."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from threading import Lock
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from CMBSegmentationLib.batch.bids import BidsScan, dataset_name, find_scans, left_out, write_dataset_description
from CMBSegmentationLib.batch.cluster import run_jobs, workers
from CMBSegmentationLib.batch.cohort import write_lesions, write_page, write_table
from CMBSegmentationLib.batch.jobs import Job, Row, earlier_row
from CMBSegmentationLib.batch.parcellations import check_pattern
from CMBSegmentationLib.detecting.detect import Settings
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.atomic_file import replacing
from CMBSegmentationLib.files.draft_folder import remove_forgotten_drafts
from CMBSegmentationLib.files.fields import read_json
from CMBSegmentationLib.files.paths import printable
from CMBSegmentationLib.models.hardware import DEVICES, usable_cores
from CMBSegmentationLib.models.loaded_models import StageChoice, Stages, load_stages
from CMBSegmentationLib.results.folder import check_output_folder
from CMBSegmentationLib.running.options import stages_from
from CMBSegmentationLib.vocabulary.numbers import counted

from .printing import time_left

SETTINGS = "batch_settings.json"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add BIDS_DIR, OUT and the rest to a parser."""
    parser.add_argument("dataset", metavar="BIDS_DIR", type=Path, help="a BIDS dataset")
    parser.add_argument("out", metavar="OUT", type=Path, help="folder for the derivatives; call again to go on")
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
    dataset, out = arguments.dataset.resolve(), arguments.out.resolve()
    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers must be 1 or more, not {arguments.workers}.", "Without it, there is one per core.")
    scans = find_scans(dataset)
    others = left_out(dataset, scans)
    if others:
        names = ", ".join(others[:3]) + (" …" if len(others) > 3 else "")
        screen.print(
            f"Not searched: {counted(len(others), 'image')} (phase, projection, map or shorter echo): {names}.",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )
    if out == dataset:
        raise InputError(
            f"{out} is the dataset itself.", "Give a folder of its own: derivatives/slicer-cmb in it, say."
        )
    settings = Settings(threshold=arguments.threshold)
    chosen = stages_from(arguments)
    choice = StageChoice(_path_or_name(chosen.regions), _path_or_name(chosen.verifier))
    pattern = check_pattern(arguments.parcellation) if arguments.parcellation else ""
    check_output_folder(out, (), overwrite=True)
    stages = load_stages(arguments.model, arguments.device, choice)  # a wrong model is told once, not for every scan
    _check_settings(out, _wanted(stages, settings, pattern), arguments.overwrite)
    write_dataset_description(out)

    number = min(arguments.workers or usable_cores(), len(scans))
    threads = 1 if arguments.scheduler else max(1, usable_cores() // number)
    model = None if arguments.model is None else _path_or_name(arguments.model)
    jobs = [
        Job(scan, out, model, arguments.device, choice, settings, threads, arguments.overwrite, pattern)
        for scan in scans
    ]
    rows = _search(jobs, arguments.scheduler, number, screen)
    table, lesions = write_table(rows, out), write_lesions(rows, out)
    page = write_page(rows, out, printable(dataset_name(dataset)), _about(stages, settings))
    failed = [row for row in rows if row.error]
    for row in failed:
        screen.print(f"Failed: {row.name}: {row.error} {row.hint}", highlight=False, soft_wrap=True, markup=False)
    earlier = sum(row.is_earlier for row in rows)
    said = f"Done: {len(rows) - len(failed)} of {counted(len(rows), 'scan')}"
    print(said + (f", {earlier} of them in an earlier run." if earlier else "."))
    print(f"  Table: {table}\nLesions: {lesions}\n   Page: {page}")
    return 2 if failed else 0


def _search(jobs: list[Job], scheduler: str | None, number: int, screen: Console) -> list[Row]:
    """Take over what is there, hand out the rest; workers start only if something is left."""
    for folder in {job.folder for job in jobs}:
        remove_forgotten_drafts(folder)
    rows = _namesakes(jobs)
    if not jobs[0].overwrite:
        rows |= {job: row for job in jobs if job not in rows and (row := earlier_row(job)) is not None}
    left = [job for job in jobs if job not in rows]
    if left:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *time_left())
        with workers(scheduler, number) as client, Progress(*columns, console=screen, transient=True) as bar:
            begun = "Searching" if client.scheduler_info()["workers"] else "Waiting for workers"
            shown = ScansDone(bar, bar.add_task(begun, total=len(jobs), completed=len(rows)), len(rows))
            found = run_jobs(left, client, shown.end, moved=shown.move)
        rows |= dict(zip(left, found, strict=True))
    return [rows[job] for job in jobs]


class ScansDone:
    """Moves a batch's bar: by a whole for each scan that ended, by its share for each that is being searched.

    Parameters
    ----------
    bar : rich.progress.Progress
    task : rich.progress.TaskID
    done : int
        Scans that ended before.
    """

    def __init__(self, bar: Progress, task: TaskID, done: int) -> None:
        self._bar, self._task, self._done = bar, task, done
        self._shares: dict[BidsScan, float] = {}
        self._ended: set[BidsScan] = set()
        self._lock = Lock()

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


def _namesakes(jobs: list[Job]) -> dict[Job, Row]:
    """Give an error row to each scan whose results would replace those of another: ``x.nii`` beside ``x.nii.gz``."""
    taken: dict[Path, Job] = {}
    rows = {}
    for job in sorted(jobs, key=lambda one: not one.scan.path.name.endswith(".gz")):
        first = taken.setdefault(job.folder / job.scan.stem, job)
        if first is not job:
            names = [printable(one.scan.path.name) for one in (job, first)]
            rows[job] = Row(
                job.scan,
                error=f"{names[0]} lies beside {names[1]}: their results would have the same names.",
                hint="The other was taken. Remove one of them, or give it another name.",
            )
    return rows


def _about(stages: Stages, settings: Settings) -> str:
    """Say how and when the cohort was searched."""
    names = [f"{one.manifest.name} {one.manifest.version}" for one in (stages.detector, stages.verifier) if one]
    threshold = stages.judge.manifest.threshold if settings.threshold is None else settings.threshold
    day = datetime.now(timezone.utc).date().isoformat()
    return f"Searched by {' and '.join(names)} at threshold {threshold:g}, as of {day}."


def _wanted(stages: Stages, settings: Settings, parcellation: str) -> dict[str, Any]:
    """What all results of a cohort have in common: models by name and content, settings, where regions come from."""
    models = {"model": stages.detector, "regions": stages.regions, "verifier": stages.verifier}
    told = {
        kind: one and {"name": one.manifest.name, "version": one.manifest.version, "sha256": one.sha256}
        for kind, one in models.items()
    }
    return {**told, "settings": asdict(settings), **({"parcellation": parcellation} if parcellation else {})}


def _check_settings(out: Path, wanted: dict[str, Any], overwrite: bool) -> None:
    """Refuse to mix results of different models or thresholds in one cohort."""
    path = out / SETTINGS
    if path.exists() and not overwrite:
        try:
            begun = read_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            hint = "Give another folder, or --overwrite to search everything again."
            raise InputError(f"{path} cannot be read ({error}).", hint) from error
        if begun != wanted:
            raise InputError(
                f"{out} was started with another model, threshold or parcellation (see {SETTINGS}).",
                "Give the same ones, another folder, or --overwrite to search everything again.",
            )
    with replacing(path) as draft:
        draft.write_text(json.dumps(wanted, indent=1), encoding="utf-8")


def _path_or_name(model: str) -> str:
    """Make a model's path good for workers that start in another folder."""
    return str(Path(model).resolve()) if os.path.exists(model) else model
