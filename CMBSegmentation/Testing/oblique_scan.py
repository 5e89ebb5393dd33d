"""An oblique, anisotropic scan with four lesions, and a detection of them without a network."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from listed_candidates import detection_in
from numpy.typing import NDArray

from CMBSegmentationLib.detecting.lesions import LesionRules
from CMBSegmentationLib.detecting.search import Search, UsedModel
from CMBSegmentationLib.reading.scan import read_scan
from CMBSegmentationLib.running.write import write_results
from CMBSegmentationLib.vocabulary.operating_points import operating_points

SCAN_SHAPE = (20, 44, 48)  # k, j, i
SPACING_MM = (0.8, 0.8, 3.0)
LESION_PEAKS = {(10, 20, 24): 0.95, (6, 12, 30): 0.85, (14, 30, 16): 0.7, (12, 34, 34): 0.3}  # k, j, i: probability
SCAN_NAME = "sub-01 swi"


def oblique_ijk_to_ras(spacing_mm: tuple[float, float, float] = SPACING_MM) -> NDArray[np.float64]:
    """Turned about two axes and left-handed, as a sagittal series often is; far from the origin."""
    a, b = 0.35, -0.2
    about_s = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    about_r = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_s @ about_r @ np.diag([-1.0, 1.0, 1.0]) * spacing_mm
    matrix[:3, 3] = (31.5, -42.25, 17.125)
    return matrix


def probability_blobs() -> NDArray[np.float32]:
    """A ball of 3 mm in the probability at each of `LESION_PEAKS`."""
    index = np.indices(SCAN_SHAPE).transpose(1, 2, 3, 0)
    probability = np.zeros(SCAN_SHAPE, np.float32)
    for centre, peak in LESION_PEAKS.items():
        offset_mm = (index - centre) * SPACING_MM[::-1]
        probability[np.linalg.norm(offset_mm, axis=-1) <= 3.0] = peak
    return probability


def scan_voxels() -> NDArray[np.int16]:
    """Noisy tissue, dark where `probability_blobs` is high."""
    noise = np.random.default_rng(7).normal(600, 20, SCAN_SHAPE)
    return np.where(probability_blobs() > 0, 100, noise).astype(np.int16)


def write_detection(scan_file: Path, out: Path, threshold: float = 0.5) -> Path:
    """Do a worker's work without a network: `probability_blobs` stands for what one would say."""
    scan = read_scan(scan_file)
    probability = sitk.GetImageFromArray(probability_blobs())
    probability.CopyInformation(scan.image)
    brain = sitk.Cast(probability >= 0, sitk.sitkUInt8)
    rules = LesionRules(threshold, min_volume_mm3=1.0)
    search = Search(
        detector=UsedModel("none", "0", "none.onnx", "0" * 64, intended_use="a test", license="Apache-2.0"),
        operating_points=operating_points(None, threshold),
        overlap=0.25,
        blending="gaussian",
        brain_mask="found",
        device="cpu",
        software="0",
    )
    detection = detection_in(probability, scan.image, brain, rules, search)
    out.mkdir(parents=True, exist_ok=True)
    write_results(detection, out, scan.stem, notes=scan.notes, save_probability=True)
    return out
