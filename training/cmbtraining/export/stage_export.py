"""The regions network and the verifier as ONNX files with their manifests, checked against TensorFlow."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"  # tf2onnx reads TensorFlow graphs only
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # as CMBSegmentationLib.models.telemetry does

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from scipy.special import softmax

from CMBSegmentationLib.detecting.region_input import SIDE_MULTIPLE
from CMBSegmentationLib.files.atomic_file import put_in_place
from CMBSegmentationLib.models.input_spec import CROP
from CMBSegmentationLib.models.manifest import SCHEMA_VERSION, Manifest
from CMBSegmentationLib.models.model_file import load_model

from ..benchmark.threshold_choice import DEFAULT
from ..data.candidates import KINDS
from ..regions.atlas import CLASSES
from ..regions.scans import SPACING_MM
from .onnx_export import LARGEST_DIFFERENCE, ExportError, converted

REGIONS_PATCH = (112, 144, 112)  # a head at 1.5 mm; the graph takes any multiple of 16
STAGE_THRESHOLD = 0.5


def stage_manifest(
    task: str,
    *,
    name: str,
    version: str,
    training: dict[str, Any],
    metrics: dict[str, Any],
    intended_use: str,
    detector: Path | None = None,
) -> Manifest:
    """Describe a regions network, or a verifier for a detector's candidates.

    Parameters
    ----------
    task : {"regions", "verify"}
    name, version, training, metrics, intended_use
        As in `Manifest`.
    detector : Path, optional
        The verifier sees crops of its grid.

    Returns
    -------
    Manifest
    """
    common: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "version": version,
        "task": task,
        "sequences": ("T2S", "SWI"),
        "overlap": 0.0,
        "threshold": metrics.get("operating_points", {}).get(DEFAULT, STAGE_THRESHOLD),
        "min_volume_mm3": 0.0,
        "training": training,
        "metrics": metrics,
        "intended_use": intended_use,
        "license": "Apache-2.0",
    }
    if task == "regions":
        return Manifest(
            **common,
            spacing_mm=(SPACING_MM,) * 3,
            patch_size=REGIONS_PATCH,
            axes="RAS",
            normalization="zscore",
            classes=CLASSES,
        )
    if detector is None:
        raise ValueError("a verifier belongs to a detector")
    used = load_model(detector)
    of = used.manifest
    common["training"] = {**training, "detector": {"name": of.name, "version": of.version, "sha256": used.sha256}}
    return Manifest(
        **common,
        spacing_mm=of.spacing_mm,
        patch_size=CROP,
        axes=of.axes,
        normalization=of.normalization,
        classes=KINDS,
    )


def export_stage(trained: keras.Model, manifest: Manifest, out: Path) -> float:
    """Write a network as ONNX that gives logits.

    Parameters
    ----------
    trained : keras.Model
    manifest : Manifest
    out : Path
        Written only after the check.

    Returns
    -------
    float
        Largest difference of the probabilities between TensorFlow and ONNX Runtime on random input.

    Raises
    ------
    ExportError
        That difference is above 1e-4, or a layer is none that is known.
    """
    network, shape = trained, tuple(trained.input_shape[1:])
    network.layers[-1].activation = keras.activations.linear
    signature = (tf.TensorSpec((None, *shape), tf.float32, name="input"),)
    function = tf.function(lambda given: tf.identity(network(given, training=False), name="logits"), signature)
    graph = converted(function, signature, manifest)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        draft = Path(folder) / out.name
        onnx.save(graph, draft)
        difference = _parity(network, draft, shape)
        if difference > LARGEST_DIFFERENCE:
            raise ExportError(f"ONNX differs from TensorFlow by {difference:.2g}, allowed is {LARGEST_DIFFERENCE:g}.")
        put_in_place(draft, out)
    return difference


def _parity(network: keras.Model, path: Path, shape: tuple[int | None, ...]) -> float:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    worst = 0.0
    for sides in ((2, 3, 2), (4, 2, 3)):
        size = [n or k * SIDE_MULTIPLE for n, k in zip(shape, (*sides, 1), strict=True)]
        given = rng.standard_normal((2, *size)).astype(np.float32)
        ours = session.run(None, {session.get_inputs()[0].name: given})[0]
        theirs = np.asarray(network(given, training=False))
        worst = max(worst, float(np.abs(softmax(ours, axis=-1) - softmax(theirs, axis=-1)).max()))
    return worst
