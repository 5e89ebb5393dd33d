"""The processes that search: those of this machine, or those of a Dask cluster, as `cmb batch` has them."""

from __future__ import annotations

from concurrent.futures import CancelledError
from contextlib import ExitStack
from typing import Any, Protocol

from CMBSegmentationLib.batch.cluster import workers
from CMBSegmentationLib.errors import CMBError, MachineError, told

from ..settings import Search
from .study import Outcome, StudySearch, loaded_stages, search_study

RESULT_S = 60  # to fetch an outcome that is there


class Running(Protocol):
    """A search that was handed out."""

    def done(self) -> bool:
        """Tell whether it has ended."""

    def result(self) -> Outcome:
        """Give what came of it; raises where it got lost."""


class Searchers(Protocol):
    """Who searches."""

    def begin(self, job: StudySearch) -> Running:
        """Hand a study out."""

    def close(self) -> None:
        """End; what is being searched gets lost."""


class Workers:
    """Processes that search, kept by Dask: one that dies is replaced.

    Parameters
    ----------
    scheduler : str or None
        Address of a cluster, in place of this machine.
    number : int
        Of processes on this machine.

    Raises
    ------
    MachineError
        Dask is not installed, or the scheduler does not answer.
    """

    def __init__(self, scheduler: str | None, number: int) -> None:
        self._scheduler, self._number = scheduler, number
        self._stack = ExitStack()
        self._client = self._connected()

    def _connected(self) -> Any:
        return self._stack.enter_context(workers(self._scheduler, self._number))

    def check_models(self, search: Search, threads: int) -> None:
        """Load the models in a worker: a wrong one is told when the node starts, not by every study."""
        if self._client.scheduler_info().get("workers"):
            future = self._client.submit(_problem, search, threads, pure=False)
            problem = future.result()
            if problem is not None:
                raise problem

    def begin(self, job: StudySearch) -> Running:
        """Hand a study out; `MachineError` where the scheduler is gone."""
        if self._client.status != "running":
            self._stack.close()
            self._client = self._connected()
        return _OnCluster(self._client.submit(search_study, job, pure=False))

    def close(self) -> None:
        """End the processes of this machine; those of a cluster stay."""
        self._stack.close()


class _OnCluster:
    def __init__(self, future: Any) -> None:
        self._future = future

    def done(self) -> bool:
        return bool(self._future.status != "pending")

    def result(self) -> Outcome:
        from dask.distributed import KilledWorker

        try:
            outcome: Outcome = self._future.result(timeout=RESULT_S)
        except KilledWorker:
            return Outcome(
                error="The worker was killed each time it tried, most likely because memory ran out.",
                hint="Give fewer workers, so that each has more memory.",
                may_go_next_time=True,
            )
        except (OSError, CancelledError) as error:
            raise MachineError("The Dask scheduler went away.", "Start it again; the study waits.") from error
        return outcome


def _problem(search: Search, threads: int) -> CMBError | None:
    """Tell in a worker what is wrong with the models."""
    try:
        loaded_stages(search.model, search.device, search.stages, threads)
    except Exception as error:
        return told(error)
    return None
