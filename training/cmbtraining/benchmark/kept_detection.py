"""A detection on disk, small, so that other thresholds can be listed without searching again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib.detecting.detect import Detection
from CMBSegmentationLib.detecting.lesions import CANDIDATE_PROBABILITY, LesionRules
from CMBSegmentationLib.files.atomic_file import put_in_place

NAME = "detection.npz"


def keep(detection: Detection, folder: Path) -> None:
    """Write what `kept` reads: probabilities where there are candidates, the brain, rules and provenance."""
    folder.mkdir(parents=True, exist_ok=True)
    p = sitk.GetArrayViewFromImage(detection.probability).ravel()
    where = np.flatnonzero(p >= CANDIDATE_PROBABILITY)
    rules = detection.rules
    told = {
        "rules": [rules.threshold, rules.min_volume_mm3, rules.max_diameter_mm],
        "provenance": detection.provenance,
    }
    draft = folder / f".{NAME}"
    with draft.open("wb") as stream:
        np.savez_compressed(
            stream,
            where=where,
            values=p[where],
            brain=sitk.GetArrayViewFromImage(detection.brain),
            told=np.array(json.dumps(told)),
        )
    put_in_place(draft, folder / NAME)


def kept(folder: Path, scan: sitk.Image) -> Detection | None:
    """Read a detection back, without its lists: `Detection.rethresholded` makes them.

    Parameters
    ----------
    folder : Path
    scan : SimpleITK.Image
        That was searched.

    Returns
    -------
    Detection or None
        None where none was kept.
    """
    if not (folder / NAME).exists():
        return None
    with np.load(folder / NAME) as stored:
        told: dict[str, Any] = json.loads(str(stored["told"]))
        p = np.zeros(scan.GetNumberOfPixels(), np.float32)
        p[stored["where"]] = stored["values"]
        brain = stored["brain"]
    return Detection(
        lesions=[],
        labels=_like(scan, np.zeros(brain.shape, np.uint16)),
        probability=_like(scan, p.reshape(brain.shape)),
        brain=_like(scan, brain),
        image=scan,
        rules=LesionRules(*told["rules"]),
        provenance=told["provenance"],
    )


def _like(scan: sitk.Image, values: NDArray[Any]) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(scan)
    return image
