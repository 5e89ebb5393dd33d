"""A ball of a brain with dark spots, and a network that finds dark voxels: what comes out can be foretold."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import SimpleITK as sitk
from onnx import TensorProto, helper

from CMBSegmentationLib.models.manifest import METADATA_KEY, Manifest

MANIFEST = Manifest(
    schema_version=1,
    name="dark-voxels",
    version="1",
    task="detect",
    sequences=("T2S", "SWI"),
    spacing_mm=(1.0, 1.0, 1.0),
    patch_size=(32, 32, 32),
    axes="RAS",
    normalization="zscore-brain",
    classes=("background", "microbleed"),
    overlap=0.25,
    threshold=0.5,
    min_volume_mm3=2.0,
    training={"statement": "Not trained: written by hand for tests."},
    intended_use="Tests.",
    license="Apache-2.0",
)


def write_dark_voxel_model(path: Path, manifest: Manifest | str | None = MANIFEST, patch: tuple = (32, 32, 32)) -> Path:
    """Write a network whose lesion logit is 0 at 1.2 standard deviations below the mean, rising 6 a deviation.

    Where nothing within 4 voxels is brighter than that, as in the air around a head, the logit is as far below 0: to
    part all that air into candidates would take longer than the rest of a search.
    """
    scan = helper.make_tensor_value_info("scan", TensorProto.FLOAT, ["batch", *patch, 1])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", *patch, 2])
    constants = [
        helper.make_tensor("slope", TensorProto.FLOAT, [1], [-6.0]),
        helper.make_tensor("offset", TensorProto.FLOAT, [1], [-7.2]),
        helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]),
        helper.make_tensor("channels_first", TensorProto.INT64, [5], [-1, 1, *patch]),
        helper.make_tensor("channels_last", TensorProto.INT64, [5], [-1, *patch, 1]),
    ]
    nodes = [
        helper.make_node("Mul", ["scan", "slope"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["darkness"]),
        helper.make_node("Mul", ["scan", "zero"], ["background"]),
        helper.make_node("Reshape", ["scan", "channels_first"], ["near0"]),
        *(
            helper.make_node(
                "MaxPool", [f"near{axis}"], [f"near{axis + 1}"], kernel_shape=shape, pads=[n // 2 for n in shape] * 2
            )
            for axis, shape in enumerate(([9, 1, 1], [1, 9, 1], [1, 1, 9]))
        ),
        helper.make_node("Reshape", ["near3", "channels_last"], ["brightest"]),
        helper.make_node("Mul", ["brightest", "slope"], ["its_scaled"]),
        helper.make_node("Add", ["its_scaled", "offset"], ["its_darkness"]),
        helper.make_node("Neg", ["its_darkness"], ["nearness"]),
        helper.make_node("Min", ["darkness", "nearness"], ["lesion"]),
        helper.make_node("Concat", ["background", "lesion"], ["logits"], axis=-1),
    ]
    graph = helper.make_graph(nodes, "dark-voxels", [scan], [logits], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if manifest is not None:
        entry = model.metadata_props.add()
        entry.key = METADATA_KEY
        entry.value = manifest if isinstance(manifest, str) else json.dumps(asdict(manifest))
    onnx.save(model, str(path))
    return path


def only(model: Path) -> list[str]:
    """Options by which a detector runs alone: to load the bundled regions and verifier takes longer than its search."""
    return ["--model", str(model), "--regions", "none", "--verifier", "none", "--device", "cpu"]


SIDE_MM = 80  # of the scan's box: what a brain mask needs around a ball of 70 mm, and no more: air is searched, too
OBLIQUE = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.21, -0.13, 0.34).GetMatrix()


def ball_brain(
    spacing=(1.0, 1.0, 1.0), direction=None, origin=(-35.0, 20.0, 11.0), spots_mm=((12.0, 5.0, 3.0), (-14.0, -9.0, 8.0))
) -> tuple[sitk.Image, np.ndarray]:
    """A bright ball of 35 mm radius with dark 2 mm spots; returns the scan and the spots' RAS positions."""
    size = [round(SIDE_MM / s) for s in spacing]
    image = sitk.Image(size, sitk.sitkFloat32)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(direction or OBLIQUE)
    centre = np.array(image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in size]))
    z, y, x = np.indices(size[::-1])
    index = np.stack([x, y, z], -1) * np.array(spacing)
    points = index @ np.array(image.GetDirection()).reshape(3, 3).T + np.array(origin)
    rng = np.random.default_rng(3)
    values = np.where(np.linalg.norm(points - centre, axis=-1) < 35, 1000.0, 0.0) + rng.normal(0, 20, size[::-1])
    spots = centre + np.array(spots_mm)
    for spot in spots:
        values[np.linalg.norm(points - spot, axis=-1) <= 2.6] = 60.0
    filled = sitk.GetImageFromArray(values.astype(np.float32))
    filled.CopyInformation(image)
    return filled, spots * [-1, -1, 1]
