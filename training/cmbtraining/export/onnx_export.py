"""From a trained Keras network to one .onnx file with its manifest inside, checked against TensorFlow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"  # tf2onnx reads TensorFlow graphs only
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # as CMBSegmentationLib.models.telemetry does

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray

from CMBSegmentationLib.files.atomic_file import put_in_place
from CMBSegmentationLib.models.manifest import METADATA_KEY, SCHEMA_VERSION, Manifest

from ..config.settings import Config
from ..networks.build import build_network
from .onnx_normalization import fuse_normalization

OPSET = 17
LARGEST_DIFFERENCE = 1e-4


REAL_PATCHES = 8  # compared, of as many subjects as there are


class ExportError(RuntimeError):
    """The exported network does not do what the trained one does."""


@dataclass(frozen=True)
class Parity:
    """Largest difference in probability between ONNX Runtime and TensorFlow.

    Attributes
    ----------
    random : float
        On random patches.
    real : float or None
        On patches of scans; None where there were none.
    patches : int
        Of scans.
    """

    random: float
    real: float | None = None
    patches: int = 0

    @property
    def worst(self) -> float:
        """The larger of the two."""
        return max(self.random, self.real or 0.0)

    def __str__(self) -> str:
        told = f"at most {self.random:.1e} in probability on random patches"
        return told if self.real is None else f"{told}, {self.real:.1e} on {self.patches} patches of scans"


def manifest_for(
    config: Config,
    *,
    name: str,
    version: str,
    training: dict[str, Any],
    intended_use: str,
    threshold: float | None = None,
    metrics: dict[str, Any] | None = None,
) -> Manifest:
    """Describe a network trained under a configuration, as the program that uses it needs it.

    Parameters
    ----------
    config : Config
    name, version, training, intended_use
        As in `Manifest`.
    threshold : float, optional
        The configuration's if not given.
    metrics : dict, optional
        What was measured, as ``evaluate.py aggregate --json`` gives it.

    Returns
    -------
    Manifest
    """
    use = config.detection
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name=name,
        version=version,
        task="detect",
        sequences=("T2S", "SWI"),
        spacing_mm=config.data.spacing_mm,
        patch_size=use.patch_size or config.network.patch_size,
        axes=config.data.axes,
        normalization=config.data.normalization,
        classes=("background", "microbleed"),
        overlap=use.overlap,
        threshold=use.threshold if threshold is None else threshold,
        min_volume_mm3=use.min_volume_mm3,
        training=training,
        metrics=metrics or {},
        intended_use=intended_use,
        license="Apache-2.0",
    )


def export(
    trained: keras.Model,
    config: Config,
    manifest: Manifest,
    out: Path,
    *,
    dynamic: bool = False,
    scans: Sequence[NDArray[np.floating]] = (),
) -> Parity:
    """Write a trained network as ONNX, its head giving logits instead of probabilities.

    Parameters
    ----------
    trained : keras.Model
        Of the configuration (`networks.build.build_network`).
    config : Config
    manifest : Manifest
        Its ``patch_size`` is what the file will take.
    out : Path
        The .onnx file; written only after the check.
    dynamic : bool
        Take patches of any size, the manifest's being the default.
    scans : sequence of arrays (i, j, k), optional
        Prepared scans, to compare on patches of them too.

    Returns
    -------
    Parity

    Raises
    ------
    ExportError
        A difference is above 1e-4, or a layer is none that is known.
    """
    size: tuple[int | None, ...] = (None, None, None) if dynamic else manifest.patch_size
    network = build_network(replace(config, network=replace(config.network, l2=0.0)), size)
    network.set_weights(trained.get_weights())
    network.layers[-1].activation = keras.activations.linear

    signature = (tf.TensorSpec((None, *size, 1), tf.float32, name="scan"),)
    function = tf.function(lambda scan: tf.identity(network(scan, training=False), name="logits"), signature)
    graph = converted(function, signature, manifest)

    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        draft = Path(folder) / out.name
        onnx.save(graph, draft)
        difference = parity(network, draft, manifest, scans)
        if difference.worst > LARGEST_DIFFERENCE:
            raise ExportError(f"ONNX differs from TensorFlow ({difference}); allowed is {LARGEST_DIFFERENCE:g}.")
        put_in_place(draft, out)
    return difference


def converted(function: Any, signature: Sequence[tf.TensorSpec], manifest: Manifest) -> onnx.ModelProto:
    """Give a TensorFlow function as an ONNX graph with its manifest inside.

    Raises
    ------
    ExportError
        A layer was converted in a way that is not known here.
    """
    graph, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    try:
        fuse_normalization(graph)
    except ValueError as error:
        raise ExportError(str(error)) from error
    entry = graph.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, manifest.to_json()
    onnx.checker.check_model(graph)
    return graph


def parity(network: keras.Model, path: Path, manifest: Manifest, scans: Sequence[NDArray[np.floating]] = ()) -> Parity:
    """Compare softmax probabilities of a logit network and its ONNX file, on random patches and on scans'."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)

    def difference(patch: NDArray[np.float32]) -> float:
        ours = session.run(None, {session.get_inputs()[0].name: patch})[0]
        theirs = np.asarray(network(patch, training=False))
        return float(np.abs(softmax(ours) - softmax(theirs)).max())

    random = [(scale * rng.standard_normal((1, *manifest.patch_size, 1))).astype(np.float32) for scale in (1.0, 4.0)]
    real = [_middle(scan, manifest.patch_size) for scan in scans[:REAL_PATCHES]]
    return Parity(max(map(difference, random)), max(map(difference, real), default=None), len(real))


def prepared_scans(run: Path) -> list[NDArray[np.float16]]:
    """Memory-map the prepared scans that a run folder keeps, training and validation."""
    return [np.load(path, mmap_mode="r") for path in sorted((run / "prepared").glob("*/*/voxels.npy"))]


def _middle(scan: NDArray[np.floating], size: Sequence[int]) -> NDArray[np.float32]:
    """The patch in the middle of a scan, padded with its edge where the scan is smaller."""
    start = [max(0, (n - s) // 2) for n, s in zip(scan.shape, size, strict=True)]
    patch = np.asarray(scan[tuple(slice(a, a + s) for a, s in zip(start, size, strict=True))], np.float32)
    pad = [(0, s - n) for n, s in zip(patch.shape, size, strict=True)]
    return np.pad(patch, pad, mode="edge")[None, ..., None]


def softmax(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """Probabilities over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
