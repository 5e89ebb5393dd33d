"""The benchmark set: 40 simulated scans over all geometries, from label maps that no model is trained on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from .synthesis.acquisition import PROTOCOLS
from .synthesis.mimics import KINDS
from .synthesis.scan import simulate

LABEL_MAPS = (13, 14, 15, 16)  # counted from 1; training uses 1 to 11, choices are made on 12
SCANS, WITHOUT_LESIONS = 40, 8
SEED = 20261


@dataclass(frozen=True)
class BenchmarkScan:
    """One scan of the set: what it is made from."""

    subject: str
    label_map: Path
    seed: int
    protocol: str
    lesions: int | None


def benchmark_scans(label_maps: Path) -> list[BenchmarkScan]:
    """Plan the set; the same every time.

    Parameters
    ----------
    label_maps : Path
        Folder of the 16 label maps.

    Raises
    ------
    FileNotFoundError
        There are fewer than 16.
    """
    maps = sorted(label_maps.glob("*.nii*"))
    if len(maps) < max(LABEL_MAPS):
        raise FileNotFoundError(f"{label_maps} holds {len(maps)} label maps, the benchmark needs 16")
    protocols = list(PROTOCOLS)
    scans = []
    for n in range(SCANS):
        protocol = protocols[n % len(protocols)]
        subject = f"sub-{1 + n % len(protocols)}{n + 1:02d}"
        empty = n >= SCANS - WITHOUT_LESIONS
        scans.append(
            BenchmarkScan(subject, maps[LABEL_MAPS[n % len(LABEL_MAPS)] - 1], SEED + n, protocol, 0 if empty else None)
        )
    return scans


def make_scan(scan: BenchmarkScan, out: Path, inverted_phase: bool = False) -> None:
    """Simulate one scan unless it is there; the truth is written last."""
    folder = out / scan.subject
    done = folder / f"{scan.subject}_truth.json"
    if done.exists():
        return
    made = simulate(
        scan.label_map, scan.seed, protocol=scan.protocol, lesions=scan.lesions, inverted_phase=inverted_phase
    )
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{scan.subject}_space-T2S"
    sitk.WriteImage(made.image, str(folder / f"{stem}_desc-masked_T2S.nii.gz"), True)
    sitk.WriteImage(made.mask > 0, str(folder / f"{stem}_CMB.nii.gz"), True)
    sitk.WriteImage(made.mimics, str(folder / f"{stem}_mimics.nii.gz"), True)
    done.write_text(json.dumps({"lesions": made.lesions, "simulation": made.settings}, indent=1))


def kinds_of_false(labels: Path, truth: Path, mimics: Path) -> dict[str, int]:
    """Count what the predicted components without a true voxel are, by the simulator's map of mimics.

    Returns
    -------
    dict
        Number by kind; ``other`` where no mimic is: tissue, a border, an artefact.
    """
    predicted = sitk.GetArrayFromImage(sitk.ReadImage(str(labels)))
    true = sitk.GetArrayFromImage(sitk.ReadImage(str(truth))) > 0
    kinds = sitk.GetArrayFromImage(sitk.ReadImage(str(mimics)))
    counts = dict.fromkeys((*KINDS, "other"), 0)
    for label, box in enumerate(ndimage.find_objects(predicted.astype(np.int32)), start=1):
        if box is None:
            continue
        where = predicted[box] == label
        if true[box][where].any():
            continue
        covered = np.bincount(kinds[box][where], minlength=len(KINDS) + 1)[1:]
        counts[KINDS[int(covered.argmax())] if covered.any() else "other"] += 1
    return counts
