"""From a trained Keras network to one .onnx file with its manifest inside, checked against TensorFlow."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"  # tf2onnx reads TensorFlow graphs only

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx

from CMBSegmentationLib.manifest import METADATA_KEY, SCHEMA_VERSION, Manifest

from .config import Config
from .network import build_unet

OPSET = 17
LARGEST_DIFFERENCE = 1e-4


class ExportError(RuntimeError):
    """The exported network does not do what the trained one does."""


def manifest_for(
    config: Config,
    *,
    name: str,
    version: str,
    training: dict[str, Any],
    intended_use: str,
    threshold: float | None = None,
) -> Manifest:
    """Describe a network trained under a configuration, as the program that uses it needs it.

    Parameters
    ----------
    config : Config
    name, version, training, intended_use
        As in `Manifest`.
    threshold : float, optional
        The configuration's if not given.

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
        intended_use=intended_use,
        license="Apache-2.0",
    )


def export(trained: keras.Model, config: Config, manifest: Manifest, out: Path) -> float:
    """Write a trained network as ONNX, its head giving logits instead of probabilities.

    Parameters
    ----------
    trained : keras.Model
        From `build_unet` with the configuration's filters.
    config : Config
    manifest : Manifest
        Its ``patch_size`` is what the file will take.
    out : Path
        The .onnx file; written only after the check.

    Returns
    -------
    float
        Largest difference of the probabilities between TensorFlow and ONNX Runtime on random patches.

    Raises
    ------
    ExportError
        That difference is above 1e-4.
    """
    network = build_unet(manifest.patch_size, config.network.filters, len(config.data.sequences), l2=0.0)
    network.set_weights(trained.get_weights())
    head = network.layers[-1]
    head.activation = keras.activations.linear

    signature = (tf.TensorSpec((None, *manifest.patch_size, len(config.data.sequences)), tf.float32, name="scan"),)
    function = tf.function(lambda scan: tf.identity(network(scan, training=False), name="logits"), signature)
    graph, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    entry = graph.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, manifest.to_json()
    onnx.checker.check_model(graph)

    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        draft = Path(folder) / out.name
        onnx.save(graph, draft)
        difference = parity(network, draft, manifest)
        if difference > LARGEST_DIFFERENCE:
            raise ExportError(f"ONNX differs from TensorFlow by {difference:.2g}, allowed is {LARGEST_DIFFERENCE:g}.")
        draft.replace(out)
    return difference


def parity(network: keras.Model, path: Path, manifest: Manifest) -> float:
    """Largest difference of softmax probabilities between a logit network and its ONNX file."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    worst = 0.0
    for scale in (1.0, 4.0):
        patch = (scale * rng.standard_normal((1, *manifest.patch_size, 1))).astype(np.float32)
        ours = session.run(None, {session.get_inputs()[0].name: patch})[0]
        theirs = np.asarray(network(patch, training=False))
        worst = max(worst, float(np.abs(_softmax(ours) - _softmax(theirs)).max()))
    return worst


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
