"""Which hardware runs the network: CUDA, OpenVINO, CoreML or the CPU, in that order."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from ..errors import InputError, MachineError, ModelError
from .telemetry import refuse_telemetry

PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
DEVICES = ("auto", *PROVIDERS)


def open_session(path: Path, device: str = "auto", threads: int | None = None) -> tuple[Any, str]:
    """Open an ONNX file on a device.

    Parameters
    ----------
    path : Path
    device : {"auto", "cuda", "openvino", "coreml", "cpu"}
        "auto" takes the first that works; another name insists on it.
    threads : int, optional
        That the CPU may use (default: one a core).

    Returns
    -------
    session : onnxruntime.InferenceSession or OpenVINOSession
    device : str
        The one in use.

    Raises
    ------
    InputError
        The device's name is not known.
    MachineError
        onnxruntime is not installed, or the device is not there.
    ModelError
        The file is not an ONNX model.
    """
    if device not in DEVICES:
        raise InputError(f"Unknown device {device!r}.", f"Choose one of: {', '.join(DEVICES)}.")
    refuse_telemetry()
    try:
        import onnxruntime
    except ImportError as error:
        raise MachineError("onnxruntime is not installed.", "Install it: pip install onnxruntime.") from error

    if hasattr(onnxruntime, "preload_dlls") and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        onnxruntime.preload_dlls()  # CUDA and cuDNN from the pip packages
    available = onnxruntime.get_available_providers()
    if importlib.util.find_spec("openvino") and PROVIDERS["openvino"] not in available:
        available = [*available, PROVIDERS["openvino"]]  # by Intel's own package, beside onnxruntime
    wanted = [d for d in PROVIDERS if PROVIDERS[d] in available] if device == "auto" else [device]
    if PROVIDERS[wanted[0]] not in available:
        have = ", ".join(d for d in PROVIDERS if PROVIDERS[d] in available)
        raise MachineError(f"Device {device} is not available here.", f"Available: {have}; or choose auto.")

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or usable_cores()
    for name in wanted:
        session = _try_provider(onnxruntime, path, name, options)
        if session is not None:
            return session, name
    if wanted[-1] == "cpu":
        raise AssertionError("the CPU provider opens a model or says why not")
    raise MachineError(f"Device {device} could not be started.", "Choose auto or cpu.")


class OpenVINOSession:
    """An ONNX Runtime session whose network runs in the package openvino: about twice as fast on CPUs."""

    def __init__(self, session: Any, path: Path, threads: int) -> None:
        import openvino

        options = {
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,  # pinned, the workers of a batch would all run on the first core
        }
        self._compiled = openvino.Core().compile_model(str(path), "CPU", options)
        self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs
        self.get_modelmeta = session.get_modelmeta

    def get_providers(self) -> list[str]:
        """Name what runs, as ONNX Runtime does."""
        return [PROVIDERS["openvino"]]

    def run(self, names: None, inputs: dict[str, Any]) -> list[Any]:
        """Run the network on its one input."""
        (patches,) = inputs.values()
        return [self._compiled(patches)[0]]


def _try_provider(onnxruntime: Any, path: Path, name: str, options: Any) -> Any:
    """Open on one provider; None where its hardware or drivers do not answer."""
    try:
        if name == "openvino" and PROVIDERS[name] not in onnxruntime.get_available_providers():
            plain = onnxruntime.InferenceSession(str(path), options, providers=[PROVIDERS["cpu"]])
            return OpenVINOSession(plain, path, options.intra_op_num_threads)
        session = onnxruntime.InferenceSession(str(path), options, providers=[PROVIDERS[name]])
    except Exception as error:  # onnxruntime's own classes; InvalidProtobuf, NoSuchFile, InvalidGraph ...
        if name != "cpu":
            return None  # only the CPU tells a bad file from a bad driver
        reason = str(error).strip().splitlines()[-1][:200] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"{path.name} cannot be opened as an ONNX model ({reason}).", "Get the model file again."
        ) from error
    return session if session.get_providers()[0] == PROVIDERS[name] else None


def usable_cores() -> int:
    """Count the cores this process may use (a container's share, not the machine's count)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
