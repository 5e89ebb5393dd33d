"""The candidates of a scan, and the one function that lists them at a threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from ...vocabulary.reasons import Reason, Rule
from ...vocabulary.verdicts import DROPPED, KEPT
from ..lesions import MOST_CANDIDATES, Lesion, LesionRules, as_listed
from .grid import Flat, Grid
from .hills import find_hills
from .masks import Mask, masks_in
from .measuring import Measuring


@dataclass(frozen=True, eq=False)
class Candidate:
    """What may be a microbleed: one mask, one score.

    Attributes
    ----------
    peak : int
        Flat index of its most probable voxel, which no other candidate has.
    voxels : int64 array
        Its mask: flat indices in the scan's array (z, y, x), ascending.
    lesion : Lesion
        Measurements of the mask; ``probability`` is the score, which alone a threshold acts on. As
        `Candidates.at` gives it, id, status and reason are those of the list.
    outside : Rule or None
        `Rule.OUTSIDE_BRAIN` or `Rule.OUTSIDE_TISSUE` where all of the mask lies there.
    looks_like : str
        What the verifier takes it for; empty if for a microbleed, or where no verifier ran.
    calcium : float
        Where phase says that it is calcium and no microbleed: its moment over its uncertainty; else 0.
    """

    peak: int
    voxels: Flat
    lesion: Lesion
    outside: Rule | None = None
    looks_like: str = ""
    calcium: float = 0.0

    @property
    def score(self) -> float:
        """What the threshold acts on."""
        score = self.lesion.probability
        assert score is not None  # only what a reader made has none
        return score

    def reason(self, rules: LesionRules) -> Reason | None:
        """Say why it is dropped under some rules; None if it is kept.

        What no threshold changes is said first: a candidate below the threshold is one that a lower one keeps.
        """
        lesion = self.lesion
        if self.outside is not None:
            return Reason(self.outside)
        if lesion.volume_mm3 < rules.min_volume_mm3:
            return Reason(Rule.TOO_SMALL, lesion.volume_mm3, rules.min_volume_mm3)
        if lesion.diameter_mm > rules.max_diameter_mm:
            return Reason(Rule.TOO_LARGE, lesion.diameter_mm, rules.max_diameter_mm)
        if self.calcium > 0:
            return Reason(Rule.CALCIUM, self.calcium)
        if self.score < rules.threshold:
            return Reason(Rule.BELOW_THRESHOLD, self.score, rules.threshold, self.looks_like)
        return None


@dataclass(frozen=True, eq=False)
class Candidates:
    """All candidates of a scan.

    Attributes
    ----------
    grid : Grid
        In which their voxels are counted.
    every : tuple of Candidate
        The most probable first.
    """

    grid: Grid
    every: tuple[Candidate, ...] = ()

    def at(self, rules: LesionRules) -> list[Candidate]:
        """List them under some rules: shell, user interfaces, benchmark and operating points all call this.

        Parameters
        ----------
        rules : LesionRules

        Returns
        -------
        list of Candidate
            Kept ones first, then at most `MOST_CANDIDATES` dropped ones, each from the most probable down. Their
            lesions are numbered from 1 and have status and reason.
        """
        reasons = [(one, one.reason(rules)) for one in self.every]
        kept = [(one, None) for one, reason in reasons if reason is None]
        dropped = [(one, reason) for one, reason in reasons if reason is not None][:MOST_CANDIDATES]
        return [_numbered(one, number, reason) for number, (one, reason) in enumerate((*kept, *dropped), start=1)]

    def mask_of(self, lesion: Lesion) -> Flat:
        """Give the voxels of the candidate that a lesion of a list is: the one at its place, or the nearest."""
        if not self.every:
            return np.empty(0, np.int64)
        places = np.array([(one.lesion.r_mm, one.lesion.a_mm, one.lesion.s_mm) for one in self.every])
        apart = np.linalg.norm(places - (lesion.r_mm, lesion.a_mm, lesion.s_mm), axis=1)
        return self.every[int(apart.argmin())].voxels

    def on_grid(self, grid: Grid) -> Candidates | None:
        """Bring them onto the grid that their scan has now; None if that is another scan's."""
        if self.grid.shape == grid.shape and np.allclose(self.grid.zyx_to_ras, grid.zyx_to_ras, atol=1e-4):
            return replace(self, grid=grid)
        if not self.grid.is_like(grid):
            return None
        moved = []
        for one in self.every:
            flat = self.grid.moved_onto(grid, np.append(one.voxels, one.peak))
            assert flat is not None  # the corners were, and so is what lies between
            moved.append(replace(one, voxels=np.sort(flat[:-1]), peak=int(flat[-1])))
        return Candidates(grid, tuple(moved))


def labels_of(listed: Iterable[Candidate], like: sitk.Image) -> sitk.Image:
    """Draw what is kept of a list: UInt16 on the grid of an image, label k is the lesion with id k."""
    return drawn({one.lesion.id: one.voxels for one in listed if one.lesion.status == KEPT}, like)


def drawn(masks: Mapping[int, Flat], like: sitk.Image) -> sitk.Image:
    """Draw masks by their label: UInt16 on the grid of an image."""
    labels = np.zeros(like.GetNumberOfPixels(), np.uint16)
    for label, voxels in masks.items():
        labels[voxels] = label
    image = sitk.GetImageFromArray(labels.reshape(like.GetSize()[::-1]))
    image.CopyInformation(like)
    return image


@dataclass(frozen=True)
class Score:
    """What the stages say of a candidate.

    Attributes
    ----------
    score : float
        The verifier's probability of a microbleed where one ran, else the detector's highest.
    detector : float
        The detector's highest probability.
    looks_like : str
        As in `Candidate`.
    """

    score: float
    detector: float
    looks_like: str = ""


def measured(
    masks: Sequence[tuple[Mask, Score]],
    measuring: Measuring,
    brain: sitk.Image | None,
    placed: Callable[[Lesion], Lesion] | None = None,
) -> Candidates:
    """Measure masks, once.

    Parameters
    ----------
    masks : sequence of (Mask, Score)
    measuring : Measuring
    brain : SimpleITK.Image or None
        UInt8: a mask, or a map of regions (`detecting.regions.Regions.tissue`), which holds values above 1; None where
        it is not known, and nothing lies outside.
    placed : callable, optional
        Fills in region and side.
    """
    inside = None if brain is None else sitk.GetArrayViewFromImage(brain).ravel()
    outside = Rule.OUTSIDE_TISSUE if inside is not None and int(inside.max(initial=0)) > 1 else Rule.OUTSIDE_BRAIN
    found = []
    for mask, said in masks:
        lesion = replace(
            measuring.of(mask.voxels), probability=as_listed(said.score), detector=as_listed(said.detector)
        )
        lesion = lesion if placed is None else placed(lesion)
        is_outside = inside is not None and not inside[mask.voxels].any()
        found.append(Candidate(mask.peak, mask.voxels, lesion, outside if is_outside else None, said.looks_like))
    return Candidates(measuring.grid, tuple(sorted(found, key=_by_score)))


def candidates_in(
    probability: sitk.Image,
    scan: sitk.Image,
    brain: sitk.Image | None,
    placed: Callable[[Lesion], Lesion] | None = None,
) -> Candidates:
    """Find the candidates of a probability that lies on the scan's grid, without a verifier.

    Parameters
    ----------
    probability, scan : SimpleITK.Image
        On the same grid; the probability is between 0 and 1.
    brain, placed
        As for `measured`.
    """
    hills = find_hills(sitk.GetArrayViewFromImage(probability))
    masks = masks_in(probability, hills)
    scored = [(mask, Score(hill.peak, hill.peak)) for mask, hill in zip(masks, hills, strict=True)]
    return measured(scored, Measuring(scan, probability, brain), brain, placed)


def _by_score(one: Candidate) -> tuple[float, float, int]:
    return (-one.score, -one.lesion.volume_mm3, one.peak)


def _numbered(one: Candidate, number: int, reason: Reason | None) -> Candidate:
    status = KEPT if reason is None else DROPPED
    return replace(one, lesion=replace(one.lesion, id=number, status=status, reason=reason))
