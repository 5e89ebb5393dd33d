"""The manifest inside a model file: what the network expects, how it is meant to be used, what is known of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .errors import ModelError
from .preprocess import NORMALIZATIONS, InputSpec

SCHEMA_VERSION = 1
METADATA_KEY = "cmb_manifest"
TASKS = ("detect", "verify", "regions")
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
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("not an object")
    except ValueError as error:
        raise ModelError(f"The manifest in {source} is damaged ({error}).", "Get the model file again.") from error
    version = values.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ModelError(
            f"The manifest in {source} has schema version {version}, this program reads {SCHEMA_VERSION}.",
            "Update this program, or export the model again with training/export.py.",
        )
    required = [f.name for f in fields(Manifest) if f.name not in ("training", "metrics", "intended_use", "license")]
    missing = [name for name in required if name not in values]
    if missing:
        raise _wrong(source, f"lacks {', '.join(missing)}")
    known = {f.name for f in fields(Manifest)}
    cleaned: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known}
    manifest = Manifest(**cleaned)
    _check(manifest, source)
    return manifest


def _check(manifest: Manifest, source: str) -> None:
    try:
        problems = list(_problems(manifest))
    except TypeError as error:  # a text where a number belongs, say
        raise _wrong(source, f"has a value of the wrong type ({error})") from error
    if problems:
        raise _wrong(source, problems[0])


def _problems(m: Manifest) -> Iterator[str]:
    if m.task not in TASKS:
        yield f"names the task {m.task!r}; known are {', '.join(TASKS)}"
    if len(m.axes) != 3 or any(len(set(m.axes) & pair) != 1 for pair in AXIS_PAIRS):
        yield f"names the axes {m.axes!r}; they must be like RAS"
    if len(m.spacing_mm) != 3 or not all(0 < s < 20 for s in m.spacing_mm):
        yield f"has spacing_mm {m.spacing_mm}"
    if len(m.patch_size) != 3 or not all(isinstance(n, int) and 0 < n <= 1024 for n in m.patch_size):
        yield f"has patch_size {m.patch_size}"
    if m.normalization not in NORMALIZATIONS:
        yield f"names the normalization {m.normalization!r}; known are {', '.join(NORMALIZATIONS)}"
    if len(m.classes) < 2:
        yield f"has classes {m.classes}"
    if not 0 <= m.overlap <= 0.9:
        yield f"has overlap {m.overlap}"
    if not 0 < m.threshold < 1:
        yield f"has threshold {m.threshold}"
    if not 0 <= m.min_volume_mm3 < 1000:
        yield f"has min_volume_mm3 {m.min_volume_mm3}"


def _wrong(source: str, problem: str) -> ModelError:
    return ModelError(f"The manifest in {source} {problem}.", "Export the model again with training/export.py.")
