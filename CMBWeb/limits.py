"""How much may be uploaded."""

from __future__ import annotations

from CMBSegmentationLib.errors import InputError

LARGEST_MB = 2048
MOST_FILES = 6000


def too_large() -> InputError:
    """Word that an upload is larger than `LARGEST_MB`."""
    return InputError(f"This is larger than {LARGEST_MB / 1024:g} GB.", "Choose one T2* or SWI series.")
