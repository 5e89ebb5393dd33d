"""From a node in the scene, through the real worker and ONNX Runtime, to segments, table and points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import slicer.util
from oblique_scan import LESION_PEAKS, SPACING_MM, oblique_ijk_to_ras, probability_blobs
from onnx import TensorProto, helper

from CMBSegmentationLib.manifest import METADATA_KEY, SCHEMA_VERSION, Manifest
from CMBSegmentationLib.scene import lesion_rows
from CMBSegmentationLib.session import DetectionSession, State

PATCH = (16, 16, 8)


@pytest.fixture
def a_head(a_scene):
    """An oblique head, dark outside, with balls of signal void."""
    shape = (30, 64, 68)
    index = np.indices(shape).transpose(1, 2, 3, 0)
    middle = (np.array(shape) - 1) / 2
    inside = np.linalg.norm((index - middle) / (middle - 3), axis=-1) < 1
    noise = np.random.default_rng(3).normal(0, 8, shape)
    voxels = np.where(inside, 600, 20) + noise
    shift = (5, 10, 10)  # brings the lesions to the middle
    blobs = np.zeros(shape, bool)
    blobs[tuple(slice(s, s + n) for s, n in zip(shift, probability_blobs().shape, strict=True))] = (
        probability_blobs() > 0
    )
    voxels[blobs & inside] = 100
    node = slicer.util.addVolumeFromArray(voxels.astype(np.int16), ijkToRAS=oblique_ijk_to_ras(), name="head")
    true = [(oblique_ijk_to_ras() @ [i + 10, j + 10, k + 5, 1])[:3] for k, j, i in LESION_PEAKS]
    return node, true


@pytest.fixture
def a_model(tmp_path: Path) -> Path:
    """A network of one line: a voxel three deviations darker than the brain's mean is a lesion."""
    patch = ["n", *PATCH]
    nodes = [
        helper.make_node("Mul", ["x", "minus_four"], ["darkness"]),
        helper.make_node("Add", ["darkness", "minus_twelve"], ["lesion"]),
        helper.make_node("Mul", ["x", "zero"], ["background"]),
        helper.make_node("Concat", ["background", "lesion"], ["logits"], axis=-1),
    ]
    constants = {"minus_four": -4.0, "minus_twelve": -12.0, "zero": 0.0}
    graph = helper.make_graph(
        nodes,
        "threshold",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [*patch, 1])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [*patch, 2])],
        [helper.make_tensor(name, TensorProto.FLOAT, [1], [value]) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        name="dark",
        version="1",
        task="detect",
        sequences=("T2S",),
        spacing_mm=SPACING_MM,
        patch_size=PATCH,
        axes="RAS",
        normalization="zscore-brain",
        classes=("background", "cmb"),
        overlap=0.25,
        threshold=0.5,
        min_volume_mm3=1.0,
        intended_use="a test",
        license="Apache-2.0",
    )
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, manifest.to_json()
    path = tmp_path / "dark.onnx"
    onnx.save(model, path)
    return path


def test_a_scan_in_the_scene_is_searched_and_its_lesions_come_back_where_they_are(a_scene, a_head, a_model):
    scan, true = a_head
    session = DetectionSession(a_scene)
    session.set_parameters(model=str(a_model), device="cpu")
    fractions = []
    session.status_changed.connect(lambda status: fractions.append(status.fraction))
    session.start(scan)
    status = session.wait()

    assert status.state is State.DONE, status.message
    assert fractions == sorted(fractions)
    found = [row for row in lesion_rows(session.results.table) if row["status"] == "accepted"]
    assert len(found) == len(true)
    for row in found:
        position = (row["r_mm"], row["a_mm"], row["s_mm"])
        assert min(np.linalg.norm(np.subtract(position, at)) for at in true) < min(SPACING_MM)
    segmentation = session.results.segmentation.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == len(true)


def test_a_scan_that_the_worker_refuses_is_told_in_its_words(a_scene, a_model):
    flat = slicer.util.addVolumeFromArray(np.full((20, 40, 40), 7, np.int16), name="flat")
    session = DetectionSession(a_scene)
    session.set_parameters(model=str(a_model), device="cpu")
    session.start(flat)
    status = session.wait()
    assert status.state is State.FAILED
    assert "same everywhere" in status.error.message


def test_a_model_that_does_not_exist_is_told(a_scene, a_head):
    session = DetectionSession(a_scene)
    session.set_parameters(model="/no/such/model.onnx")
    session.start(a_head[0])
    status = session.wait()
    assert status.state is State.FAILED
    assert "no model" in status.error.message
