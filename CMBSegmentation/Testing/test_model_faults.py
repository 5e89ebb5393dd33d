"""Models that give or claim what cannot be are refused before anything is written."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from dark_spots import MANIFEST, only, write_dark_voxel_model
from hypothesis import given
from hypothesis import strategies as st
from made_up_stages import write_regions_model, write_verifier
from onnx import TensorProto, helper, numpy_helper
from property_tests import examples

from CMBCommand import cli
from CMBSegmentationLib.detecting.regions import CLASSES
from CMBSegmentationLib.errors import ModelError
from CMBSegmentationLib.models.manifest import METADATA_KEY, Manifest, parse_manifest
from CMBSegmentationLib.models.model_file import load_model


def spoiled(path: Path, kind: str) -> Path:
    """Let a model's output be what it should not: by a last node behind the declared one."""
    model = onnx.load(str(path))
    graph, output = model.graph, model.graph.output[0]
    last = next(node for node in graph.node if output.name in node.output)
    last.output[list(last.output).index(output.name)] = "sound"
    if kind == "smaller":
        for dimension in output.type.tensor_type.shape.dim[1:-1]:
            dimension.dim_param = f"any_{dimension.dim_value}"
        axis = 1 if len(output.type.tensor_type.shape.dim) > 2 else 0
        bounds = {"from": [0], "to": [8 if axis else 0], "axis": [axis]}
        graph.initializer.extend(numpy_helper.from_array(np.array(v, np.int64), k) for k, v in bounds.items())
        graph.node.append(helper.make_node("Slice", ["sound", *bounds], [output.name]))
    elif kind == "double":
        output.type.tensor_type.elem_type = TensorProto.DOUBLE
        graph.node.append(helper.make_node("Cast", ["sound"], [output.name], to=TensorProto.DOUBLE))
    else:
        factor = {"nan": np.nan, "infinite": np.inf, "huge": 3e37}[kind]
        graph.initializer.append(numpy_helper.from_array(np.array([factor], np.float32), "factor"))
        graph.node.append(helper.make_node("Mul", ["sound", "factor"], [output.name]))
    onnx.save(model, str(path))
    return path


def run(scan: Path, out: Path, *options: str) -> int:
    return cli.main(["detect", str(scan), "-o", str(out), "--device", "cpu", *options])


def left(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir()) if out.exists() else []


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("nan", "NaN or infinite"),
        ("infinite", "NaN or infinite"),
        ("huge", "NaN or infinite"),
        ("smaller", "has shape"),
        ("double", "one of tensor(float) each was expected"),
    ],
)
def test_a_detectors_impossible_output_is_refused_and_nothing_is_written(scan_file, tmp_path, capsys, kind, said):
    model = spoiled(write_dark_voxel_model(tmp_path / "bad.onnx"), kind)
    assert run(scan_file, tmp_path / "out", *only(model)) == 3
    assert said in capsys.readouterr().err.replace("\n", " ")
    assert left(tmp_path / "out") == []


@pytest.mark.parametrize("kind", ["nan", "smaller", "double"])
def test_a_map_of_regions_is_refused_likewise(scan_file, dark_model, tmp_path, kind):
    regions = spoiled(write_regions_model(tmp_path / "r.onnx", dict.fromkeys(CLASSES, 0.5)), kind)
    options = ["--model", str(dark_model), "--regions", str(regions), "--verifier", "none"]
    assert run(scan_file, tmp_path / "out", *options) == 3
    assert left(tmp_path / "out") == []


@pytest.mark.parametrize("kind", ["nan", "smaller", "double"])
def test_a_verifier_is_refused_likewise(scan_file, dark_model, tmp_path, kind):
    made_for = load_model(dark_model, "cpu").sha256
    verifier = spoiled(write_verifier(tmp_path / "v.onnx", made_for, 0.0), kind)
    options = ["--model", str(dark_model), "--regions", "none", "--verifier", str(verifier)]
    assert run(scan_file, tmp_path / "out", *options) == 3
    assert left(tmp_path / "out") == []


def test_a_verifier_for_crops_of_another_size_is_refused(scan_file, dark_model, tmp_path, capsys):
    verifier = write_verifier(tmp_path / "v.onnx", load_model(dark_model, "cpu").sha256, 0.0)
    model = onnx.load(str(verifier))
    for dimension in model.graph.input[0].type.tensor_type.shape.dim[1:4]:
        dimension.dim_value = 16
    (entry,) = model.metadata_props
    entry.value = json.dumps({**json.loads(entry.value), "patch_size": [16, 16, 16]})
    onnx.save(model, str(verifier))
    options = ["--model", str(dark_model), "--regions", "none", "--verifier", str(verifier)]
    assert run(scan_file, tmp_path / "out", *options) == 3
    assert "crops of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("name", 7, "name is 7; it must be text"),
        ("name", "", "name is ''; it must be text that is not empty"),
        ("version", None, "version is missing"),
        ("sequences", "T2S", "sequences is 'T2S'; it must be a list"),
        ("spacing_mm", [1, 1, "1"], "spacing_mm[2] is '1'; it must be a finite number"),
        ("spacing_mm", [1.0, 1.0], "it must be a list of 3"),
        ("spacing_mm", [1.0, 1.0, 0], "spacing_mm[2] is 0; it must be above 0"),
        ("patch_size", [32.0, 32, 32], "patch_size is 32.0; it must be a whole number"),
        ("patch_size", [True, 32, 32], "it must be a whole number"),
        ("axes", ["R", "A", "S"], "axes is ['R', 'A', 'S']; it must be text"),
        ("classes", ["a", "a"], "each once"),
        ("classes", [0, 1], "classes[0] is 0; it must be text"),
        ("overlap", "0.5", "overlap is '0.5'"),
        ("threshold", float("nan"), "threshold is nan; it must be a finite number"),
        ("min_volume_mm3", [2], "min_volume_mm3 is [2]"),
        ("training", "long", "training is 'long'; it must be an object"),
        ("training", {"statement": 3}, "training.statement is 3; it must be text"),
        ("training", {"detector": "mine"}, "training.detector is 'mine'; it must be an object"),
        ("training", {"config": {"data": {"spacing_mm": [None]}}}, "training.config.data.spacing_mm[0] is None"),
        ("metrics", [1], "metrics is [1]; it must be an object"),
        ("license", {"a": 1}, "license is {'a': 1}; it must be text"),
        ("schema_version", True, "schema_version is True; it must be a whole number"),
    ],
)
def test_a_manifests_wrong_value_is_named(tmp_path, key, value, told):
    text = json.dumps({**asdict(MANIFEST), key: value})
    with pytest.raises(ModelError) as caught:
        load_model(write_dark_voxel_model(tmp_path / "bad.onnx", text), "cpu")
    assert told in caught.value.message
    assert METADATA_KEY not in caught.value.message


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@examples(200)
@given(st.sampled_from(sorted(asdict(MANIFEST))), ANYTHING)
def test_a_manifest_with_anything_in_it_is_read_or_refused(key, value):
    text = json.dumps({**asdict(MANIFEST), key: value})
    try:
        manifest = parse_manifest(text, "a.onnx")
    except ModelError:
        return
    assert isinstance(manifest, Manifest)
    assert replace(manifest, **{key: getattr(MANIFEST, key)}) == MANIFEST
