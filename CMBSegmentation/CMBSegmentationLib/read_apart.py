"""Reading a scan in a process of its own: a file on which a reader crashes is an error message, not the end of us.

Readers of images are large programs in C and C++, and files are made by whom we do not know. It costs about half a
second to start such a process.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CMBError, InputError, MachineError, told
from .worker_process import worker_environment

if TYPE_CHECKING:
    import SimpleITK as sitk

    from .read import Scan

APART = "CMB_READING_APART"  # set in the process that reads, which starts no other
KILLED = 9  # the signal of a system that is out of memory
WINDOWS_FAULT = 0xC0000000  # from here on, an exit code is a fault that ended the process
LONGEST_S = 1800.0  # a study of thousands of files on a slow network disk takes minutes


def read_scan_apart(path: Path, series: str | None = None) -> Scan:
    """Read a scan as `read.read_scan`, in another process.

    Parameters
    ----------
    path : Path
    series : str, optional
        Number or UID of the DICOM series to take.

    Returns
    -------
    Scan

    Raises
    ------
    InputError
        As `read.read_scan`, or the reader crashed on it.
    MachineError
        There is not enough memory for it.
    """
    from .read import read_scan

    return _apart(read_scan, path, series)


def read_label_image_apart(path: Path) -> sitk.Image:
    """Read a mask as `read.read_label_image`, in another process; raises as `read_scan_apart`."""
    from .read import read_label_image

    return _apart(read_label_image, path)


def _apart(read: Callable[..., Any], path: Path, *more: Any) -> Any:
    if os.environ.get(APART) or not path.exists() or "python" not in Path(sys.executable or "").name.lower():
        return read(path, *more)
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"{__package__}.read_apart"],
            input=pickle.dumps((read.__name__, path.absolute(), path, more)),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**worker_environment(), APART: "1"},
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"{path.name} was not read within {LONGEST_S / 60:g} minutes.",
            "Copy it to this machine, or export it anew.",
        ) from error
    except OSError:  # this program's Python cannot be started again: Slicer's own on some systems
        return read(path, *more)
    if done.returncode < 0 or done.returncode >= WINDOWS_FAULT:
        raise _crashed(path, -done.returncode)
    if done.returncode:
        return read(path, *more)
    found = pickle.loads(done.stdout)  # of a process of ours
    if isinstance(found, CMBError):
        raise found
    return found


def _crashed(path: Path, signal: int) -> CMBError:
    if signal == KILLED:
        return MachineError(
            f"Reading {path.name} was ended by the system, perhaps for want of memory.", "Close other programs."
        )
    return InputError(
        f"{path.name} cannot be read: its reader crashed on it ({f'signal {signal}' if signal > 0 else 'a fault'}).",
        "It is damaged or made to do harm. Export the scan again from where it came from.",
    )


def main() -> int:
    """Read what standard input names, and put it, or why not, to standard output."""
    from . import read

    kind, absolute, path, more = pickle.load(sys.stdin.buffer)  # from the process that started this one
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # readers print, too
    found: Any
    try:
        found = getattr(read, kind)(path if path.exists() else absolute, *more)
    except Exception as error:
        found = told(error)
        if found.unforeseen:
            raise
    with os.fdopen(answer, "wb") as stream:
        pickle.dump(found, stream, protocol=5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
