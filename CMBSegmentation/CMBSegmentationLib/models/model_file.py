"""A model file: found, checked against its manifest, and run by ONNX Runtime."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MachineError, ModelError
from ..files.bundled import bundled_models, resource_folder
from .hardware import open_session
from .manifest import METADATA_KEY, Manifest, parse_manifest

BUNDLED_SHA256: dict[str, str] = {
    "cmb-detector-simulated.onnx": "2d001f760bcdd604065298d52059e811f00436bed49dfc5318dde6eacc4553f1",
    "cmb-regions-simulated.onnx": "2321a990f1ec8288588299eb6e91a6c4afaf30257c22cba779aa9e003d54a81d",
    "cmb-verifier-simulated.onnx": "ed94d9e938b855021c90df58d54a584bdc3f93851511cbf0993d279ec8068b82",
}
DEFAULT_MODEL = "cmb-detector-simulated"
DEFAULT_REGIONS = "cmb-regions-simulated"
DEFAULT_VERIFIER = "cmb-verifier-simulated"
LARGEST_LOGIT = 1e30  # beyond, sums over patches overflow
CHANNELS = {"verify": (3, 5)}  # of the input, with shares of tissue or without; one where not named


@dataclass(frozen=True)
class Model:
    """A network ready to run.

    Attributes
    ----------
    path : Path
    manifest : Manifest
    sha256 : str
        Of the whole file.
    device : str
        What it runs on: cuda, openvino, coreml or cpu.
    """

    path: Path
    manifest: Manifest
    sha256: str
    device: str
    _session: Any

    def logits(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network.

        Parameters
        ----------
        patches : float32 array (batch, i, j, k, channels)

        Returns
        -------
        float32 array (batch, i, j, k, classes), or (batch, classes) of a verifier

        Raises
        ------
        MachineError
            The device ran out of memory or failed.
        ModelError
            It gave numbers of another shape than the manifest says, or NaN or infinite ones.
        """
        try:
            (output,) = self._session.run(None, {self._session.get_inputs()[0].name: patches})
        except Exception as error:  # onnxruntime raises classes of its own, per provider
            if type(error).__name__ == "InvalidArgument":  # of a class that is made anew in each release
                raise ModelError(
                    f"{self.path.name} does not take what its manifest says ({_last_line(error)}).",
                    "The file contradicts itself: export it again with training/export.py.",
                ) from error
            raise MachineError(
                f"The network failed on device {self.device} ({_last_line(error)}).",
                "Choose the device cpu, or close other programs to free memory.",
            ) from error
        self._check_output(output, patches.shape)
        return output

    @property
    def channels(self) -> int:
        """Of its input."""
        return _channels(self._session.get_inputs()[0].shape, self.manifest.task)

    def _check_output(self, output: Any, given: tuple[int, ...]) -> None:
        per_voxel = given[1:-1] if self.manifest.task != "verify" else ()
        expected = (given[0], *per_voxel, len(self.manifest.classes))
        if not isinstance(output, np.ndarray) or output.shape != expected:
            raise ModelError(
                f"The output of {self.path.name} has shape {np.shape(output)}, {expected} was expected.",
                "The file contradicts itself: export it again with training/export.py.",
            )
        if not (output.min() > -LARGEST_LOGIT and output.max() < LARGEST_LOGIT):  # NaN is neither
            raise ModelError(
                f"The output of {self.path.name} has NaN or infinite values.",
                "Its training went wrong, or the file is damaged: get another one. On a GPU, try the device cpu.",
            )


def find_model(name: str | Path | None) -> Path:
    """Find a model file by path, or a bundled one by name.

    Parameters
    ----------
    name : str, Path or None
        None takes the bundled default.

    Returns
    -------
    Path

    Raises
    ------
    ModelError
        There is none.
    """
    if name is None:
        name = DEFAULT_MODEL
    for path in (Path(name), resource_folder() / "Models" / f"{name}.onnx"):
        if path.is_file():
            return path
    known = ", ".join(p.stem for p in bundled_models()) or "none"
    raise ModelError(f"There is no model {str(name)!r}.", f"Give an .onnx file, or a bundled model: {known}.")


def load_model(path: Path, device: str = "auto", task: str = "detect", *, threads: int | None = None) -> Model:
    """Open a model file and check that its graph fits its manifest.

    Parameters
    ----------
    path : Path
        An .onnx file with a manifest inside.
    device : {"auto", "cuda", "openvino", "coreml", "cpu"}
    task : str
        What it is needed for.
    threads : int, optional
        That the CPU may use (default: one a core).

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        The file is not ONNX, has no valid manifest, is for another task, its graph does not fit the
        manifest, or a bundled file is not the one that was shipped.
    MachineError
        The device that was asked for is not there.
    """
    digest = _sha256(path)
    expected = BUNDLED_SHA256.get(path.name)
    bundled = path.resolve().parent == (resource_folder() / "Models").resolve()
    if bundled and expected is not None and digest != expected:
        raise ModelError(
            f"{path.name} is not the file that was shipped (SHA-256 {digest[:12]}…, expected {expected[:12]}…).",
            "It was changed or damaged: install the program again.",
        )
    session, used = open_session(path, device, threads)
    manifest = read_manifest(session, path.name)
    if manifest.task != task:
        raise ModelError(f"{path.name} is a model for the task {manifest.task!r}, not {task!r}.", "Give another model.")
    _check_graph(session, manifest, path.name)
    return Model(path, manifest, digest, used, session)


def read_manifest(session: Any, source: str) -> Manifest:
    """Read the manifest of an open session; `ModelError` if there is none."""
    try:
        text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    except UnicodeDecodeError as error:
        raise ModelError(f"The description inside {source} is damaged.", "Get the file again.") from error
    if text is None:
        raise ModelError(
            f"{source} has no manifest ({METADATA_KEY}).", "Give a model made by training/export.py of this project."
        )
    return parse_manifest(text, source)


def _check_graph(session: Any, manifest: Manifest, source: str) -> None:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    kinds = [one.type for one in (*inputs, *outputs)]
    if len(inputs) != 1 or len(outputs) != 1 or set(kinds) != {"tensor(float)"}:
        raise ModelError(
            f"{source} has {len(inputs)} inputs and {len(outputs)} outputs ({', '.join(kinds)}), one of tensor(float) "
            "each was expected.",
            "Export the model again with training/export.py.",
        )
    per_voxel = manifest.task != "verify"  # a verifier judges a whole crop
    patch: list[int | None] = list(manifest.patch_size)
    if manifest.task == "regions":  # takes a head of any size
        patch = [None] * 3
    wanted = {
        "input": (inputs[0].shape, [None, *patch, _channels(inputs[0].shape, manifest.task)]),
        "output": (outputs[0].shape, [None, *(patch if per_voxel else []), len(manifest.classes)]),
    }
    for what, (shape, expected) in wanted.items():
        fits = len(shape) == len(expected) and all(
            e is None or not isinstance(s, int) or s == e for s, e in zip(shape, expected, strict=True)
        )
        if not fits:
            raise ModelError(
                f"The {what} of {source} has shape {shape}, its manifest says {expected}.",
                "The file contradicts itself: export it again with training/export.py.",
            )


def _channels(shape: Sequence[Any], task: str) -> int:
    """Give the channels that an input has, if a model of the task may have so many; else the fewest."""
    known = CHANNELS.get(task, (1,))
    return shape[-1] if len(shape) and shape[-1] in known else known[0]


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}).", "Check the path and its permissions.") from error


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1][:200] if str(error).strip() else type(error).__name__
