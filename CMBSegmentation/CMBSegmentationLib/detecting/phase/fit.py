"""A dipole fitted to the phase around a candidate: its centre and its moment are free."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .box import PhaseBox, huber, wrapped
from .dipole import dipole

STEP_MM = 1.0  # of the first search for the centre; the second halves it
STRAY_MM = 1.0  # how far the centre is expected from the candidate's, and at least
STRAY_SLICES = 0.3  # of a voxel
ROUNDS = 3  # of weighting down what the dipole does not explain
ELSEWHERE_MM = 4.0  # where the same dipole is fitted to what is left, as a measure of what fits by chance
FEWEST_ELSEWHERE = 4
THIN_MM = 2.0

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class DipoleFit:
    """The dipole that fits best.

    Attributes
    ----------
    moment_rad_mm3 : float
        In the sign of the image.
    certainty : float
        The moment over the spread of moments that fit where there is no body; 0 where that cannot be told.
    offset_mm : float
        Of its centre from the candidate's.
    """

    moment_rad_mm3: float
    certainty: float
    offset_mm: float


@dataclass(frozen=True)
class _Solver:
    """Least squares of one dipole against a box, its background free."""

    box: PhaseBox
    spacing: Vector
    b0: tuple[float, float, float]
    steps: Vector

    def template(self, centre: Vector) -> NDArray[np.float32]:
        """The dipole's phase for a moment of 1 at an index (x, y, z) of the box, flat."""
        shape = self.box.phase.shape
        reach = (shape[2], shape[1], shape[0])
        at = np.rint(centre * self.steps) / self.steps
        whole = np.floor(at + 0.5).astype(int)
        x, y, z = (at - whole).tolist()
        sx, sy, sz = self.spacing.tolist()
        field = dipole((sx, sy, sz), self.b0, reach, (x, y, z))
        return field[tuple(slice(reach[k] - whole[k], reach[k] - whole[k] + shape[2 - k]) for k in (2, 1, 0))].ravel()

    def solve(
        self, centre: Vector, root: NDArray[np.float32], target: NDArray[np.float32]
    ) -> tuple[float, float, NDArray[np.float32]]:
        """Give the moment, the squared norm of its column, and the template; `target` is weighted by `root`."""
        template = self.template(centre)
        column = root * template
        column -= self.box.background @ (self.box.background.T @ column)
        norm = float(column @ column)
        return (float(column @ target) / norm if norm > 1e-9 else 0.0), norm, template

    def search(
        self, start: Vector, expected: Vector, step: Vector, root: NDArray[np.float32], target: NDArray[np.float32]
    ) -> Vector:
        """Find the centre around `start` at which a dipole explains most; far from `expected` it must explain more."""
        stray_mm = np.maximum(STRAY_MM, STRAY_SLICES * self.spacing)
        last = np.array(self.box.phase.shape[::-1]) - 0.5
        best, most = start, -1.0
        for move in product((-1, 0, 1), repeat=3):
            centre = start + np.array(move) * step
            if np.any(centre < -0.5) or np.any(centre > last):
                continue  # of a box at the image's border
            moment, norm, _ = self.solve(centre, root, target)
            off = (centre - expected) * self.spacing / stray_mm
            explained = moment**2 * norm * float(np.exp(-0.5 * off @ off))
            if explained > most:
                best, most = centre, explained
        return best


def fitted_dipole(
    box: PhaseBox, centre: Vector, spacing_mm: tuple[float, float, float], b0: tuple[float, float, float]
) -> DipoleFit:
    """Fit a dipole near the middle of a box.

    Parameters
    ----------
    box : PhaseBox
        Weighted down away from the candidate; where signal is missing inside, its weight is low.
    centre : array (3,)
        The candidate's centre, index x, y, z in the box.
    spacing_mm : (x, y, z)
    b0 : (x, y, z)
        Unit vector of the main field along the array's axes.

    Returns
    -------
    DipoleFit
    """
    spacing = np.array(spacing_mm)
    parts = np.where(spacing < THIN_MM, 2.0, 4.0)  # of a voxel, where the centre may be
    solver = _Solver(box, spacing, b0, parts)
    phase, weight = box.phase.ravel(), box.weight.ravel()
    plain = np.sqrt(weight)
    step = np.maximum(STEP_MM / spacing, 1 / parts)
    expected = np.asarray(centre, float)
    at = solver.search(expected, expected, step, plain, plain * phase)
    moment, norm, template = solver.solve(at, plain, plain * phase)
    root = plain
    for number in range(ROUNDS):
        left = wrapped(phase - np.float32(moment) * template).astype(np.float32)
        root = plain * np.sqrt(huber(left, weight)).astype(np.float32)
        target = root * (left + np.float32(moment) * template)
        if number == 0:
            at = solver.search(at, expected, step / 2, root, target)
        moment, norm, template = solver.solve(at, root, target)
    left = wrapped(phase - np.float32(moment) * template).astype(np.float32)
    spread = _spread_elsewhere(solver, at, plain, left, norm)
    offset_mm = float(np.linalg.norm((at - expected) * spacing))
    return DipoleFit(moment, abs(moment) / spread if spread > 0 else 0.0, offset_mm)


def _spread_elsewhere(
    solver: _Solver, at: Vector, root: NDArray[np.float32], left: NDArray[np.float32], norm: float
) -> float:
    """Root mean square moment that fits what is left at places around, weighted as the centre's; 0: unknown."""
    found = []
    target = root * left
    away = np.maximum(ELSEWHERE_MM / solver.spacing, 1.0)
    last = np.array(solver.box.phase.shape[::-1]) - 1
    for move in product((-1, 0, 1), repeat=3):
        centre = at + np.array(move) * away
        if move == (0, 0, 0) or np.any(centre < 0) or np.any(centre > last):
            continue
        moment, own_norm, _ = solver.solve(centre, root, target)
        found.append(moment**2 * own_norm / max(norm, 1e-9))
    return float(np.sqrt(np.mean(found))) if len(found) >= FEWEST_ELSEWHERE else 0.0
