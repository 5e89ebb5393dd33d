"""What a model file says of itself, from its run's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from CMBSegmentationLib.models.input_spec import CROP
from CMBSegmentationLib.models.manifest import SCHEMA_VERSION, Manifest
from CMBSegmentationLib.models.model_file import load_model

from ..benchmark.threshold_choice import DEFAULT
from ..config.sections import Config, DetectConfig, RegionsConfig
from ..data.candidates import KINDS
from ..regions.atlas import CLASSES
from ..regions.scans import SPACING_MM

REGIONS_PATCH = (112, 144, 112)  # a head at 1.5 mm; the graph takes any multiple of 16
STAGE_THRESHOLD = 0.5


def manifest_for(
    config: Config,
    *,
    name: str,
    version: str,
    training: dict[str, Any],
    intended_use: str,
    threshold: float | None = None,
    metrics: dict[str, Any] | None = None,
    detector: Path | None = None,
) -> Manifest:
    """Describe a network trained under a configuration, as the program that uses it needs it.

    Parameters
    ----------
    config : Config
        Its task decides what is said.
    name, version, training, intended_use
        As in `Manifest`.
    threshold : float, optional
        If not given, a detector's is the configuration's, a verifier's the default operating point of `metrics`.
    metrics : dict, optional
        What was measured, as ``evaluate.py aggregate --json`` or ``benchmark_models.py`` gives it.
    detector : Path, optional
        Whose candidates a verifier judges: it sees crops of its grid.

    Returns
    -------
    Manifest
    """
    metrics = metrics or {}
    common: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "version": version,
        "task": config.task,
        "sequences": ("T2S", "SWI"),
        "training": training,
        "metrics": metrics,
        "intended_use": intended_use,
        "license": "Apache-2.0",
    }
    if isinstance(config, DetectConfig):
        use, data = config.detection, config.data
        return Manifest(
            **common,
            spacing_mm=data.spacing_mm,
            patch_size=use.patch_size or config.network.patch_size,
            axes=data.axes,
            normalization=data.normalization,
            classes=("background", "microbleed"),
            overlap=use.overlap,
            threshold=use.threshold if threshold is None else threshold,
            min_volume_mm3=use.min_volume_mm3,
        )
    common |= {"overlap": 0.0, "min_volume_mm3": 0.0}
    if isinstance(config, RegionsConfig):
        return Manifest(
            **common,
            spacing_mm=(SPACING_MM,) * 3,
            patch_size=REGIONS_PATCH,
            axes="RAS",
            normalization="zscore",
            classes=CLASSES,
            threshold=STAGE_THRESHOLD,
        )
    if detector is None:
        raise ValueError("a verifier belongs to a detector")
    used = load_model(detector)
    of = used.manifest
    common["training"] = {**training, "detector": {"name": of.name, "version": of.version, "sha256": used.sha256}}
    measured = metrics.get("operating_points", {}).get(DEFAULT, STAGE_THRESHOLD)
    return Manifest(
        **common,
        spacing_mm=of.spacing_mm,
        patch_size=CROP,
        axes=of.axes,
        normalization=of.normalization,
        classes=KINDS,
        threshold=measured if threshold is None else threshold,
    )
