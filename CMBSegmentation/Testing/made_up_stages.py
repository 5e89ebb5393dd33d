"""Hand-written models of the later stages: regions by grey level, a verifier by what lies around."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
from dark_spots import MANIFEST
from onnx import TensorProto, helper, numpy_helper

from CMBSegmentationLib.detecting.regions import CLASSES
from CMBSegmentationLib.models.input_spec import CROP
from CMBSegmentationLib.models.manifest import METADATA_KEY, Manifest

KINDS = ("microbleed", "vessel")


def write_regions_model(path: Path, level_of: dict[str, float], classes: tuple[str, ...] = CLASSES) -> Path:
    """Write a network whose logit of a class is minus the squared distance to its grey level."""
    levels = np.array([level_of.get(name, 1e3) for name in classes], np.float32)
    manifest = replace(
        MANIFEST, name="made-up-regions", task="regions", classes=classes, spacing_mm=(2.0,) * 3, patch_size=(16,) * 3
    )
    scan = helper.make_tensor_value_info("scan", TensorProto.FLOAT, ["batch", "i", "j", "k", 1])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "i", "j", "k", len(classes)])
    nodes = [
        helper.make_node("Sub", ["scan", "levels"], ["away"]),
        helper.make_node("Mul", ["away", "away"], ["squared"]),
        helper.make_node("Neg", ["squared"], ["logits"]),
    ]
    return _save(path, nodes, scan, logits, {"levels": levels}, manifest)


def write_verifier(path: Path, detector_sha256: str, level: float) -> Path:
    """Write a network that says microbleed where the mean of the wide crop is above a level."""
    manifest = replace(
        MANIFEST,
        name="made-up-verifier",
        task="verify",
        classes=KINDS,
        patch_size=CROP,
        training={"statement": "Not trained.", "detector": {"name": MANIFEST.name, "sha256": detector_sha256}},
    )
    given = helper.make_tensor_value_info("candidate", TensorProto.FLOAT, ["batch", *CROP, 3])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(KINDS)])
    nodes = [
        helper.make_node("ReduceMean", ["candidate"], ["means"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("MatMul", ["means", "matrix"], ["sums"]),
        helper.make_node("Add", ["sums", "offset"], ["logits"]),
    ]
    matrix = np.array([[0, 0], [0, 0], [20, 0]], np.float32)
    return _save(
        path, nodes, given, logits, {"matrix": matrix, "offset": np.array([-20 * level, 0], np.float32)}, manifest
    )


def _save(path: Path, nodes: list, given, logits, constants: dict[str, np.ndarray], manifest: Manifest) -> Path:
    tensors = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    graph = helper.make_graph(nodes, path.stem, [given], [logits], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(asdict(manifest))
    onnx.save(model, str(path))
    return path
