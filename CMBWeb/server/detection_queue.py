"""Detections one after the other where memory is short: a search takes some two gigabytes, whoever asked for it.

Each session has a process of its own, and the same person may run several servers. So the queue is a folder: a ticket
is a file, named by its time, that its process holds locked; the system lets go of it when the process dies.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from CMBSegmentationLib.worker.process import Process

AT_ONCE = "CMB_DETECTIONS_AT_ONCE"
SEARCH_BYTES = 2 << 30  # five sessions that searched at once took 9.7 GB
SESSION_BYTES = 1 << 29
UNKNOWN_BYTES = 8 << 30
TICKET = ".ticket"
FAILED = 4  # exit code of `MachineError`


def searches_at_once(sessions: int) -> int:
    """Tell how many searches the memory that is free now is enough for.

    Parameters
    ----------
    sessions : int
        That may be open, each with a scene.

    Returns
    -------
    int
        One or more; what the environment variable `AT_ONCE` says, where it is set.
    """
    text = os.environ.get(AT_ONCE, "")
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    return max(1, (free_bytes() - sessions * SESSION_BYTES) // SEARCH_BYTES)


def free_bytes() -> int:
    """Tell how much memory a program may still take, within the limits of its container."""
    free = [UNKNOWN_BYTES]
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = [int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")] or free
    with suppress(OSError, ValueError):  # "max" is no number: no limit
        group = Path("/sys/fs/cgroup")
        most, used = (int((group / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        free.append(max(0, most - used))
    return min(free)


class Ticket:
    """A place in the queue, from the moment it is drawn until `give_back` or the end of this process.

    Parameters
    ----------
    folder : Path
        Of the queue; private.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        while True:
            self._path = folder / f"{time.time_ns():020d}-{os.getpid()}{TICKET}"
            self._lock = FileLock(self._path, mode=0o600)
            self._lock.acquire(timeout=10)
            if self._path.exists():  # else another took it for forgotten before it was locked
                return
            self._lock.release()

    def before(self) -> int:
        """Count the tickets that were drawn earlier and are held; those of dead processes are removed."""
        earlier = [path for path in self._folder.glob(f"*{TICKET}") if path.name < self._path.name]
        return sum(_is_held(path) for path in earlier)

    def give_back(self) -> None:
        """Let the next one move up."""
        if self._lock.is_locked:
            self._path.unlink(missing_ok=True)
            self._lock.release()


def _is_held(path: Path) -> bool:
    try:
        with FileLock(path, timeout=0, mode=0o600):
            path.unlink(missing_ok=True)
    except (Timeout, OSError):  # Windows does not remove what is open: it is counted once more
        return True
    return False


class QueuedProcess:
    """A worker that starts when its turn comes, and tells how many are before it until then.

    Parameters
    ----------
    start : callable
        Gives the worker; `OSError` if it cannot be started.
    folder : Path
        Of the queue.
    at_once : int
        Workers that may run.
    """

    def __init__(self, start: Callable[[], Process], folder: Path, at_once: int) -> None:
        self._start, self._at_once = start, at_once
        self._ticket = Ticket(folder)
        self._process: Process | None = None
        self._told: int | None = None
        self._has_failed = False

    @property
    def log(self) -> str:
        """The last lines of what it wrote for developers."""
        return self._process.log if self._process is not None else ""

    def lines(self) -> list[str]:
        """Return what it has said since the last call, or once how many are before it."""
        if self._process is None and not self._has_failed:
            before = self._ticket.before()
            if before < self._at_once:
                return self._begin()
            told, self._told = self._told, before
            return [_line(event="progress", fraction=0.0, message=_waiting(before))] if before != told else []
        return self._process.lines() if self._process is not None else []

    def exit_code(self) -> int | None:
        """Return how it ended, or None while it waits or runs."""
        code = FAILED if self._has_failed else None
        if self._process is not None:
            code = self._process.exit_code()
        if code is not None:
            self._ticket.give_back()
        return code

    def wait(self, seconds: float) -> None:
        """Wait until it says something or ends, at most so long."""
        if self._process is not None:
            self._process.wait(seconds)
        else:
            time.sleep(seconds)

    def kill(self) -> None:
        """End it, or leave the queue."""
        if self._process is not None:
            self._process.kill()
        self._ticket.give_back()

    def _begin(self) -> list[str]:
        try:
            self._process = self._start()
        except OSError as error:
            self._has_failed = True
            reason = f"The detector could not be started ({error.strerror or error})."
            return [_line(event="error", message=reason, hint="Start the detection again.")]
        return self._process.lines()


def _waiting(before: int) -> str:
    return f"Waiting: {before} before you"


def _line(**event: object) -> str:
    return json.dumps(event) + "\n"
