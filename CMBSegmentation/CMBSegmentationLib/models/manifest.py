"""The manifest inside a model file: what the network expects, how it is meant to be used, what is known of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import ModelError
from ..files.fields import Fields, WrongValueError, read_json, wrong
from .input_spec import NORMALIZATIONS, InputSpec

SCHEMA_VERSION = 1
METADATA_KEY = "cmb_manifest"
TASKS = ("detect", "verify", "regions")
LARGEST_PATCH, LARGEST_VOXEL_MM = 1024, 20.0
AXIS_PAIRS = ({"R", "L"}, {"A", "P"}, {"S", "I"})


@dataclass(frozen=True)
class Manifest:
    """A model's description of itself, stored as JSON in the ONNX metadata entry ``cmb_manifest``.

    Attributes
    ----------
    schema_version : int
    name, version : str
    task : {"detect", "verify", "regions"}
    sequences : tuple of str
        What it reads, such as ``("T2S", "SWI")``; one input channel takes any of them.
    spacing_mm : tuple of float
        Voxel size along `axes`.
    patch_size : tuple of int
        Voxels of one input patch along `axes`.
    axes : str
        Directions of the patch's axes, such as ``"RAS"``.
    normalization : {"zscore", "zscore-brain"}
    classes : tuple of str
        In the order of the output channels, background first.
    overlap, threshold, min_volume_mm3 : float
        Defaults of use.
    training : dict
        Data, configuration, date, git commit.
    metrics : dict
        What was measured, with data and matching rule.
    intended_use, license : str
    """

    schema_version: int
    name: str
    version: str
    task: str
    sequences: tuple[str, ...]
    spacing_mm: tuple[float, float, float]
    patch_size: tuple[int, int, int]
    axes: str
    normalization: str
    classes: tuple[str, ...]
    overlap: float
    threshold: float
    min_volume_mm3: float
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    intended_use: str = ""
    license: str = ""

    @property
    def input_spec(self) -> InputSpec:
        """How a scan is prepared for this model."""
        return InputSpec(self.axes, self.spacing_mm, self.normalization)

    def to_json(self) -> str:
        """Give the text that is stored in the model file."""
        return json.dumps(asdict(self), indent=1)


def parse_manifest(text: str, source: str) -> Manifest:
    """Read and check a manifest.

    Parameters
    ----------
    text : str
        JSON.
    source : str
        Names the model file in messages.

    Returns
    -------
    Manifest

    Raises
    ------
    ModelError
        It is not JSON, of another schema version, or a value is missing or impossible.
    """
    try:
        content = Fields(read_json(text))
        version = content.whole("schema_version")
    except ValueError as error:
        raise ModelError(f"The manifest in {source} is damaged ({error}).", "Get the model file again.") from error
    if version != SCHEMA_VERSION:
        raise ModelError(
            f"The manifest in {source} has schema version {version}, this program reads {SCHEMA_VERSION}.",
            "Update this program, or export the model again with training/export.py.",
        )
    try:
        return _manifest(content)
    except WrongValueError as error:
        raise _wrong(source, f"is wrong: {str(error).rstrip('.')}") from error


def _manifest(content: Fields) -> Manifest:
    """Check every value; `WrongValueError` names the first that is not what it must be."""
    axes = content.text("axes")
    if len(axes) != 3 or any(len(set(axes) & pair) != 1 for pair in AXIS_PAIRS):
        raise wrong("axes", axes, "three directions like RAS")
    classes = content.texts("classes")
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise wrong("classes", classes, "two names or more, each once")
    sizes = content.items("patch_size", length=3)
    patch_size = [Fields({"patch_size": one}).whole("patch_size", least=1, most=LARGEST_PATCH) for one in sizes]
    spacing = content.numbers("spacing_mm", length=3, above=0, below=LARGEST_VOXEL_MM)
    check_training(content.fields("training", default={}))
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name=content.text("name", empty=False),
        version=content.text("version", empty=False),
        task=content.text("task", choices=TASKS),
        sequences=content.texts("sequences"),
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
        patch_size=(patch_size[0], patch_size[1], patch_size[2]),
        axes=axes,
        normalization=content.text("normalization", choices=NORMALIZATIONS),
        classes=classes,
        overlap=content.number("overlap", least=0, most=0.9),
        threshold=content.number("threshold", above=0, below=1),
        min_volume_mm3=content.number("min_volume_mm3", least=0, below=1000),
        training=dict(content.mapping("training", default={})),
        metrics=dict(content.mapping("metrics", default={})),
        intended_use=content.text("intended_use", default=""),
        license=content.text("license", default=""),
    )


def check_training(training: Fields) -> None:
    """Refuse (`WrongValueError`) what a program reads of how a model was trained and is not of its kind."""
    training.text("statement", default="")
    if training.plain.get("detector") is not None:
        detector = training.fields("detector")
        for key in ("name", "sha256"):
            detector.text(key, default="")
    if isinstance(training.plain.get("config"), Mapping):
        training.fields("config").fields("data", default={}).numbers("spacing_mm", default=())


def _wrong(source: str, problem: str) -> ModelError:
    return ModelError(f"The manifest in {source} {problem}.", "Export the model again with training/export.py.")
