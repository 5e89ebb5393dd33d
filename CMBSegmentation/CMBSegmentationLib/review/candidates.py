"""The candidates of a scan under review, with what is needed to measure what a reader draws, merges or splits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy
import SimpleITK as sitk

from ..detecting.candidates.grid import Flat, Grid, grid_of
from ..detecting.candidates.listing import Candidate, Candidates
from ..detecting.candidates.measuring import Measuring
from ..detecting.lesions import SURROUND_MM, Lesion, LesionRules, as_listed

BRIGHT_PERCENTILE, AIR_SHARE = 95, 0.15
"""What is less than this share as bright as the brightest twentieth of the brain is air and its noise: noise reaches an
eighth of the tissue at a signal-to-noise ratio of 10, and iron-laden basal ganglia stay above a quarter."""


@dataclass(frozen=True, eq=False)
class CandidateField:
    """A scan, its probability and its candidates.

    Attributes
    ----------
    candidates : Candidates
    scan, probability : SimpleITK.Image
        On the same grid.
    brain : SimpleITK.Image or None
        UInt8 mask or map of regions; None where it was not stored.
    rules : LesionRules
        Under which the scan was searched.
    placed : callable, optional
        Fills in region and side of a lesion that a reader has put together.
    """

    candidates: Candidates
    scan: sitk.Image
    probability: sitk.Image
    brain: sitk.Image | None
    rules: LesionRules
    placed: Callable[[Lesion], Lesion] | None = None

    @property
    def grid(self) -> Grid:
        """The scan's grid."""
        return grid_of(self.scan)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the scan's array: z, y, x."""
        return self.scan.GetSize()[::-1]

    def at(self, threshold: float) -> list[Candidate]:
        """List the candidates at a threshold, as `Candidates.at` does."""
        return self.candidates.at(replace(self.rules, threshold=threshold))

    def probabilities(self, voxels: Flat) -> np.ndarray:
        """Give the detector's probability of some voxels."""
        return sitk.GetArrayViewFromImage(self.probability).ravel()[voxels]

    def is_in_head(self, voxels: Flat) -> bool:
        """Whether there is tissue around some voxels: most of what lies within `SURROUND_MM` is brighter than air."""
        values = sitk.GetArrayViewFromImage(self.scan)
        zyx = np.column_stack(np.unravel_index(voxels, self.shape))
        spacing = np.array(self.scan.GetSpacing()[::-1])
        reach = np.ceil(SURROUND_MM / spacing).astype(int)
        low, high = np.maximum(zyx.min(axis=0) - reach, 0), zyx.max(axis=0) + reach + 1
        box = values[tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))]
        own = np.zeros(box.shape, bool)
        own[tuple((zyx - low).T)] = True
        around = scipy.ndimage.distance_transform_edt(~own, sampling=spacing) <= SURROUND_MM
        if not (around & ~own).any():
            return True
        brain = values > 0 if self.brain is None else sitk.GetArrayViewFromImage(self.brain) > 0
        if not brain.any():
            return True
        bright = np.percentile(values[brain], BRIGHT_PERCENTILE)
        return bool(np.median(box[around & ~own]) > AIR_SHARE * bright)

    def measured(self, voxels: Flat) -> Lesion:
        """Measure any voxels of the scan as one lesion, and say where it lies if that was mapped.

        Its score is the highest of the candidates that it shares a voxel with, else the detector's highest: no network
        has seen the mask itself, and `ReviewedLesion.as_lesion` gives none.
        """
        lesion = Measuring(self.scan, self.probability, self.brain).of(voxels)
        under = [one for one in self.candidates.every if np.isin(one.voxels, voxels, assume_unique=True).any()]
        best = max(under, key=lambda one: one.score, default=None)
        peak = as_listed(float(self.probabilities(voxels).max()))
        score, detector = (peak, peak) if best is None else (best.score, best.lesion.detector)
        lesion = replace(lesion, probability=score, detector=detector)
        return lesion if self.placed is None else self.placed(lesion)
