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
from scipy.special import softmax

from CMBSegmentationLib.detecting.region_input import SIDE_MULTIPLE
from CMBSegmentationLib.files.atomic_file import put_in_place
from CMBSegmentationLib.models.manifest import METADATA_KEY, Manifest

from ..config.sections import Config, DetectConfig, RegionsConfig
from ..networks.build import build_network
from .manifests import manifest_for as manifest_for
from .onnx_normalization import fuse_normalization

OPSET = 17
LARGEST_DIFFERENCE = 1e-4
SMALL_HEADS = [(2, 3, 2), (4, 2, 3)]  # of the smallest side that the map of regions takes, to compare on

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


def export(
    trained: keras.Model,
    config: Config,
    manifest: Manifest,
    out: Path,
    *,
    dynamic: bool = False,
    scans: Sequence[NDArray[np.floating]] = (),
) -> Parity:
    """Write a trained network as ONNX, its head giving logits.

    Parameters
    ----------
    trained : keras.Model
        Of the configuration (`networks.build.build_network`).
    config : Config
    manifest : Manifest
        Its ``patch_size`` is what a detector's file will take.
    out : Path
        The .onnx file; written only after the check.
    dynamic : bool
        Of a detector: take patches of any size, the manifest's being the default.
    scans : sequence of arrays (i, j, k), optional
        A detector's prepared scans, to compare on patches of them too.

    Returns
    -------
    Parity

    Raises
    ------
    ExportError
        A difference is above 1e-4, or a layer is none that is known.
    """
    network = _logit_network(trained, config, (None, None, None) if dynamic else manifest.patch_size)
    name = "scan" if isinstance(config, DetectConfig) else "input"
    signature = (tf.TensorSpec((None, *network.input_shape[1:]), tf.float32, name=name),)
    function = tf.function(lambda given: tf.identity(network(given, training=False), name="logits"), signature)
    graph = converted(function, signature, manifest)

    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        draft = Path(folder) / out.name
        onnx.save(graph, draft)
        real = [_middle(scan, manifest.patch_size) for scan in scans[:REAL_PATCHES]]
        difference = parity(network, draft, _random_patches(config, manifest, network.input_shape[-1]), real)
        if difference.worst > LARGEST_DIFFERENCE:
            raise ExportError(f"ONNX differs from TensorFlow ({difference}); allowed is {LARGEST_DIFFERENCE:g}.")
        put_in_place(draft, out)
    return difference


def _logit_network(trained: keras.Model, config: Config, size: Sequence[int | None]) -> keras.Model:
    network = trained
    if isinstance(config, DetectConfig):
        network = build_network(replace(config, network=replace(config.network, l2=0.0)), size)
        network.set_weights(trained.get_weights())
    network.layers[-1].activation = keras.activations.linear
    return network


def _random_patches(config: Config, manifest: Manifest, channels: int) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    sizes, scales = [manifest.patch_size] * 2, (1.0, 4.0) if isinstance(config, DetectConfig) else (1.0, 1.0)
    if isinstance(config, RegionsConfig):
        sizes = [(i * SIDE_MULTIPLE, j * SIDE_MULTIPLE, k * SIDE_MULTIPLE) for i, j, k in SMALL_HEADS]
    return [
        (scale * rng.standard_normal((1, *size, channels))).astype(np.float32)
        for size, scale in zip(sizes, scales, strict=True)
    ]


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


def parity(
    network: keras.Model, path: Path, random: Sequence[NDArray[np.float32]], real: Sequence[NDArray[np.float32]] = ()
) -> Parity:
    """Compare softmax probabilities of a logit network and its ONNX file, on random patches and on scans'."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def difference(patch: NDArray[np.float32]) -> float:
        ours = session.run(None, {session.get_inputs()[0].name: patch})[0]
        theirs = np.asarray(network(patch, training=False))
        return float(np.abs(softmax(ours, axis=-1) - softmax(theirs, axis=-1)).max())

    return Parity(max(map(difference, random)), max(map(difference, real), default=None), len(real))


def prepared_scans(run: Path) -> list[NDArray[np.float16]]:
    """Memory-map the prepared scans that a detector's run folder keeps, training and validation."""
    return [np.load(path, mmap_mode="r") for path in sorted((run / "prepared").glob("*/*/voxels.npy"))]


def _middle(scan: NDArray[np.floating], size: Sequence[int]) -> NDArray[np.float32]:
    """The patch in the middle of a scan, padded with its edge where the scan is smaller."""
    start = [max(0, (n - s) // 2) for n, s in zip(scan.shape, size, strict=True)]
    patch = np.asarray(scan[tuple(slice(a, a + s) for a, s in zip(start, size, strict=True))], np.float32)
    pad = [(0, s - n) for n, s in zip(patch.shape, size, strict=True)]
    return np.pad(patch, pad, mode="edge")[None, ..., None]
