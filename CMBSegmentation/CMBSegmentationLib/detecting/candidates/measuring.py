"""What is measured on a mask: place, size, shape and contrast. None of it depends on a threshold."""

from __future__ import annotations

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray

from ...vocabulary.verdicts import KEPT
from ..lesions import CANDIDATE_PROBABILITY, SURROUND_MM, Lesion
from .grid import Flat, grid_of


class Measuring:
    """Measures masks on one scan.

    Parameters
    ----------
    scan : SimpleITK.Image
    probability : SimpleITK.Image
        The detector's, on the scan's grid: what may be a lesion itself is not part of the tissue around one.
    brain : SimpleITK.Image, optional
        Mask, or map of regions, on the scan's grid: nothing else is tissue. None takes all of the scan for tissue.
    """

    def __init__(self, scan: sitk.Image, probability: sitk.Image, brain: sitk.Image | None = None) -> None:
        self._scan = sitk.GetArrayViewFromImage(scan)
        self._probability = sitk.GetArrayViewFromImage(probability)
        self._brain = None if brain is None else sitk.GetArrayViewFromImage(brain)
        self._images = scan, probability, brain  # the views do not keep them
        self.grid = grid_of(scan)
        self._spacing = np.array(scan.GetSpacing()[::-1])

    def of(self, voxels: Flat) -> Lesion:
        """Measure some voxels (flat indices, at least one) as one lesion: id 0, kept, probability 0."""
        zyx = self.grid.zyx(voxels)
        r, a, s = self.grid.ras_mm(zyx.mean(axis=0)[None])[0].tolist()
        volume = len(zyx) * float(np.prod(self._spacing))
        return Lesion(
            id=0,
            status=KEPT,
            r_mm=round(r, 2),
            a_mm=round(a, 2),
            s_mm=round(s, 2),
            volume_mm3=round(volume, 2),
            diameter_mm=round(2 * (3 * volume / (4 * np.pi)) ** (1 / 3), 2),
            elongation=round(self._elongation(zyx), 2),
            contrast=self._contrast(zyx),
            probability=0.0,
        )

    def highest(self, voxels: Flat) -> float:
        """Give the detector's highest probability in some voxels."""
        return float(self._probability[tuple(self.grid.zyx(voxels).T)].max())

    def _elongation(self, zyx: NDArray[np.int64]) -> float:
        offsets = (zyx - zyx.mean(axis=0)) * self._spacing
        inertia = offsets.T @ offsets / len(zyx) + np.diag(self._spacing**2 / 12)  # a voxel's own extent
        extent = np.sqrt(np.linalg.eigvalsh(inertia))
        return float(extent[-1] / extent[0])

    def _contrast(self, zyx: NDArray[np.int64]) -> float | None:
        """Give the signal loss against the tissue around; None where there is none, as outside the brain."""
        margin = np.ceil(SURROUND_MM / self._spacing).astype(int) + 1
        low, high = np.maximum(zyx.min(axis=0) - margin, 0), zyx.max(axis=0) + margin + 1
        box = tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))
        values = self._scan[box].astype(np.float64)
        lesion = np.zeros(values.shape, bool)
        lesion[tuple((zyx - low).T)] = True
        distance = scipy.ndimage.distance_transform_edt(~lesion, sampling=self._spacing)
        one_voxel = float(self._spacing.min())
        around = (distance > one_voxel) & (distance <= SURROUND_MM + one_voxel)
        tissue = ~lesion if self._brain is None else ~lesion & (self._brain[box] > 0)
        around &= tissue & (self._probability[box] < CANDIDATE_PROBABILITY)
        if not around.any():
            around = tissue
        surround = float(np.median(values[around])) if around.any() else 0.0
        if surround <= 0:
            return None
        return round(float(np.clip(1 - values[lesion].mean() / surround, -1, 1)), 3)
