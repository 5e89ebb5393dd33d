"""Cerebral-microbleed detection for T2*-weighted and SWI scans, without any user interface.

The core (everything but `session` and `scene`) needs numpy, scipy, SimpleITK and onnxruntime only.
Positions that leave a function are RAS millimetres; research use only.

The names below are what other programs can rely on; each is loaded when it is first used.

>>> from CMBSegmentationLib import find_microbleeds, read_scan, sample_scan
>>> read_scan(sample_scan()).image.GetSize()
(512, 512, 35)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .detecting.detect import Detection
    from .detecting.lesions import Lesion
    from .errors import CMBError, InputError, MachineError, ModelError
    from .files.bundled import sample_scan
    from .models.loaded_models import load_stages
    from .reading.scan import Scan, read_scan
    from .results.as_detection import read_detection
    from .running.find import find_microbleeds
    from .running.write import write_results

__version__ = "0.2.0"
__all__ = [
    "CMBError",
    "Detection",
    "InputError",
    "Lesion",
    "MachineError",
    "ModelError",
    "Scan",
    "find_microbleeds",
    "load_stages",
    "read_detection",
    "read_scan",
    "sample_scan",
    "write_results",
]
_HOMES = {
    "detecting.detect": ("Detection",),
    "detecting.lesions": ("Lesion",),
    "errors": ("CMBError", "InputError", "MachineError", "ModelError"),
    "files.bundled": ("sample_scan",),
    "models.loaded_models": ("load_stages",),
    "reading.scan": ("Scan", "read_scan"),
    "results.as_detection": ("read_detection",),
    "running.find": ("find_microbleeds",),
    "running.write": ("write_results",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f".{home}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
