"""Nothing leaves the machine: libraries that report their use to a server are kept from it."""

from __future__ import annotations

import os
import sys


def refuse_telemetry() -> None:
    """Keep onnxruntime and openvino from reporting; call it before either is imported.

    onnxruntime reads an environment variable, which processes started later inherit. openvino reports through a
    package of its own and goes without where that cannot be imported, which None in its place brings about.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
