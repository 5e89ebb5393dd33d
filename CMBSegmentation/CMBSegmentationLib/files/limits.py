"""How much a file may claim or hold: what is larger is refused before it takes the machine's memory.

Each limit is an environment variable, so that it holds in every process that is started, and is raised in one place.
"""

from __future__ import annotations

import os

MOST_VOXELS = "CMB_MOST_VOXELS"
DEFAULTS = {
    MOST_VOXELS: 1 << 29,  # 1024 x 1024 x 512, times and layers included
}


def limit(name: str) -> int:
    """Give a limit.

    Parameters
    ----------
    name : str
        A key of `DEFAULTS`.

    Returns
    -------
    int
        The environment's, where it is a whole number above zero, else the default.
    """
    text = os.environ.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else DEFAULTS[name]


def how_to_raise(name: str, enough: int) -> str:
    """Word how to raise a limit to `enough` at least."""
    return f"If it is right, set the environment variable {name} to {enough} or more, and start again."
