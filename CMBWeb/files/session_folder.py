"""The private folder of a browser session: what was uploaded, and the review as it stands."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout

from CMBSegmentationLib.errors import MachineError

LOCK = ".lock"  # held by the server whose session it is
UPLOADS, REVIEW, EXPORTS, COMPARISON, PHASE = "upload", "review", "export", "comparison", "phase"
QUEUE = "detections"  # beside the sessions
SCAN_FILE = "scan.json"  # in the review's folder: which scan is shown; in that of each scan: which it is
KEPT_HOURS = 72.0  # over a weekend


def sessions_folder() -> Path:
    """Give the folder of all sessions, made private to this user.

    Returns
    -------
    Path
        ``$XDG_STATE_HOME/slicer-cmb/web``, or its like on Windows.

    Raises
    ------
    MachineError
        It cannot be made.
    """
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    folder = base / "slicer-cmb" / "web"
    try:
        private(folder)
    except OSError as error:
        raise MachineError(
            f"The folder {folder} cannot be made ({error.strerror}).", "Set XDG_STATE_HOME to a folder of yours."
        ) from error
    return folder


def private(folder: Path) -> Path:
    """Make a folder that only this user can enter."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return folder


def queue_folder(session: Path) -> Path:
    """Give the folder in which the detections of all sessions of this user queue."""
    return private(session.parent.parent / QUEUE)


def lock_of(folder: Path) -> FileLock:
    """Give the lock of a session's folder; `acquire` raises `filelock.Timeout` where another server has it."""
    return FileLock(folder / LOCK, timeout=0, mode=0o600)


def holds_review(folder: Path) -> bool:
    """Whether a session's folder holds what was found, decided or annotated: more than which scan was open."""
    review = folder / REVIEW
    return review.is_dir() and any(path.is_file() and path.name != SCAN_FILE for path in review.rglob("*"))


def remove(folder: Path) -> None:
    """Remove a session's folder with all that was uploaded."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_old(sessions: Path, kept_hours: float = KEPT_HOURS) -> None:
    """Remove what nobody has open: at once where no review is in it, else when it is old.

    What another server has open stays, and what this one has.
    """
    oldest = time.time() - kept_hours * 3600
    for folder in sessions.iterdir():
        if not folder.is_dir() or (holds_review(folder) and _changed(folder) >= oldest):
            continue
        try:
            with lock_of(folder):
                remove(folder)
        except Timeout:
            continue
        remove(folder)  # Windows removes no file that is open: its lock


def _changed(folder: Path) -> float:
    """When anything in a folder was last changed; taking its lock is no change."""
    return max((path.stat().st_mtime for path in folder.rglob("*") if path.name != LOCK), default=0.0)
