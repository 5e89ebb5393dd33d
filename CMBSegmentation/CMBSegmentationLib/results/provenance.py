"""How a detection was made, for people: written once, at the end. What code needs later is in `detecting.search`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import SimpleITK as sitk

from ..detecting.detect import Detection
from ..detecting.search import Search, UsedModel


def provenance_of(detection: Detection) -> dict[str, Any]:
    """Tell of program, models, settings, device, scan and review; JSON-ready, in the order that it is read in."""
    search = detection.search
    settings = {
        **asdict(detection.rules),
        "overlap": search.overlap,
        "blending": search.blending,
        "brain_mask": search.brain_mask,
    }
    told: dict[str, Any] = {
        "software": {"name": "slicer-cmb", "version": search.software} if search.software else None,
        "model": _model(search.detector),
        "settings": {key: value for key, value in settings.items() if value not in (None, "")},
        "device": search.device,
        "input": {**_image(detection.image), **{key: name for key, name in asdict(search.scan).items() if name}},
        "timings_s": dict(search.seconds),
        "regions": _model(search.regions) | {"midplane_ras": search.midplane} if search.regions else None,
        "parcellation": _parcellation(search),
        "verifier": _model(search.verifier),
        "phase": list(search.phase) or None,
        "date": search.date,
        "review": {"readers": list(search.readers), "date": search.reviewed_at} if search.reviewed_at else None,
    }
    return {key: value for key, value in told.items() if value not in (None, "", {})}


def _model(model: UsedModel | None) -> dict[str, Any]:
    if model is None:
        return {}
    about = asdict(model)
    del about["spacing_mm"]
    return {key: value for key, value in about.items() if value not in ("", {})}


def _parcellation(search: Search) -> dict[str, Any] | None:
    """Name the file in place of the map of regions, and its hash."""
    if search.parcellation is None:
        return None
    return {**asdict(search.parcellation), "midplane_ras": search.midplane}


def _image(image: sitk.Image) -> dict[str, Any]:
    return {
        "size": list(image.GetSize()),
        "spacing_mm": [round(s, 4) for s in image.GetSpacing()],
        "orientation": sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection()),
    }
