"""How much a browser may send."""

from __future__ import annotations

from CMBSegmentationLib.errors import InputError

LARGEST_MB = 2048
MOST_FILES = 6000
LARGEST_MESSAGE_BYTES = 1 << 22  # of a browser: keys, clicks and texts; files go by another way


def too_large() -> InputError:
    """Word that an upload is larger than `LARGEST_MB`."""
    return InputError(f"This is larger than {LARGEST_MB / 1024:g} GB.", "Choose one T2* or SWI series.")
