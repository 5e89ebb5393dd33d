"""Write each channel's normalisation as the one ONNX operator for it, which programs compute many times faster."""

from __future__ import annotations

import re
from dataclasses import dataclass

import onnx
from onnx import helper, numpy_helper

LAYER = re.compile(r"(.*/group_normalization[^/]*)/")
CHANNELS_LAST, CHANNELS_FIRST = [0, 2, 3, 4, 1], [0, 4, 1, 2, 3]


@dataclass
class _Graph:
    """A graph's nodes by name, by what they give and by what takes it; its constants by name."""

    graph: onnx.GraphProto

    def __post_init__(self) -> None:
        self.nodes = {node.name: node for node in self.graph.node}
        self.makers = {output: node for node in self.graph.node for output in node.output}
        self.constants = {tensor.name: tensor for tensor in self.graph.initializer}

    def users(self, output: str) -> list[onnx.NodeProto]:
        return [node for node in self.graph.node if output in node.input]


def fuse_normalization(model: onnx.ModelProto) -> int:
    """Replace what Keras' ``GroupNormalization(groups=-1)`` was converted to by ``InstanceNormalization``, in place.

    Parameters
    ----------
    model : onnx.ModelProto
        As tf2onnx gives it: some fifteen nodes a layer, means over whole patches among them, after a transposition to
        channels last.

    Returns
    -------
    int
        Layers replaced.

    Raises
    ------
    ValueError
        A layer was converted in a way that is not known here.
    """
    found = _Graph(model.graph)
    layers = sorted({match[1] for name in found.nodes if (match := LAYER.match(name))})
    for layer in layers:
        _fuse(found, layer)
    _drop_unused(model.graph)
    return len(layers)


def _fuse(found: _Graph, layer: str) -> None:
    try:
        _replace(found, layer)
    except (KeyError, StopIteration) as error:
        raise ValueError(f"{layer} was converted to ONNX in an unknown way ({error!r}).") from error


def _replace(found: _Graph, layer: str) -> None:
    node, graph = found.nodes, found.graph
    to_last = found.makers[node[f"{layer}/Reshape"].input[0]]
    result = node[f"{layer}/Reshape_3"].output[0]
    if _order(to_last) != CHANNELS_LAST:
        raise KeyError(to_last.name)
    epsilon = numpy_helper.to_array(found.constants[node[f"{layer}/add"].input[1]]).item()
    scale, offset, normalised = (f"{layer}/{name}" for name in ("scale", "offset", "normalised"))
    for name, multiplied in ((scale, "mul"), (offset, "add_1")):
        constant = next(found.constants[i] for i in node[f"{layer}/{multiplied}"].input if i in found.constants)
        graph.initializer.append(numpy_helper.from_array(numpy_helper.to_array(constant).ravel(), name))
    fused = helper.make_node(
        "InstanceNormalization", [to_last.input[0], scale, offset], [normalised], name=layer, epsilon=epsilon
    )
    place = list(graph.node).index(node[f"{layer}/Reshape_3"]) + 1
    users = found.users(result)
    back = found.users(users[0].output[0])
    if len(users) == 1 and all(_order(one) == CHANNELS_FIRST for one in back):  # an activation between: no need to turn
        users[0].input[0] = normalised
        for transposition in back:
            _give_instead(found, transposition.output[0], users[0].output[0])
        graph.node.insert(place, fused)
        return
    turned = f"{layer}/channels_last"
    _give_instead(found, result, turned)
    turn = helper.make_node("Transpose", [normalised], [turned], name=turned, perm=CHANNELS_LAST)
    graph.node.insert(place, turn)
    graph.node.insert(place, fused)


def _give_instead(found: _Graph, old: str, new: str) -> None:
    for user in found.users(old):
        for number, name in enumerate(user.input):
            if name == old:
                user.input[number] = new


def _order(node: onnx.NodeProto) -> list[int] | None:
    """Order of axes that a transposition gives; None for another node."""
    if node.op_type != "Transpose":
        return None
    return next((list(attribute.ints) for attribute in node.attribute if attribute.name == "perm"), None)


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Take away nodes and constants that no output needs, and shapes that were told of what is gone."""
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    for field, values in (("node", kept[::-1]), ("initializer", constants), ("value_info", [])):
        graph.ClearField(field)
        getattr(graph, field).extend(values)
