"""The candidates of a stored probability, listed at any threshold fast enough to follow a slider.

`detecting.lesions.find_lesions` looks through the whole image each time. Here the few voxels above the candidate
level are taken out once, with who touches whom; a threshold then only parts what is already there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..detecting.lesions import (
    CANDIDATE_PROBABILITY,
    MOST_CANDIDATES,
    OUTSIDE_BRAIN,
    OUTSIDE_TISSUE,
    Candidates,
    Lesion,
    LesionRules,
    as_listed,
    below_threshold,
    reason_to_drop,
)
from ..vocabulary.verdicts import DROPPED, KEPT
from .grid import Flat, grid_of

SAME_PLACE_MM = 0.05  # rows are rounded to hundredths
RULE_WORDS = ("probability ", OUTSIDE_BRAIN, OUTSIDE_TISSUE, "mm³ is below", "larger than a microbleed")


@dataclass(frozen=True, eq=False)
class Candidate:
    """What hangs together at a threshold.

    Attributes
    ----------
    peak : int
        Flat index of its most probable voxel: at every threshold where that is its highest, it is the same candidate.
    voxels : int64 array
        Flat indices.
    lesion : Lesion
        Measurements; id 0.
    """

    peak: int
    voxels: Flat
    lesion: Lesion


class CandidateField:
    """All candidates of a detection.

    Parameters
    ----------
    probability, scan : SimpleITK.Image
        On the same grid.
    brain : SimpleITK.Image or None
        UInt8 mask; None where it was not stored, and nothing is dropped for lying outside.
    rules : LesionRules
        All but the threshold is kept.
    detected : iterable of Lesion, optional
        As the detector listed them at ``rules.threshold``. What only the detector could know
        (its own probability, region, side, a reason that is not one of the rules) is handed on to the
        candidates that come from them.
    placed : callable, optional
        Fills in region and side of a lesion that the detector did not list.
    """

    def __init__(
        self,
        probability: sitk.Image,
        scan: sitk.Image,
        brain: sitk.Image | None,
        rules: LesionRules,
        detected: Iterable[Lesion] = (),
        placed: Callable[[Lesion], Lesion] = lambda lesion: lesion,
    ) -> None:
        self.probability, self.scan, self.brain, self.rules = probability, scan, brain, rules
        self._placed = placed
        p = sitk.GetArrayViewFromImage(probability)
        self.shape: tuple[int, int, int] = p.shape
        self.grid = grid_of(probability)
        within = np.broadcast_to(np.uint8(1), p.shape) if brain is None else sitk.GetArrayViewFromImage(brain)
        self._measure = Candidates(p, sitk.GetArrayViewFromImage(scan), within, probability)
        self._flat: Flat = np.flatnonzero(p >= CANDIDATE_PROBABILITY)
        self._p = p.ravel()[self._flat].astype(np.float32)
        self._zyx = np.column_stack(np.unravel_index(self._flat, self.shape)).astype(np.float64)
        self._place = self.grid.ras_mm(self._zyx) @ (1.0, 2**0.5, 3**0.5)  # parts ties the same in any order of voxels
        self._edges = _touching(self._flat, self.shape)
        self._signal = sitk.GetArrayViewFromImage(scan).ravel()[self._flat].astype(np.float64)
        self._in_brain = within[tuple(self._zyx.astype(np.intp).T)] > 0
        self._base = self._parts(self._p >= CANDIDATE_PROBABILITY)
        self._surround = np.full(self._base.max(initial=-1) + 1, np.nan)  # of each base candidate, when first asked for
        self._rows: list[Lesion] = []
        self._row_of = np.full(len(self._flat), -1)  # which detected row a voxel belonged to
        self._take_rows(list(detected))

    def at(self, threshold: float) -> list[Candidate]:
        """List the candidates at a threshold: what reaches it, then what does not, each most probable first.

        Parameters
        ----------
        threshold : float
            Above 0 and below 1.

        Returns
        -------
        list of Candidate
            As `detecting.lesions.find_lesions` lists them. The contrast is against the tissue around the whole
            candidate, for a threshold moves a lesion's border and not the tissue around it.
        """
        rules, level = replace(self.rules, threshold=threshold), np.float32(threshold)
        highest = np.zeros(len(self._surround), np.float32)
        np.maximum.at(highest, self._base, self._p)
        reaches = self._p >= level
        low = highest[self._base] < level
        above = self._measured(self._parts(reaches), rules)
        below = self._measured(np.where(low, self._base, -1), rules)
        kept = [one for one in above if one.lesion.status == KEPT]
        dropped = [one for one in (*above, *below) if one.lesion.status != KEPT]
        return sorted(kept, key=_by_probability) + sorted(dropped, key=_by_probability)[:MOST_CANDIDATES]

    def parts_of(self, voxels: Flat, threshold: float) -> list[Candidate]:
        """List into what these voxels part at a threshold, most probable first."""
        chosen = np.isin(self._flat, voxels, assume_unique=True) & (self._p >= np.float32(threshold))
        return sorted(
            self._measured(self._parts(chosen), replace(self.rules, threshold=threshold)), key=_by_probability
        )

    def measured(self, voxels: Flat) -> Lesion:
        """Measure any voxels of the scan as one lesion, and say where it lies if that was mapped."""
        return self._placed(self._measure.measured(np.unravel_index(voxels, self.shape)))

    def _parts(self, chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Number what hangs together among the chosen voxels; -1 for the others."""
        numbers = np.full(len(self._flat), -1, np.intp)
        if not chosen.any():
            return numbers
        one, other = self._edges
        kept = chosen[one] & chosen[other]
        place = np.cumsum(chosen) - 1
        count = int(chosen.sum())
        graph = coo_matrix((np.ones(kept.sum(), bool), (place[one[kept]], place[other[kept]])), (count, count))
        numbers[chosen] = connected_components(graph, directed=False)[1]
        return numbers

    def _measured(self, numbers: NDArray[np.intp], rules: LesionRules) -> list[Candidate]:
        """Measure each part; `numbers` need not be without gaps."""
        inside = np.flatnonzero(numbers >= 0)
        if not len(inside):
            return []
        order = inside[np.argsort(numbers[inside], kind="stable")]
        starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
        count = np.diff(np.append(starts, len(order)))
        zyx = self._zyx[order]
        centre = np.add.reduceat(zyx, starts) / count[:, None]
        offsets = (zyx - np.repeat(centre, count, axis=0)) * self._spacing
        products = np.einsum("ni,nj->nij", offsets, offsets)
        inertia = np.add.reduceat(products, starts) / count[:, None, None] + np.diag(self._spacing**2 / 12)
        extent = np.sqrt(np.linalg.eigvalsh(inertia))
        ras = self.grid.ras_mm(centre)
        peaks = np.maximum.reduceat(self._p[order], starts)
        in_brain = np.maximum.reduceat(self._in_brain[order], starts)
        signal = np.add.reduceat(self._signal[order], starts) / count
        volume = count * float(np.prod(self._spacing))
        found = []
        for n, start in enumerate(starts):
            own = order[start : start + count[n]]
            surround = self._surround_of(int(self._base[own[0]]))
            lesion = Lesion(
                id=0,
                status=KEPT,
                r_mm=round(float(ras[n, 0]), 2),
                a_mm=round(float(ras[n, 1]), 2),
                s_mm=round(float(ras[n, 2]), 2),
                volume_mm3=round(float(volume[n]), 2),
                diameter_mm=round(float(2 * (3 * volume[n] / (4 * np.pi)) ** (1 / 3)), 2),
                elongation=round(float(extent[n, -1] / extent[n, 0]), 2),
                contrast=round(float(np.clip(1 - signal[n] / surround, -1, 1)), 3) if surround > 0 else 0.0,
                probability=as_listed(float(peaks[n])),
            )
            highest = own[self._p[own] == peaks[n]]
            peak = highest[np.argmax(self._place[highest])]
            if peaks[n] < np.float32(rules.threshold):
                reason = below_threshold(float(peaks[n]), rules.threshold)
            else:
                reason = reason_to_drop(lesion, "" if in_brain[n] else self._measure.outside, rules)
            found.append(Candidate(int(self._flat[peak]), self._flat[own], self._with_row(lesion, own, reason)))
        return found

    def _with_row(self, lesion: Lesion, own: NDArray[np.intp], reason: str) -> Lesion:
        """Hand on what the detector knew of the row that most of these voxels belonged to."""
        rows = self._row_of[own]
        known = rows[rows >= 0]
        row = self._rows[np.bincount(known).argmax()] if len(known) else None
        if row is None:
            return replace(lesion, status=DROPPED if reason else KEPT, dropped_because=reason)
        said = row.dropped_because
        if not reason and said and not any(words in said for words in RULE_WORDS):
            reason = said
        if row.volume_mm3 == lesion.volume_mm3:  # the very same voxels
            lesion = replace(lesion, contrast=row.contrast)
        return replace(
            lesion,
            status=DROPPED if reason else KEPT,
            dropped_because=reason,
            detector=row.detector,
            region=row.region,
            side=row.side,
        )

    def _take_rows(self, rows: list[Lesion]) -> None:
        """Find which candidate each detected row is, by its place."""
        if not rows:
            return
        places = np.array([[row.r_mm, row.a_mm, row.s_mm] for row in rows])
        for candidate in self.at(self.rules.threshold):
            lesion = candidate.lesion
            apart = np.abs(places - (lesion.r_mm, lesion.a_mm, lesion.s_mm)).max(axis=1)
            if apart.min() <= SAME_PLACE_MM:
                self._row_of[np.searchsorted(self._flat, candidate.voxels)] = int(apart.argmin())
        self._rows = rows

    def _surround_of(self, base: int) -> float:
        """Give the signal of the tissue around a base candidate; not known until it is first asked for."""
        if np.isnan(self._surround[base]):
            own = self._base == base
            zyx = self._zyx[own].astype(np.intp)
            lesion = self._measure.measured(tuple(zyx.T))
            mean = float(self._signal[own].mean())
            self._surround[base] = mean / (1 - lesion.contrast) if lesion.contrast < 1 else 0.0
        return float(self._surround[base])

    @property
    def _spacing(self) -> NDArray[np.float64]:
        return np.array(self.probability.GetSpacing()[::-1])


def _by_probability(candidate: Candidate) -> tuple[float, float, int]:
    return (-candidate.lesion.probability, -candidate.lesion.volume_mm3, candidate.peak)


def _touching(flat: Flat, shape: tuple[int, int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """List the pairs of voxels that touch (26-connectivity), as places in `flat`."""
    if not len(flat):
        empty = np.empty(0, np.intp)
        return empty, empty
    z, y, x = np.unravel_index(flat, shape)
    steps = [(dz, dy, dx) for dz in (0, 1) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dz, dy, dx) > (0, 0, 0)]
    ones, others = [], []
    for dz, dy, dx in steps:
        stays = (z + dz < shape[0]) & (y + dy >= 0) & (y + dy < shape[1]) & (x + dx >= 0) & (x + dx < shape[2])
        one = np.flatnonzero(stays)
        wanted = flat[one] + (dz * shape[1] + dy) * shape[2] + dx
        place = np.minimum(np.searchsorted(flat, wanted), len(flat) - 1)
        there = flat[place] == wanted
        ones.append(one[there])
        others.append(place[there])
    return np.concatenate(ones), np.concatenate(others)
