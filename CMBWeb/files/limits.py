"""How much a browser may send, at once and in a session; each is raised by its environment variable."""

from __future__ import annotations

import os
from pathlib import Path

from CMBSegmentationLib.errors import InputError

LARGEST_MB = 2048
MOST_FILES = 6000
MOST_IMAGES = 100  # sent together, of which one is chosen
MOST_UPLOADS = 100
LARGEST_SESSION_MB = 8192
MOST_UPLOADS_VARIABLE, LARGEST_SESSION_VARIABLE = "CMB_MOST_UPLOADS", "CMB_LARGEST_SESSION_MB"
LARGEST_MESSAGE_BYTES = 1 << 22  # of a browser: keys, clicks and texts; files go by another way


def too_large() -> InputError:
    """Word that an upload is larger than `LARGEST_MB`."""
    return InputError(f"This is larger than {LARGEST_MB / 1024:g} GB.", "Choose one T2* or SWI series.")


def check_room(uploads: Path) -> int:
    """Refuse another upload where a session has sent as much as it may.

    Parameters
    ----------
    uploads : Path
        The session's folder for them: a folder an upload.

    Returns
    -------
    int
        Bytes that it may still send.

    Raises
    ------
    InputError
        The message says the limit and how to raise it.
    """
    most = _set_to(MOST_UPLOADS_VARIABLE, MOST_UPLOADS)
    if sum(1 for _ in uploads.iterdir()) >= most:
        raise InputError(
            f"{most} scans were uploaded in this session: more are not kept.", _how_to_go_on(MOST_UPLOADS_VARIABLE)
        )
    held = sum(path.stat().st_size for path in uploads.rglob("*") if path.is_file())
    left = (_set_to(LARGEST_SESSION_VARIABLE, LARGEST_SESSION_MB) << 20) - held
    if left <= 0:
        raise session_full()
    return left


def session_full() -> InputError:
    """Word that a session has sent as many bytes as it may."""
    most = _set_to(LARGEST_SESSION_VARIABLE, LARGEST_SESSION_MB)
    return InputError(
        f"The scans uploaded in this session would be larger than {most / 1024:.3g} GB together.",
        _how_to_go_on(LARGEST_SESSION_VARIABLE),
    )


def _how_to_go_on(variable: str) -> str:
    return f"Export what you need and close this session, or start cmb web with {variable} set higher."


def _set_to(variable: str, usual: int) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else usual
