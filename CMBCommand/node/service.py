"""The node: its parts put together, its threads started and stopped."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from CMBSegmentationLib.errors import CMBError, InputError, MachineError, told
from CMBSegmentationLib.files import lock

from .database import damaged
from .inbox import Inbox
from .jobs import Jobs, Study, pause_after
from .logs import LOG
from .network.commitment import Commitments
from .network.sending import NotSentError, Sender, destinations
from .network.server import DicomServer
from .network.watching import Watcher
from .searching.study import Outcome, StudySearch
from .searching.workers import Running, Searchers
from .settings import NodeSettings
from .status.metrics import Metrics
from .status.page import StatusServer

LOOK_S = 0.25  # for studies that are complete, searches that ended, results that are due
TIDY_S = 60.0
MOST_TRIES = 32  # of a search that the machine let down: with growing pauses a day
DAY_S = 86400.0
FORGOTTEN_S = 3600.0  # results of a search whose node was killed


class Node:
    """Takes studies, has them searched and sends results, until it is stopped.

    Parameters
    ----------
    settings : NodeSettings
    searchers : Searchers
        Closed by whoever made them.
    clock : callable, optional
        Gives seconds since 1970.

    Raises
    ------
    CMBError
        The folder, its jobs, an address or a file for TLS is not as it should be.
    """

    def __init__(self, settings: NodeSettings, searchers: Searchers, clock: Callable[[], float] = time.time) -> None:
        self.settings, self._searchers = settings, searchers
        self._held = _hold(settings.folder)
        self._results = settings.folder / "results"
        self._results.mkdir(exist_ok=True)
        self.jobs = Jobs(settings.folder / "jobs.sqlite", clock)
        self.metrics = Metrics(self.jobs, settings.folder)
        self._inbox = Inbox(settings.folder / "images", self.jobs, settings.limits, self.metrics)
        self._commitments = Commitments(settings, self.jobs)
        self._senders = [Sender(one, self.jobs, self.metrics, settings.pause_s) for one in destinations(settings)]
        self.jobs.tell_of_gone([one.destination.name for one in self._senders])
        self._running: dict[str, tuple[Study, StudySearch, Running]] = {}
        self._stopped, self._threads = threading.Event(), list[threading.Thread]()
        self._tidied = -TIDY_S
        self.failure: CMBError | None = None
        self.server = DicomServer(settings, self._inbox, self._commitments, self.metrics)
        self.status = StatusServer(replace(settings, port=self.server.port), self.jobs, self.metrics)

    def start(self) -> None:
        """Begin to search and to send; images are taken since this node was made."""
        self._begin("searches", self._step, LOOK_S)
        self._begin("commitments", self._commitments.answer_due, LOOK_S)
        for sender in self._senders:
            self._begin("results", lambda sender=sender: sender.send_due(self._stopped.is_set), LOOK_S)  # type: ignore[misc]
        if self.settings.watch is not None:
            watcher = Watcher(self.settings.watch, self._inbox, self.jobs, self.settings.watch_days)
            self._begin("archive", lambda: watcher.look(self._stopped.is_set), self.settings.watch_s)

    def wait(self, seconds: float) -> bool:
        """Wait until it is stopped, or so long; raises what stopped it."""
        is_stopped = self._stopped.wait(seconds)
        if self.failure is not None:
            raise self.failure
        return is_stopped

    def stop(self) -> None:
        """Take no more and end; what is being searched is searched again next time."""
        self._stopped.set()
        self.server.stop()
        self.status.stop()
        for thread in self._threads:
            thread.join(5.0)
        self.jobs.close()
        os.close(self._held)

    def _begin(self, name: str, work: Callable[[], None], every_s: float) -> None:
        thread = threading.Thread(target=self._again_and_again, args=(name, work, every_s), name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _again_and_again(self, name: str, work: Callable[[], None], every_s: float) -> None:
        """Do something until the node is stopped; an error is logged, and the next try comes later and later."""
        failures = 0
        while not self._stopped.wait(every_s if not failures else pause_after(failures, max(1.0, every_s))):
            failures = 0 if self._went_well(name, work) else failures + 1

    def _went_well(self, name: str, work: Callable[[], None]) -> bool:
        try:
            work()
            return True
        except Exception as error:
            if (
                type(error) is sqlite3.DatabaseError
            ):  # what SQLite raises of a file that is not whole, and of nothing else
                self.failure = damaged(self.jobs.path, error)
                self._stopped.set()
            said = str(error) if isinstance(error, (CMBError, NotSentError)) else type(error).__name__
            LOG.warning("%s: %s", name, said)
            return False

    # searches

    def _step(self) -> None:
        for own in [own for own, (_, _, running) in self._running.items() if running.done()]:
            self._take(own)
        self.jobs.return_lost(list(self._running))
        self._inbox.record_missing()
        free = self.settings.workers - len(self._running)
        if free > 0:
            for study in self.jobs.begin_searches(self.settings.quiet_s, free):
                self._search(study)
        if time.monotonic() - self._tidied > TIDY_S:
            self._tidied = time.monotonic()
            self._tidy()

    def _search(self, study: Study) -> None:
        """Hand a study out; its results get a folder of this try's own, whatever a killed one left."""
        settings = self.settings
        out = self._results / f"{study.id}-{time.time_ns():x}"
        job = StudySearch(
            self._inbox.folder_of(study.id),
            out,
            settings.search,
            settings.threads,
            tells_failure=settings.tells_failures,
            missing=study.missing,
        )
        try:
            self._running[study.id] = study, job, self._searchers.begin(job)
        except Exception as caught:  # Dask's, too
            error = told(caught)
            self._postpone(study, error.message, error.hint)
            return
        LOG.info("%s: complete with %d images, search begins", study.id, study.images)

    def _take(self, own: str) -> None:
        study, job, running = self._running[own]
        try:
            outcome = running.result()
        except Exception as caught:  # Dask's, too
            error = told(caught)
            outcome = Outcome(error=error.message, hint=error.hint, may_go_next_time=True)
        names = [sender.destination.name for sender in self._senders]
        if not outcome.error:
            is_used = self.jobs.record_found(own, str(job.out), outcome.found, outcome.report, outcome.files, names)
            said = "found" if is_used else "repeated"
        elif outcome.may_go_next_time and study.tries + 1 < MOST_TRIES:
            self._postpone(study, outcome.error, outcome.hint)
            is_used, said = False, "postponed"
        else:
            is_used = self.jobs.record_failed(own, str(job.out), outcome.error, outcome.hint, outcome.files, names)
            said = "failed" if is_used else "repeated"
        del self._running[own]
        self.metrics.searched(said, outcome.seconds)
        LOG.log(*SAID[said], own)
        if not (is_used and (outcome.files or outcome.report)):
            shutil.rmtree(job.out, ignore_errors=True)

    def _postpone(self, study: Study, note: str, hint: str) -> None:
        self.jobs.postpone(study.id, note, hint, pause_after(study.tries + 1, self.settings.pause_s))

    def _tidy(self) -> None:
        """Remove images and results that need not be kept longer, and folders of tries that nobody waits for."""
        for study in self.jobs.expired(self.settings.keep_days * DAY_S):
            if self._inbox.expire(study) and study.folder:
                shutil.rmtree(study.folder, ignore_errors=True)
        kept = {*self.jobs.result_folders(), *(job.out.name for _, job, _ in self._running.values())}
        for path in self._results.iterdir():
            is_kept = path.name in kept or any(path.name.startswith(f".{name}-") for name in kept)  # its draft
            if not is_kept and time.time() - path.stat().st_mtime > FORGOTTEN_S:
                shutil.rmtree(path, ignore_errors=True)


SAID = {
    "found": (20, "%s: searched; its results are to be sent"),
    "failed": (30, "%s: cannot be searched; the status page says why"),
    "postponed": (30, "%s: not searched, tried again later; the status page says why"),
    "repeated": (20, "%s: images came during the search; searched again"),
}


def _hold(folder: Path) -> int:
    """Make the node's folder, and keep other nodes out of it until this process ends."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # patients' images
        handle = os.open(folder / ".cmb-node", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise InputError(
            f"The folder {folder} cannot be used ({error.strerror or error}).", "Give a folder that may be written."
        ) from error
    is_free = True
    with contextlib.suppress(OSError):  # a disk that cannot lock
        is_free = lock.locked(handle)
    if not is_free:
        os.close(handle)
        raise MachineError(f"Another node works in {folder}.", "Stop it, or give this one a folder of its own.")
    return handle
