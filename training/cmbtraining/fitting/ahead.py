"""Batches drawn ahead of need by processes of their own, so that a graphics card does not wait for them."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..config.settings import ConfigError

AHEAD = 3  # batches under way for every process
SHARED_MEMORY = Path("/dev/shm")

_batches: Any = None  # of a drawing process
_epoch: int | None = None


class DrawnAhead(keras.utils.PyDataset):
    """The same batches as another source gives, in the same order, drawn by several processes.

    The processes are forked at once: make it before the backend starts to compute.

    Parameters
    ----------
    batches : Batches
        See `fitting.lesson.Batches`; what it holds in memory is shared, not copied.
    processes : int
        1 or more.
    """

    def __init__(self, batches: Any, processes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batches, self.under_way = batches, AHEAD * processes
        memory = str(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None
        self._folder = tempfile.TemporaryDirectory(prefix="batches-", dir=memory)
        self._pool = ProcessPoolExecutor(
            processes, multiprocessing.get_context("fork"), initializer=_take, initargs=(batches,)
        )
        self._pool.submit(os.getpid).result()  # forks them all
        self._epoch, self._asked = 0, 0
        self._waiting: dict[int, Future[Path]] = {}

    def __len__(self) -> int:
        return len(self.batches)

    def begin(self, epoch: int) -> None:
        """Draw this epoch's batches from here on."""
        for one in self._waiting.values():
            one.cancel()
        self._epoch, self._waiting = epoch, {}
        self._ask(0)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Batch `index`, once it is drawn."""
        self._ask(index)
        path = self._waiting.pop(index).result()
        with path.open("rb") as stream:
            batch = np.load(stream), np.load(stream)
        path.unlink()
        return batch

    def _ask(self, first: int) -> None:
        for index in range(first, min(len(self), first + self.under_way)):
            if index not in self._waiting:
                self._asked += 1  # a name of its own: what is no longer wanted may still be being written
                path = Path(self._folder.name) / f"{self._asked}.npy"
                self._waiting[index] = self._pool.submit(_draw, self._epoch, index, path)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)
        self._folder.cleanup()


@contextmanager
def drawn_ahead(batches: Any, processes: int) -> Iterator[Any]:
    """Give batches drawn by so many processes while the block runs, or as they are with 0 of them."""
    if not processes:
        yield batches
        return
    if "fork" not in multiprocessing.get_all_start_methods():
        raise ConfigError("training.workers: this system cannot fork processes (Windows cannot); set it to 0.")
    ahead = DrawnAhead(batches, processes)
    try:
        yield ahead
    finally:
        ahead.close()


def _take(batches: Any) -> None:
    global _batches
    _batches = batches


def _draw(epoch: int, index: int, path: Path) -> Path:
    global _epoch
    if epoch != _epoch:
        _batches.begin(epoch)
        _epoch = epoch
    x, y = _batches[index]
    with path.open("wb") as stream:
        np.save(stream, x)
        np.save(stream, y)
    return path
