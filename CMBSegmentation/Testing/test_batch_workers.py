"""Batches: threads, models, and workers and schedulers that end."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import SimpleITK as sitk
from batches import (
    batch,
    batch_on_cluster,
    last_takes_long,
    made_tiny,
    make_dataset,
    records,
    results,
)
from counted_jobs import counted
from dark_spots import only
from rich.console import Console
from rich.progress import Progress
from waiting import wait_until

from CMBCommand import cli
from CMBCommand.batch import ScansDone
from CMBSegmentationLib.batch.bids import find_scans
from CMBSegmentationLib.batch.cluster import run_jobs, workers
from CMBSegmentationLib.batch.jobs import Job, Row, do_scan
from CMBSegmentationLib.errors import MachineError
from CMBSegmentationLib.models.hardware import open_session
from CMBSegmentationLib.models.loaded_models import StageChoice, Stages, load_stages

__all__ = ["batch", "batch_on_cluster", "last_takes_long"]

pytestmark = pytest.mark.xdist_group("dask")


# Threads and models


@pytest.mark.parametrize(("number", "threads"), [(1, 4), (2, 2), (3, 1), (4, 1), (None, 1)])
def test_the_workers_share_the_cores(batch, tmp_path, a_small_head, monkeypatch, number, threads):
    given: list[Job] = []

    def search(jobs: list[Job], arguments: argparse.Namespace, _: object) -> list[Row]:
        assert (arguments.scheduler, arguments.workers) == (None, number)
        given.extend(jobs)
        return [Row(job.scan) for job in jobs]

    monkeypatch.setattr("CMBCommand.batch.usable_cores", lambda: 4)
    monkeypatch.setattr("CMBCommand.batch.search", search)
    options = ("--workers", str(number)) if number else ()
    assert batch(make_dataset(tmp_path / "data", a_small_head, 5), *options)[0] == 0
    assert {job.threads for job in given} == {threads}


def test_a_worker_loads_its_models_once_and_keeps_to_its_threads(tmp_path, dark_model, a_small_head, monkeypatch):
    loaded: list[int | None] = []

    def load(*arguments: Any, threads: int | None) -> Stages:
        loaded.append(threads)
        return load_stages(*arguments, threads=threads)

    monkeypatch.setattr("CMBSegmentationLib.batch.jobs.load_stages", load)
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    try:
        for job in jobs_of(make_dataset(tmp_path / "data", a_small_head, 3), tmp_path / "out", dark_model):
            assert not do_scan(job).error
        assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == 1
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert loaded == [1]


def test_openvino_leaves_it_to_the_system_on_which_core_a_worker_runs(dark_model):
    session, device = open_session(dark_model, "openvino", threads=1)
    assert device == "openvino"
    assert session._compiled.get_property("ENABLE_CPU_PINNING") is False


# On a cluster


def jobs_of(dataset: Path, out: Path, model: Path) -> list[Job]:
    out.mkdir()
    return [Job(scan, out, str(model), "cpu", StageChoice("none", "none")) for scan in find_scans(dataset)]


@pytest.mark.soak
def test_a_worker_that_is_killed_half_way_costs_nothing(tmp_path, dark_model, a_small_head):
    jobs = jobs_of(make_dataset(tmp_path / "data", a_small_head, 10), tmp_path / "out", dark_model)
    told: list[Row] = []
    with workers(None, 2) as client:
        pids = list(client.run(os.getpid).values())

        def tell(row: Row) -> None:
            told.append(row)
            if len(told) == 3:
                os.kill(pids[0], signal.SIGKILL)

        rows = run_jobs(jobs, client, tell, counted)
    assert [row.scan for row in rows] == [job.scan for job in jobs]
    assert not [row.error for row in rows if row.error]
    assert len(results(tmp_path / "out")) == len(told) == 10
    searched = Counter((tmp_path / "out" / "searched.txt").read_text().split())
    assert max(searched.values()) == 1
    assert len(searched) >= 9  # the one in hand when the worker died may have been finished but not noted


def test_the_bar_moves_while_a_scan_is_searched(a_cluster, tmp_path, dark_model, last_takes_long):
    (job, *_) = jobs_of(last_takes_long[0], tmp_path / "out", dark_model)
    bar, seen = Progress(console=Console(quiet=True)), []
    shown = ScansDone(bar)
    shown.begin(5, 2, waiting=False)

    def move(job: Job, share: float) -> None:
        shown.move(job, share)
        seen.append(bar.tasks[0].completed)

    with workers(a_cluster, 1) as client:
        (row,) = run_jobs([job], client, shown.end, moved=move)
    assert not row.error
    assert seen == sorted(seen)
    assert any(2 < completed < 3 for completed in seen)
    shown.move(job, 0.9)  # said last, heard after the result
    assert bar.tasks[0].completed == 3


def test_the_batch_runs_on_a_scheduler_given_by_address(batch, a_cluster, tmp_path, a_small_head):
    dataset = make_dataset(tmp_path / "data", a_small_head, 3)
    code, out, _ = batch(dataset, "--scheduler", a_cluster)
    assert code == 0
    assert "Done: 3 of 3 scans" in out


@pytest.mark.soak
def test_a_scheduler_that_goes_away_is_told_and_what_is_done_is_kept(tmp_path, dark_model, a_small_head):
    from dask.distributed import Client, LocalCluster

    jobs = jobs_of(make_dataset(tmp_path / "data", a_small_head, 5), tmp_path / "out", dark_model)
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50)
    client = Client(cluster, timeout=2)
    with pytest.raises(MachineError, match="went away after") as caught:
        run_jobs(jobs, client, lambda row: cluster.close() if row.scan == jobs[2].scan else None)
    assert "start the batch again" in caught.value.hint
    assert 3 <= len(results(tmp_path / "out")) < 5


def dying(job: Job) -> Row:
    """A scan that takes its worker with it, as one that needs too much memory does."""
    if job.scan.subject.endswith("002"):
        os.kill(os.getpid(), signal.SIGKILL)
    return counted(job)


def test_a_scan_that_kills_every_worker_is_told_and_the_others_are_done(tmp_path, dark_model, a_small_head):
    import dask
    import dask.distributed  # loads its settings, which the block below would else take away again

    jobs = jobs_of(make_dataset(tmp_path / "data", a_small_head, 4), tmp_path / "out", dark_model)
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), workers(None, 1) as client:
        rows = run_jobs(jobs, client, lambda row: None, dying)
    errors = {row.scan.subject: row.error for row in rows if row.error}
    (subject,) = errors
    assert subject.endswith("002")
    assert "worker was killed" in errors[subject]


def test_a_cluster_without_workers_is_told(tmp_path, dark_model, a_small_head, monkeypatch):
    from dask.distributed import Client, LocalCluster

    monkeypatch.setattr("CMBSegmentationLib.batch.cluster.WITHOUT_WORKERS_SECONDS", 0.5)
    jobs = jobs_of(make_dataset(tmp_path / "data", a_small_head, 1), tmp_path / "out", dark_model)
    with (
        LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
        pytest.raises(MachineError, match="No worker has been connected") as caught,
    ):
        run_jobs(jobs, client, lambda row: None)
    assert "start the batch again" in caught.value.hint


def test_a_machine_that_slept_has_not_waited_for_workers(tmp_path, dark_model, a_small_head, monkeypatch):
    from dask.distributed import Client, LocalCluster

    asked: list[float] = []

    def clock() -> float:
        asked.append(time.monotonic())
        return asked[-1] + (3600 if asked[-1] - asked[0] > 0.5 else 0)

    jobs = jobs_of(make_dataset(tmp_path / "data", a_small_head, 1), tmp_path / "out", dark_model)
    with LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as cluster, Client(cluster) as client:
        grown = threading.Timer(2, cluster.scale, (1,))
        monkeypatch.setattr("CMBSegmentationLib.batch.cluster.time", SimpleNamespace(monotonic=clock, sleep=time.sleep))
        grown.start()
        (row,) = run_jobs(jobs, client, lambda row: None, counted)
    assert not row.error


def lacking(job: Job) -> Row:
    """A worker where this program is not installed."""
    raise ModuleNotFoundError("No module named 'CMBSegmentationLib'")


def test_a_worker_without_this_program_is_told_as_such(tmp_path, dark_model, a_small_head):
    from dask.distributed import Client, LocalCluster

    jobs = jobs_of(make_dataset(tmp_path / "data", a_small_head, 1), tmp_path / "out", dark_model)
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
        pytest.raises(MachineError, match="No module named") as caught,
    ):
        run_jobs(jobs, client, lambda row: None, lacking)
    assert "Install slicer-cmb" in caught.value.hint


@pytest.fixture
def a_cluster_of_its_own(tmp_path):
    """A scheduler and a worker as two processes, as on a cluster: the address and the scheduler."""
    started: list[subprocess.Popen] = []
    root = Path(cli.__file__).parents[1]
    folders = [root, root / "CMBSegmentation", root / "CMBScribbleGrow", Path(__file__).parent]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}

    def start(*arguments: str) -> subprocess.Popen:
        call = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started.append(subprocess.Popen(call, cwd=tmp_path, env=environment, start_new_session=True, **quiet))
        return started[-1]

    file = tmp_path / "scheduler.json"
    scheduler = start(
        "dask_scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file)
    )
    start("dask_worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-dashboard")
    wait_until(lambda: file.exists() and file.read_text())
    yield json.loads(file.read_text())["address"], scheduler
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.skipif(os.name != "posix", reason="platform: groups of processes are POSIX's")
def test_a_scheduler_that_is_killed_half_way_is_told_in_time_and_another_does_the_rest(
    a_cluster_of_its_own, batch_on_cluster, tmp_path, dark_model, last_takes_long
):
    (dataset, last), out = last_takes_long, tmp_path / "out"
    address, scheduler = a_cluster_of_its_own
    call = [sys.executable, "-m", "CMBCommand.cli", "batch", dataset, out, *only(dark_model)]
    process = subprocess.Popen(
        [*map(str, call), "--scheduler", address], cwd=Path(cli.__file__).parents[1], stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: len(records(out)) == 3, 120)
    scheduler.kill()
    _, said = process.communicate(timeout=90)
    assert process.returncode == 4, said
    assert "scheduler went away" in said
    assert "Traceback" not in said
    made_tiny(last, tmp_path)
    code, told, _ = batch_on_cluster(dataset)
    assert code == 0
    assert "Done: 4 of 4 scans, 3 of them in an earlier run" in told
