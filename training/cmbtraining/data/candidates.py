"""What a detector points at in scans with known truth, as the verifier's examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from CMBSegmentationLib.detecting.candidates.hills import Hill, find_hills
from CMBSegmentationLib.detecting.model_grid import prepare, resample_labels
from CMBSegmentationLib.detecting.regions import find_regions
from CMBSegmentationLib.detecting.sliding_window import WindowSettings, predict
from CMBSegmentationLib.detecting.tissue_shares import shares_of
from CMBSegmentationLib.detecting.verifier import MOST_VERIFIED, crop
from CMBSegmentationLib.models.input_spec import CHANNELS, CROP
from CMBSegmentationLib.models.manifest import Manifest
from CMBSegmentationLib.models.model_file import Model
from CMBSegmentationLib.models.telemetry import refuse_telemetry
from CMBSegmentationLib.reading.scan import read_scan

from ..synthesis.mimics import KINDS as MIMICS

MICROBLEED, OTHER = "microbleed", "other"
KINDS = (MICROBLEED, *MIMICS, OTHER)
"""What a candidate may be: a microbleed, one of the simulator's mimics, or anything else that is dark."""

WITHIN_MM = 3.0
Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Collected:
    """A scan's candidates: crops (n, 24, 24, 16, 5), kinds (n,) as indices into `KINDS`, peaks (n,)."""

    crops: NDArray[np.float32]
    kinds: NDArray[np.int64]
    peaks: NDArray[np.float32]


def network_of(path: Path, model: Model, threads: int | None) -> Network:
    """Give the detector as a function of patches: in OpenVINO if it is installed, else in ONNX Runtime."""
    refuse_telemetry()
    try:
        import openvino
    except ImportError:
        return model.logits
    options: dict[str, Any] = {} if threads is None else {"INFERENCE_NUM_THREADS": threads}
    compiled = openvino.Core().compile_model(str(path), "CPU", options)
    return lambda patches: compiled(patches)[0]


def collect(subject: Path, manifest: Manifest, network: Network, regions: Model | None = None) -> Collected:
    """Search a simulated scan and say of each candidate what it is.

    Parameters
    ----------
    subject : Path
        Folder that `synthesize.py` wrote.
    manifest : Manifest
        The detector's.
    network : callable
        Logits (batch, i, j, k, 2) of patches (batch, i, j, k, 1).
    regions : Model, optional
        Gives the shares of tissue; without it they are unknown.

    Returns
    -------
    Collected
        At most `MOST_VERIFIED`, the most probable first.
    """
    stem = f"{subject.name}_space-T2S"
    image = read_scan(subject / f"{stem}_desc-masked_T2S.nii.gz").image
    prepared = prepare(image, manifest.input_spec)
    window = WindowSettings(manifest.patch_size, manifest.overlap, "gaussian")
    probability = predict(prepared.voxels, prepared.brain, network, window)
    found = find_hills(probability)[:MOST_VERIFIED]
    lesions = resample_labels(sitk.ReadImage(str(subject / f"{stem}_CMB.nii.gz"), sitk.sitkUInt8), prepared)
    mimics = resample_labels(sitk.ReadImage(str(subject / f"{stem}_mimics.nii.gz"), sitk.sitkUInt8), prepared)
    kinds = [kind_of(one, lesions, mimics, manifest.spacing_mm) for one in found]
    mapped = None if regions is None else find_regions(image, regions)
    tissue = None if mapped is None else shares_of(mapped, prepared.ras_to_index(), manifest.spacing_mm)
    crops = [crop(prepared.voxels, probability, one, tissue) for one in found]
    return Collected(
        np.stack(crops) if crops else np.empty((0, *CROP, len(CHANNELS)), np.float32),
        np.array(kinds, np.int64),
        np.array([one.peak for one in found], np.float32),
    )


def kind_of(
    candidate: Hill, lesions: NDArray[Any], mimics: NDArray[Any], spacing_mm: tuple[float, float, float]
) -> int:
    """Say what a candidate is, as an index into `KINDS`: a lesion within 3 mm first, then the mimic it covers most."""
    reach = [int(np.ceil(WITHIN_MM / s)) for s in spacing_mm]
    low = [max(0, round(float(c)) - r) for c, r in zip(candidate.centre, reach, strict=True)]
    box = tuple(slice(a, a + 2 * r + 1) for a, r in zip(low, reach, strict=True))
    labels, count = ndimage.label(lesions[box] > 0, np.ones((3, 3, 3)))
    for centre in ndimage.center_of_mass(labels, labels, range(1, count + 1)) if count else []:
        gap = (np.array(centre) + low - candidate.centre) * spacing_mm
        if np.linalg.norm(gap) <= WITHIN_MM:
            return KINDS.index(MICROBLEED)
    covered = np.bincount(mimics[candidate.voxels].astype(np.intp), minlength=len(MIMICS) + 1)[1:]
    if covered.any():
        return 1 + int(covered.argmax())
    return KINDS.index(OTHER)
