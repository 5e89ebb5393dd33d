"""The detector's own process: started, listened to without waiting, ended with all its children."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from ..errors import Cancelled, CMBError, InputError, MachineError, ModelError

LOG_LINES = 60  # of standard error: a traceback and what came before it
ENDING_S = 5.0  # longest wait for a killed process to be gone
SIGNAL_BASE, LAST_SIGNAL = 128, 64  # a launcher gives 128 + signal for a child that was killed
ERRORS_BY_EXIT_CODE = {error.exit_code: error for error in (InputError, ModelError, MachineError)}


class Process(Protocol):
    """A worker that runs."""

    @property
    def log(self) -> str:
        """The last lines of what it wrote for developers."""

    def lines(self) -> list[str]:
        """Return what it has said since the last call; never waits."""

    def exit_code(self) -> int | None:
        """Return how it ended, or None while it runs or has lines left that were not read in."""

    def wait(self, seconds: float) -> None:
        """Wait until it says something or ends, at most so long."""

    def kill(self) -> None:
        """End it and its children now."""


class ProcessRunner(Protocol):
    """Starts a worker."""

    def __call__(self, command: Sequence[str], environment: Mapping[str, str]) -> Process:
        """Start `command`; `OSError` if it cannot be started."""


def worker_command(python: str, scan: Path, out: Path, options: Mapping[str, object]) -> list[str]:
    """Word the call of the worker.

    Parameters
    ----------
    python : str
        Interpreter that has numpy, scipy, SimpleITK and onnxruntime.
    scan, out : Path
    options : mapping of str to object
        By option name without dashes; None is left out, and a list gives the option once for each of its values.

    Returns
    -------
    list of str
    """
    command = [python, "-m", __package__, str(scan), "-o", str(out), "--save-probability"]
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                command += [f"--{name}", str(one)]
    return command


def event_in(line: str) -> dict[str, Any] | None:
    """Read a line that the worker printed.

    Parameters
    ----------
    line : str

    Returns
    -------
    dict or None
        ``event`` and what comes with it: ``fraction`` (0 to 1) and ``message`` with "progress",
        ``folder`` with "result", ``message`` and ``hint`` with "error". None if the line is no
        such event; libraries print too.
    """
    try:
        event = json.loads(line)
        if event["event"] == "progress":
            fraction = min(1.0, max(0.0, float(event["fraction"])))
            return {"event": "progress", "fraction": fraction, "message": str(event["message"])}
        if event["event"] == "result":
            return {"event": "result", "folder": Path(event["folder"])}
        if event["event"] == "error":
            return {"event": "error", "message": str(event["message"]), "hint": str(event.get("hint", ""))}
    except (ValueError, TypeError, KeyError):
        pass
    return None


def why_it_failed(exit_code: int, error_event: Mapping[str, str] | None, log: str) -> CMBError:
    """Word for the user how a worker ended without a result.

    Parameters
    ----------
    exit_code : int
        Negative if a signal ended it.
    error_event : mapping or None
        The error that it told of, with ``message`` and ``hint``.
    log : str
        What it wrote to standard error.

    Returns
    -------
    CMBError
        Of the class that has this exit code.
    """
    if exit_code == Cancelled.exit_code:  # not by `kill`, which does not ask
        return MachineError("The detector was stopped from outside.", "Start the detection again.")
    if exit_code < 0 or SIGNAL_BASE < exit_code <= SIGNAL_BASE + LAST_SIGNAL:
        number = -exit_code if exit_code < 0 else exit_code - SIGNAL_BASE
        return MachineError(
            f"The detector was ended by the system (signal {number}).",
            "Often memory ran out: close other programs and try again.",
        )
    if error_event is not None:
        kind = ERRORS_BY_EXIT_CODE.get(exit_code, MachineError)
        return kind(error_event["message"], error_event["hint"])
    last_words = log.strip().splitlines()[-1:] or ["it said nothing"]
    return MachineError(
        f"The detector ended without a result (exit code {exit_code}; {last_words[0]}).", "Please report this."
    )


class Subprocess:
    """A worker as an operating-system process.

    Threads read its pipes, so that neither a user interface nor the worker ever waits for the other.

    Parameters
    ----------
    command : sequence of str
    environment : mapping of str to str
        The whole environment.

    Raises
    ------
    OSError
        It cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=os.name == "posix",  # a group of its own, so that `kill` reaches its children
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._heard = threading.Event()
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._reader = threading.Thread(target=self._read_lines, args=(self._process.stdout,), daemon=True)
        self._log_reader = threading.Thread(target=self._read_log, args=(self._process.stderr,), daemon=True)
        self._reader.start()
        self._log_reader.start()

    @property
    def log(self) -> str:
        """The last lines of standard error."""
        if self.exit_code() is not None:
            self._log_reader.join(ENDING_S)
        return "".join(self._log)

    def lines(self) -> list[str]:
        """Return the lines of standard output since the last call; never waits."""
        self._heard.clear()
        return [self._lines.get_nowait() for _ in range(self._lines.qsize())]

    def exit_code(self) -> int | None:
        """Return how it ended (negative: by which signal), or None while it runs."""
        return None if self._reader.is_alive() else self._process.poll()

    def wait(self, seconds: float) -> None:
        """Wait until it says something or ends, at most so long."""
        self._heard.wait(seconds)

    def kill(self) -> None:
        """End it and its children now.

        Not by asking: a network in the middle of a patch hears nothing for seconds, and Slicer's
        Python is a launcher whose child would live on. What it was writing lies in a folder that
        the caller throws away.
        """
        if self._process.poll() is None and os.name == "posix":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        elif self._process.poll() is None:
            subprocess.run(
                ["taskkill", "/F", "/T", "/PID", str(self._process.pid)],
                capture_output=True,
                check=False,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        with contextlib.suppress(subprocess.TimeoutExpired):  # a busy system; nobody listens to it any more
            self._process.wait(ENDING_S)

    def _read_lines(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._lines.put(line)
                self._heard.set()
        self._process.wait()
        self._heard.set()

    def _read_log(self, stream: IO[str]) -> None:
        with stream:
            self._log.extend(stream)
