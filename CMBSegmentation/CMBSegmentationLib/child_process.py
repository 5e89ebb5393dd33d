"""Other Python processes of this program: they find its packages wherever it is installed."""

from __future__ import annotations

import os
from pathlib import Path


def python_environment() -> dict[str, str]:
    """Give this process's environment, with this package to be found by another process."""
    package_folder = str(Path(__file__).resolve().parents[1])
    paths = [package_folder, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
