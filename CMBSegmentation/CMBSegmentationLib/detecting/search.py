"""How a scan was searched: what code needs later as typed fields, and the same for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..files.fields import Fields
from ..models.manifest import check_training
from ..models.model_file import Model
from ..reading.scan_identity import ScanName


@dataclass(frozen=True)
class UsedModel:
    """A model that took part.

    Attributes
    ----------
    name, version, file, sha256 : str
    spacing_mm : tuple of float
        Voxel size that it works at; empty where that is not known.
    training, metrics : mapping
        As in its manifest.
    intended_use, license : str
    """

    name: str = ""
    version: str = ""
    file: str = ""
    sha256: str = ""
    spacing_mm: tuple[float, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    intended_use: str = ""
    license: str = ""

    @property
    def title(self) -> str:
        """Name and version."""
        return " ".join(part for part in (self.name, self.version) if part)

    @property
    def statement(self) -> str:
        """What its makers say of its training, in a sentence; empty if nothing."""
        return str(self.training.get("statement") or "")

    @property
    def trained_on(self) -> str:
        """What it was trained on; empty if that is not recorded."""
        return str(self.training.get("data") or "")


@dataclass(frozen=True)
class UsedParcellation:
    """A parcellation that took the place of the map of regions.

    Attributes
    ----------
    file, sha256 : str
        Of the file; the hash is empty where it came from memory.
    has_lobes : bool
        Whether it tells the cortex apart by lobe.
    """

    file: str = ""
    sha256: str = ""
    has_lobes: bool = False


@dataclass(frozen=True)
class Search:
    """How a scan was searched.

    Attributes
    ----------
    detector, verifier, regions : UsedModel or None
        None where there was none.
    parcellation : UsedParcellation or None
        In place of `regions`.
    midplane : tuple of 4 float, or None
        As `detecting.regions.Regions.midplane`; None where regions were not mapped.
    operating_points : mapping
        Threshold by name, as `vocabulary.operating_points.operating_points`.
    overlap : float or None
    blending : str
    phase : tuple of str
        What phase image was used and how, worded for the user; empty where there is none.
    brain_mask : str
        ``"found"`` or ``"given"``; empty where that is not recorded.
    device : str
    software : str
        Version of this program.
    seconds : mapping
        That each step took.
    date : str
        ISO 8601, UTC; empty before the results are written.
    scan : ScanName
    readers : tuple of str
        Who reviewed it.
    reviewed_at : str
        When a reader changed the list last, or exported it as it was found: ISO 8601, UTC; empty where nobody has.
    """

    detector: UsedModel | None = None
    verifier: UsedModel | None = None
    regions: UsedModel | None = None
    parcellation: UsedParcellation | None = None
    midplane: tuple[float, float, float, float] | None = None
    operating_points: Mapping[str, float] = field(default_factory=dict)
    overlap: float | None = None
    blending: str = ""
    brain_mask: str = ""
    phase: tuple[str, ...] = ()
    device: str = ""
    software: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    date: str = ""
    scan: ScanName = field(default_factory=ScanName)
    readers: tuple[str, ...] = ()
    reviewed_at: str = ""


def used(model: Model) -> UsedModel:
    """Say which model took part."""
    manifest = model.manifest
    return UsedModel(
        name=manifest.name,
        version=manifest.version,
        file=model.path.name,
        sha256=model.sha256,
        spacing_mm=tuple(manifest.spacing_mm),
        training=manifest.training,
        metrics=manifest.metrics,
        intended_use=manifest.intended_use,
        license=manifest.license,
    )


def used_as_stored(model: Fields, spacing_mm: tuple[float, ...]) -> UsedModel:
    """Read which model took part from a list; `WrongValueError` if it is damaged."""
    training = model.fields("training", default={})
    check_training(training)
    texts = ("name", "version", "file", "sha256", "intended_use", "license")
    return UsedModel(
        **{key: model.text(key, default="") for key in texts},
        spacing_mm=spacing_mm,
        training=training.plain,
        metrics=model.mapping("metrics", default={}),
    )
