"""The benchmark set searched: once for all combinations of stages, listed at every operating point."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import SimpleITK as sitk
from onnx import TensorProto, helper

from CMBSegmentationLib.models.input_spec import CROP
from CMBSegmentationLib.models.loaded_models import Stages
from CMBSegmentationLib.models.manifest import METADATA_KEY, Manifest
from CMBSegmentationLib.models.model_file import load_model
from cmbtraining.benchmark.figures import figures_at
from cmbtraining.benchmark.search import (
    ALL_STAGES,
    DETECTOR_ALONE,
    WITHOUT_REGIONS,
    RememberingModel,
    combinations,
    files_of,
    scores_of,
    search,
    seconds_a_scan,
)
from cmbtraining.data.candidates import KINDS
from cmbtraining.synthesis.mimics import VESSEL

SUBJECT = "sub-101"
SPOT, VESSEL_SPOT = (35, 50, 40), (48, 37, 52)  # z, y, x


def manifest(task, classes, patch, **more):
    return Manifest(
        schema_version=1,
        name=f"made-up-{task}",
        version="1",
        task=task,
        sequences=("T2S",),
        spacing_mm=(1.0, 1.0, 1.0),
        patch_size=patch,
        axes="RAS",
        normalization="zscore-brain",
        classes=classes,
        overlap=0.25,
        threshold=0.5,
        min_volume_mm3=1.0,
        training={"statement": "Not trained: written by hand for tests.", **more},
        intended_use="Tests.",
        license="Apache-2.0",
    )


def write(path, nodes, given, output, constants, described):
    tensors = [onnx.numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()]
    shapes = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in (given, output)]
    graph = helper.make_graph(nodes, path.stem, shapes[:1], shapes[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, described.to_json()
    onnx.save(model, str(path))
    return path


def write_detector(path):
    """Microbleed where it is bright, which air is not."""
    nodes = [
        helper.make_node("Mul", ["scan", "slope"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["lesion"]),
        helper.make_node("Mul", ["scan", "zero"], ["background"]),
        helper.make_node("Concat", ["background", "lesion"], ["logits"], axis=-1),
    ]
    patch = (32, 32, 32)
    constants = {"slope": [1.0], "offset": [-3.0], "zero": [0.0]}
    described = manifest("detect", ("background", "microbleed"), patch)
    return write(path, nodes, ("scan", ["n", *patch, 1]), ("logits", ["n", *patch, 2]), constants, described)


def write_verifier(path, detector):
    """A vessel where the crop is very bright."""
    nodes = [
        helper.make_node("ReduceMax", ["candidate"], ["brightest"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("MatMul", ["brightest", "matrix"], ["sums"]),
        helper.make_node("Add", ["sums", "offset"], ["logits"]),
    ]
    matrix, offset = np.zeros((3, len(KINDS))), np.zeros(len(KINDS))
    matrix[0, KINDS.index(VESSEL)], offset[KINDS.index(VESSEL)] = 8.0, -48.0
    offset[0] = 5.0
    described = manifest("verify", KINDS, CROP, detector={"name": "made-up-detect", "sha256": detector.sha256})
    described_shape = ("candidate", ["n", *CROP, 3])
    return write(
        path, nodes, described_shape, ("logits", ["n", len(KINDS)]), {"matrix": matrix, "offset": offset}, described
    )


def write_scan(folder):
    """A bright brain with a microbleed and, brighter, a vessel."""
    z, y, x = np.indices((80, 90, 90))
    inside = (z - 40) ** 2 + (y - 45) ** 2 + (x - 45) ** 2 < 34**2
    values = np.where(inside, 1000 + np.random.default_rng(0).normal(0, 30, inside.shape), 0)
    lesion, vessel = ((z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2 <= 4 for a, b, c in (SPOT, VESSEL_SPOT))
    values[lesion], values[vessel] = 3000, 5000
    files = files_of(folder, SUBJECT)
    files.image.parent.mkdir(parents=True)
    for path, array in (
        (files.image, values.astype(np.float32)),
        (files.truth, lesion.astype(np.uint8)),
        (files.mimics, vessel.astype(np.uint8) * KINDS.index(VESSEL)),
    ):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
    return files


def test_a_later_stage_is_scored_beside_the_detector_alone(tmp_path: Path):
    scan = write_scan(tmp_path / "scans")
    detector = load_model(write_detector(tmp_path / "d.onnx"), "cpu")
    verifier = load_model(write_verifier(tmp_path / "v.onnx", detector), "cpu", "verify")
    compared = combinations(Stages(detector, verifier=verifier))
    search(scan, compared, tmp_path / "out", None)

    points = {
        name: {point: figures_at(one, repeats=20) for point, one in scores_of([scan], tmp_path / "out" / name).items()}
        for name in (ALL_STAGES, DETECTOR_ALONE)
    }
    assert set(points[ALL_STAGES]) == {"sensitive", "balanced", "specific"}
    both = points[DETECTOR_ALONE]["balanced"]
    assert both["false_by_kind"][VESSEL] == 1
    assert both["rules"]["centres"]["figures"]["TPR"] == 1
    judged = points[ALL_STAGES]["balanced"]
    assert judged["false_by_kind"][VESSEL] == 0
    assert judged["rules"]["centres"]["figures"]["TPR"] == 1
    assert judged["without_lesions"] == {"scans": 0, "false_positives": 0}
    assert points[ALL_STAGES]["sensitive"]["threshold"] < judged["threshold"]
    assert seconds_a_scan([scan], tmp_path / "out" / ALL_STAGES) > 0


def test_what_each_later_stage_brings_is_seen(tmp_path: Path):
    detector = load_model(write_detector(tmp_path / "d.onnx"), "cpu")
    verifier = load_model(write_verifier(tmp_path / "v.onnx", detector), "cpu", "verify")
    compared = combinations(Stages(detector, regions=detector, verifier=verifier))
    used = {name: (bool(one.regions), bool(one.verifier)) for name, one in compared.items()}
    assert used == {ALL_STAGES: (True, True), WITHOUT_REGIONS: (False, True), DETECTOR_ALONE: (False, False)}


def test_a_finished_scan_is_listed_at_another_threshold_and_not_searched_again(tmp_path: Path, monkeypatch):
    scan = write_scan(tmp_path / "scans")
    compared = combinations(Stages(load_model(write_detector(tmp_path / "d.onnx"), "cpu")))
    assert set(compared) == {ALL_STAGES}
    search(scan, compared, tmp_path / "out", {ALL_STAGES: {"given": 0.4}})
    thresholds = tmp_path / "out" / ALL_STAGES / "thresholds.json"
    assert set(json.loads(thresholds.read_text())) == {"given"}
    (before,) = scores_of([scan], tmp_path / "out" / ALL_STAGES).values()

    monkeypatch.setattr("cmbtraining.benchmark.search.detect", lambda *given, **more: pytest.fail("searched again"))
    search(scan, compared, tmp_path / "out", {ALL_STAGES: {"given": 0.4}})
    (again,) = scores_of([scan], tmp_path / "out" / ALL_STAGES).values()
    assert again == before
    search(scan, compared, tmp_path / "out", {ALL_STAGES: {"given": 0.9999}})  # above what the detector says
    (higher,) = scores_of([scan], tmp_path / "out" / ALL_STAGES).values()
    assert higher.threshold == 0.9999
    assert sum(row.n_pred for row in higher.rows) < sum(row.n_pred for row in before.rows)


def test_the_network_runs_once_for_the_same_patches(tmp_path: Path):
    compared = combinations(Stages(load_model(write_detector(tmp_path / "d.onnx"), "cpu")))
    model = compared[ALL_STAGES].detector
    assert isinstance(model, RememberingModel)
    patch = np.random.default_rng(0).normal(size=(1, 32, 32, 32, 1)).astype(np.float32)
    first = model.logits(patch)
    assert model.logits(patch.copy()) is first
    assert model.logits(patch + 1) is not first
    np.testing.assert_allclose(first[..., 1], patch[..., 0] - 3, rtol=1e-4)
