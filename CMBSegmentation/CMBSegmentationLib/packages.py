"""Python packages that the detector needs and Slicer does not bring; installed on the user's click only."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import sys
from collections.abc import Callable, Sequence

from .errors import MachineError

REQUIREMENTS = {  # import name: what pip installs; numpy, scipy, SimpleITK and pydicom are Slicer's own
    "onnxruntime": "onnxruntime>=1.18",
    "nibabel": "nibabel>=5.2",
    "jinja2": "jinja2>=3.1",
    "PIL": "pillow>=10",
}
GPU_RUNTIME = "onnxruntime-gpu[cuda,cudnn]>=1.21"  # the first whose extras bring CUDA and cuDNN along


def missing_requirements() -> list[str]:
    """List what has to be installed before a detection, as pip takes it.

    Returns
    -------
    list of str
        Empty if all is there. On a machine with an NVIDIA GPU, ONNX Runtime is the build for it.
    """
    return [
        GPU_RUNTIME if name == "onnxruntime" and has_nvidia_gpu() else requirement
        for name, requirement in REQUIREMENTS.items()
        if importlib.util.find_spec(name) is None
    ]


def has_nvidia_gpu() -> bool:
    """Tell whether an NVIDIA driver is installed on a system that ONNX Runtime's GPU build is made for."""
    return sys.platform != "darwin" and shutil.which("nvidia-smi") is not None


def ensure_installed(install: Callable[[Sequence[str]], object]) -> None:
    """Install what is missing.

    Parameters
    ----------
    install : callable
        Called with the requirements if there are any; asks the user, and raises if that is refused
        or fails.

    Raises
    ------
    MachineError
        It was refused or failed, or packages are missing still.
    """
    missing = missing_requirements()
    if not missing:
        return
    names = ", ".join(missing)
    try:
        install(missing)
    except Exception as error:  # a refusal is a RuntimeError in Slicer, pip's failure a CalledProcessError
        raise MachineError(
            f"The detector needs {names}, which could not be installed ({error}).",
            "Click Detect again and allow it; an internet connection is needed.",
        ) from error
    importlib.invalidate_caches()
    if missing_requirements():
        raise MachineError(f"The detector needs {names}, which are not installed.", "Restart Slicer and try again.")


def all_requirements() -> list[str]:
    """List all that a detection needs, as pip takes it, whether it is there or not."""
    return [GPU_RUNTIME if name == "onnxruntime" and has_nvidia_gpu() else one for name, one in REQUIREMENTS.items()]


def installed_versions() -> dict[str, str]:
    """Give the version of each package by its name; "missing" where it is not installed."""
    versions = {}
    for name, requirement in REQUIREMENTS.items():
        project = requirement.split(">=")[0]
        builds = (project, f"{project}-gpu", f"{project}-openvino") if name == "onnxruntime" else (project,)
        found = [f"{build} {version}" for build in builds if (version := _version(build))]
        versions[project] = ", ".join(one.removeprefix(f"{project} ") for one in found) or "missing"
    return versions


def _version(project: str) -> str:
    try:
        return importlib.metadata.version(project)
    except importlib.metadata.PackageNotFoundError:
        return ""
