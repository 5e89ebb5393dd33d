"""Workers for a batch: processes of this machine, or those of a Dask scheduler; the same code either way."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import partial
from typing import Any

from .. import __version__
from ..errors import MachineError
from .jobs import Job, Row, do_scan

CONNECT_SECONDS = 20
RESULT_SECONDS = 60  # to fetch a row that is ready
LOOK_SECONDS, WORKERS_LOOK_SECONDS = 0.05, 1.0  # for what has ended; for who is there
PROGRESS_SECONDS, PROGRESS_STEP = 0.5, 0.1  # a worker reports after so long, or so large a share
WITHOUT_WORKERS_SECONDS = 180  # a nanny needs some to start another; a cluster may grow by itself


@contextmanager
def workers(scheduler: str | None, number: int) -> Iterator[Any]:
    """Connect to a scheduler, or start `number` processes with one thread and an equal share of memory each.

    Yields
    ------
    distributed.Client

    Raises
    ------
    MachineError
        Dask is not installed, or the scheduler does not answer.
    """
    try:
        import dask
        from dask.distributed import Client, LocalCluster
    except ImportError as error:
        raise MachineError("cmb batch needs Dask.", "Install it: pip install 'dask[distributed]'.") from error
    if scheduler is not None:
        for handler in logging.getLogger("distributed").handlers:  # a lost connection is told once, without traceback
            handler.setLevel(logging.CRITICAL)
        try:
            client = Client(scheduler, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise MachineError(
                f"The Dask scheduler {scheduler} does not answer ({error or type(error).__name__}).",
                "Check its address (as tcp://10.0.0.1:8786) and that it runs.",
            ) from error
        with client:
            yield client
        return
    with (
        dask.config.set({"distributed.scheduler.worker-saturation": 1.0}),  # only the scan in hand dies with its worker
        LocalCluster(
            n_workers=number, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def search(job: Job, topic: str) -> Row:
    """Search a scan on a worker, which logs how far it has come under `topic`: the scan's path, and 0 to 1."""
    from dask.distributed import get_worker

    worker, logged, shown = get_worker(), -PROGRESS_SECONDS, 0.0

    def log(fraction: float, message: str) -> None:
        nonlocal logged, shown
        now = time.monotonic()
        if now - logged >= PROGRESS_SECONDS or fraction - shown >= PROGRESS_STEP:
            logged, shown = now, fraction
            worker.log_event(topic, (os.fsencode(job.scan.path), fraction))

    return do_scan(job, log)


def run_jobs(
    jobs: Sequence[Job],
    client: Any,
    told: Callable[[Row], None],
    work: Callable[[Job], Row] | None = None,
    moved: Callable[[Job, float], None] = lambda job, share: None,
) -> list[Row]:
    """Do all jobs; a worker that dies is replaced and its job is done by another.

    Parameters
    ----------
    jobs : sequence of Job
    client : distributed.Client
    told : callable
        Called with each row as it comes.
    work : callable, optional
        In place of `search`.
    moved : callable, optional
        Called from another thread, with a scan that is being searched and the share that is done, 0 to 1.

    Returns
    -------
    list of Row
        In the order of `jobs`.

    Raises
    ------
    MachineError
        The scheduler went away, no worker is left, or a worker lacks this program.
    """
    from dask.distributed import KilledWorker

    rows: dict[Job, Row] = {}
    killed: list[Job] = []
    topic = f"cmb-batch-{client.id}"
    if work is None:
        work = partial(search, topic=topic)
        by_path = {os.fsencode(job.scan.path): job for job in jobs}  # bytes: a name may not be UTF-8
        client.subscribe_topic(topic, lambda event: moved(by_path[event[1][0]], event[1][1]))

    def take(some: Sequence[Job], again: bool) -> None:
        futures = {client.submit(work, job, pure=False): job for job in some}
        for future in _as_they_end(list(futures), client):
            job = futures.pop(future)
            try:
                row = future.result(timeout=RESULT_SECONDS)
            except KilledWorker:
                if not again:
                    killed.append(job)
                    continue
                row = Row(
                    job.scan,
                    error="The worker was killed each time it tried, most likely because memory ran out.",
                    hint="Give fewer workers, so that each has more memory.",
                )
            except (OSError, CancelledError) as error:  # of the connection
                raise MachineError(
                    f"The Dask scheduler went away after {len(rows)} of {len(jobs)} scans ({type(error).__name__}).",
                    "What is done is kept: start the batch again to do the rest.",
                ) from error
            except Exception as error:  # `do_scan` raises nothing: a worker could not take the job or tell of it
                raise MachineError(
                    f"A worker of the Dask cluster cannot search scans ({type(error).__name__}: {error}).",
                    f"Install slicer-cmb {__version__} and its models where the workers run.",
                ) from error
            rows[job] = row
            told(row)

    take(jobs, again=False)
    for job in killed:  # alone, for it may only have waited behind the one that killed the worker
        take([job], again=True)
    return [rows[job] for job in jobs]


def _as_they_end(futures: Sequence[Any], client: Any) -> Iterator[Any]:
    """Give each future when it has ended; `MachineError` if nobody is there to work on the others.

    The wait for a worker is counted in looks, not read off the clock: a machine that slept has not waited.
    """
    from dask.distributed import as_completed

    ending = as_completed(futures, raise_errors=False)
    looked, alone = time.monotonic(), 0.0
    while not ending.is_empty():
        yield from (ended := ending.next_batch(block=False))
        since = time.monotonic() - looked
        if ended:
            looked, alone = looked + since, 0.0
        elif since > WORKERS_LOOK_SECONDS:
            looked += since
            if client.status != "running" or client.scheduler_info().get("workers"):
                alone = 0.0  # of a lost connection the futures tell themselves
            else:
                alone += min(since, 2 * WORKERS_LOOK_SECONDS)
            if alone > WITHOUT_WORKERS_SECONDS:
                raise MachineError(
                    f"No worker has been connected for {WITHOUT_WORKERS_SECONDS} s.",
                    "What is done is kept: start the batch again, with fewer workers if memory ran out.",
                )
        if not ended:
            time.sleep(LOOK_SECONDS)
