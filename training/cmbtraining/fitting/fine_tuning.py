"""Start from a trained network: a .keras file, or an .onnx file as `cmb models` lists them.

An exported in-plane network holds its weights as they are. One of the paper's kind holds each batch normalisation as
one factor and one offset: its mean and variance are measured again on patches of the new data, and scale and shift set
so that the network computes what it did. Only then does training, which normalises by each batch, go on from the same
function.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from .checkpoints import CheckpointError

SMALLEST_VARIANCE = 1e-6


def start_from(model: keras.Model, path: Path, patches: NDArray[np.float32]) -> None:
    """Give a network the weights of a trained one.

    Parameters
    ----------
    model : keras.Model
        From `cmbtraining.networks.build.build_network`.
    path : Path
        ``best.keras`` of a run, or an exported .onnx.
    patches : float32 array (b, i, j, k, 1)
        Of the new data, prepared as the trained network wants it; an .onnx is measured on them.

    Raises
    ------
    CheckpointError
        The file cannot be read, or holds another network.
    """
    if path.suffix == ".onnx":
        if any(isinstance(layer, keras.layers.GroupNormalization) for layer in model.layers):
            _take_constants(model, path)
        else:
            _take_onnx(model, path, patches)
        return
    take_weights(model, path)


def take_weights(model: keras.Model, path: Path) -> None:
    """Give a network the weights of a run's ``best.keras``.

    Raises
    ------
    CheckpointError
        The file cannot be read, or holds another network.
    """
    try:
        trained = keras.models.load_model(path, compile=False)
    except Exception as error:  # zipfile, h5py and keras each raise their own
        raise CheckpointError(f"{path} cannot be read as a Keras model ({error}).") from error
    if [w.shape for w in trained.weights] != [w.shape for w in model.weights]:
        raise CheckpointError(f"{path} holds another network than the configuration's: compare network.filters.")
    model.set_weights(trained.get_weights())


def _take_constants(model: keras.Model, path: Path) -> None:
    """Set the weights of an in-plane network, each kind of layer in the order in which the graph computes."""
    nodes = _nodes_with_constants(path)
    kernels = {
        kind: [[constants[0].transpose(2, 3, 4, 1, 0)] for name, constants in nodes if name == kind and constants]
        for kind in ("Conv", "ConvTranspose")
    }
    biases = [
        constants[0].ravel() for name, constants in nodes if name == "Add" and constants and constants[0].ndim == 5
    ]
    turned = [[*kernel, bias] for kernel, bias in zip(kernels["ConvTranspose"], biases, strict=False)]
    norms = [constants for name, constants in nodes if name == "InstanceNormalization"]
    for kind, weights in (
        (keras.layers.Conv3D, kernels["Conv"]),
        (keras.layers.Conv3DTranspose, turned),
        (keras.layers.GroupNormalization, norms),
    ):
        ours = [layer for layer in model.layers if type(layer) is kind]
        if [[w.shape for w in layer.weights] for layer in ours] != [[w.shape for w in one] for one in weights]:
            raise CheckpointError(f"{path} holds another network than the configuration's: compare network.filters.")
        for layer, one in zip(ours, weights, strict=True):
            layer.set_weights(one)


def _take_onnx(model: keras.Model, path: Path, patches: NDArray[np.float32]) -> None:
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv3D)]
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    kernels, scales = _read_onnx(path)
    ours = [tuple(layer.kernel.shape) for layer in convolutions]
    if ours != [kernel.shape for kernel, _ in kernels] or len(scales) != len(norms):
        raise CheckpointError(f"{path} holds another network than the configuration's: compare network.filters.")
    for layer, weights in zip(convolutions, kernels, strict=True):
        layer.set_weights(list(weights))
    for norm, (factor, offset) in zip(norms, scales, strict=True):
        _set_norm(norm, factor, offset, np.zeros_like(factor), np.ones_like(factor))
    before = keras.Model(model.inputs, [norm.input for norm in norms])
    for norm, (factor, offset), values in zip(norms, scales, before.predict(patches, 1, verbose=0), strict=True):
        flat = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
        _set_norm(norm, factor, offset, flat.mean(axis=0), np.maximum(flat.var(axis=0), SMALLEST_VARIANCE))


def _set_norm(norm: Any, factor: NDArray, offset: NDArray, mean: NDArray, variance: NDArray) -> None:
    """Set a batch normalisation that gives ``factor * x + offset``, whatever its mean and variance are."""
    norm.set_weights([factor * np.sqrt(variance + norm.epsilon), offset + factor * mean, mean, variance])


def _read_onnx(path: Path) -> tuple[list[tuple[NDArray, NDArray]], list[tuple[NDArray, NDArray]]]:
    """Kernels with biases, and factors with offsets, each in the order in which the graph computes."""
    kernels: list[tuple[NDArray, NDArray]] = []
    factors: list[NDArray] = []
    offsets: list[NDArray] = []
    for kind, constants in _nodes_with_constants(path):
        if kind == "Conv" and constants and constants[0].ndim == 5:
            bias = constants[1] if len(constants) > 1 else np.zeros(len(constants[0]), np.float32)
            kernels.append((constants[0].transpose(2, 3, 4, 1, 0), bias))
        elif kind in ("Mul", "Add") and constants and constants[0].ndim == 5:
            (factors if kind == "Mul" else offsets).append(constants[0].reshape(-1))
    if len(factors) != len(offsets):
        raise CheckpointError(f"{path} is not a network of this project's export.py.")
    return kernels, list(zip(factors, offsets, strict=True))


def _nodes_with_constants(path: Path) -> list[tuple[str, list[NDArray]]]:
    """The graph's nodes in the order in which they compute: kind, and the constants that they take."""
    try:
        import onnx
        from onnx import numpy_helper

        graph = onnx.load(path).graph
    except Exception as error:  # onnx raises protobuf's own
        raise CheckpointError(f"{path} cannot be read as ONNX ({error}).") from error
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    return [(node.op_type, [values[name] for name in node.input if name in values]) for node in graph.node]
