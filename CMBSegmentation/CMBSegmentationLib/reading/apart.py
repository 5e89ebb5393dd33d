"""Reading a scan in a process of its own: a file on which a reader crashes is an error message, not the end of us.

Readers of images are large programs in C and C++, and files are made by whom we do not know. It costs about half a
second to start such a process.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from ..child_process import python_environment
from ..errors import CMBError, InputError, MachineError, told
from ..files.paths import is_there

if TYPE_CHECKING:
    import SimpleITK as sitk

    from .phase.image import PhaseImage
    from .scan import Scan

P = ParamSpec("P")
R = TypeVar("R")
APART = "CMB_READING_APART"  # set in the process that reads, which starts no other
KILLED = 9  # the signal of a system that is out of memory
WINDOWS_FAULT = 0xC0000000  # from here on, an exit code is a fault that ended the process
PARENT_SEEN_EVERY_S = 1.0
LONGEST_S = 1800.0  # a study of thousands of files on a slow network disk takes minutes


def read_scan_apart(path: Path, series: str | None = None) -> Scan:
    """Read a scan as `reading.scan.read_scan`, in another process.

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
        As `reading.scan.read_scan`, or the reader crashed on it.
    MachineError
        There is not enough memory for it.
    """
    from .scan import read_scan

    return apart(read_scan, path, series, name=path.name) if is_there(path) else read_scan(path, series)


def read_phases_apart(scan: Scan, asked: Sequence[Path] = ()) -> tuple[tuple[PhaseImage, ...], tuple[str, ...]]:
    """Find and read a scan's phase as `reading.phase.pairing.read_phases`, in another process; raises as that."""
    from .phase.files import phase_files_of
    from .phase.pairing import read_phases

    if not asked and not scan.frames:
        files, doubts = phase_files_of(scan.source)
        if not files:  # names and sidecars say so, which no reader in C sees
            return (), doubts
    return apart(read_phases, scan, asked, name=(asked[-1] if asked else scan.source).name)


def read_label_image_apart(path: Path) -> sitk.Image:
    """Read a mask as `reading.scan.read_label_image`, in another process; raises as `read_scan_apart`."""
    from .scan import read_label_image

    return apart(read_label_image, path, name=path.name) if is_there(path) else read_label_image(path)


def apart(work: Callable[P, R], *args: P.args, name: str, **kwargs: P.kwargs) -> R:  # type: ignore[valid-type]
    """Call a function that reads a file, in another process.

    Where none can be started, or this is such a process, it is called here.

    Parameters
    ----------
    work : callable
        Of a module, so that the other process finds it.
    *args, **kwargs
        Copied to it.
    name : str
        Of the file, for messages.

    Raises
    ------
    InputError
        As the function, or the other process crashed.
    MachineError
        It was stopped because memory ran out.
    """
    if os.environ.get(APART) or "python" not in Path(sys.executable or "").name.lower():
        return work(*args, **kwargs)
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"{__package__}.apart"],
            input=pickle.dumps((work, args, kwargs, os.getpid())),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**python_environment(), APART: "1"},
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"{name} was not read within {LONGEST_S / 60:g} minutes.", "Copy it to this machine, or export it anew."
        ) from error
    except OSError:  # this program's Python cannot be started again
        return work(*args, **kwargs)
    if done.returncode < 0 or done.returncode >= WINDOWS_FAULT:
        raise _crashed(name, -done.returncode)
    if done.returncode:
        return work(*args, **kwargs)
    found = pickle.loads(done.stdout)  # of a process of ours
    if isinstance(found, CMBError):
        raise found
    result: R = found
    return result


def _crashed(name: str, signal: int) -> CMBError:
    if signal == KILLED:
        return MachineError(
            f"Reading {name} was stopped by the system, perhaps because memory ran out.", "Close other programs."
        )
    return InputError(
        f"{name} cannot be read: the reader crashed ({f'signal {signal}' if signal > 0 else 'a fault'}).",
        "The file is damaged or malicious. Export the scan again from its source.",
    )


def _end_with(parent: int) -> None:
    """End this process once the one that started it is gone: a search that was killed leaves nothing behind."""
    while os.name == "posix" and os.getppid() == parent:
        time.sleep(PARENT_SEEN_EVERY_S)
    if os.name == "posix":
        os._exit(1)


def main() -> int:
    """Call what standard input holds, and put what it gives, or why not, to standard output."""
    work, args, kwargs, parent = pickle.load(sys.stdin.buffer)  # from the process that started this one
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # readers print, too
    try:
        found = work(*args, **kwargs)
    except Exception as error:
        found = told(error)
        if found.unforeseen:
            raise
    with os.fdopen(answer, "wb") as stream:
        pickle.dump(found, stream, protocol=5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
