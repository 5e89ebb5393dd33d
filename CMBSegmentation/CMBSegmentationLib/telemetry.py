"""Nothing leaves the machine: libraries that report their use to a server are kept from it."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any


def refuse_telemetry() -> None:
    """Keep onnxruntime and openvino from reporting; call it before either is imported.

    onnxruntime reads an environment variable, which processes started later inherit. openvino imports a package for
    it, in whose place an inert one is put.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    if "openvino_telemetry" in sys.modules:
        return
    package, backend = ModuleType("openvino_telemetry"), ModuleType("openvino_telemetry.backend")
    package.__path__, backend.__path__ = [], []
    google = ModuleType("openvino_telemetry.backend.backend_ga4")
    package.Telemetry = _Inert  # type: ignore[attr-defined]
    google.GA4Backend = _Inert  # type: ignore[attr-defined]
    package.backend, backend.backend_ga4 = backend, google  # type: ignore[attr-defined]
    sys.modules.update({module.__name__: module for module in (package, backend, google)})


class _Inert:
    """Takes any call and does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None
