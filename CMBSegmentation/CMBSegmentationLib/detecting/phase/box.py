"""The phase around one candidate, its smooth background taken off without unwrapping."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

HIGHEST_ORDER = 3  # of the background's polynomial
ROUNDS = 3  # in which the background is fitted to what is left of the phase
TURN = np.float32(2 * np.pi)
TRUSTED = 0.05  # weight from which a voxel counts towards the spread
LEAST_SPREAD = 0.02  # rad
RIDGE = 1e-5  # of the normal equations' diagonal: terms that a box's shape does not tell apart stay small


@dataclass(frozen=True)
class PhaseBox:
    """A box of voxels around a candidate.

    Attributes
    ----------
    phase : float32 array (z, y, x)
        Radians, background taken off, between -π and π.
    weight : float32 array (z, y, x)
        0 to 1: how far its phase can be trusted, by the square of the magnitude.
    background : float32 array (n, k)
        Orthonormal under the weights' square roots: what a smooth background may still be, one column a term.
    """

    phase: NDArray[np.float32]
    weight: NDArray[np.float32]
    background: NDArray[np.float32]


@lru_cache(maxsize=32)
def polynomial(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Give the terms of the background in a box: all products of powers up to order 3, array (n, k)."""
    orders = [min(HIGHEST_ORDER, n - 1) for n in shape]
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n, dtype=np.float32) for n in shape], indexing="ij", sparse=True)
    terms = [
        z**i * y**j * x**k
        for i in range(orders[0] + 1)
        for j in range(orders[1] + 1)
        for k in range(orders[2] + 1)
        if i + j + k <= HIGHEST_ORDER
    ]
    return np.stack([term.ravel() for term in terms], axis=1)


def without_background(phase: NDArray[np.float32], weight: NDArray[np.float32]) -> PhaseBox:
    """Take off the smooth background of a wrapped phase.

    First goes the mean turn from voxel to voxel along each axis, however large: GE's complex images alternate by half
    a turn from slice to slice. The polynomial is fitted to the wrapped differences of neighbours, which are right
    wherever they then differ by less than half a turn, and at last to the wrapped remainder itself: nothing is
    unwrapped, so no wrong unwrapping spreads.

    Parameters
    ----------
    phase : float32 array (z, y, x)
        Radians, wrapped or not.
    weight : float32 array (z, y, x)

    Returns
    -------
    PhaseBox
    """
    terms = polynomial(phase.shape)
    flat = weight.ravel()
    phase = _without_ramps(phase, weight)
    left = wrapped(phase.ravel() - terms @ _from_differences(phase, weight, terms))
    left = wrapped(left - _mean_angle(left, flat))
    for _ in range(ROUNDS):
        weighted = terms * (flat * huber(left, flat))[:, None]
        left = wrapped(left - terms @ _solved(weighted.T @ terms, weighted.T @ left))
    rooted = terms * np.sqrt(flat)[:, None]
    gram = (rooted.T @ rooted).astype(np.float64)
    factor = scipy.linalg.cholesky(gram + RIDGE * np.diag(np.diag(gram) + 1e-6), lower=True)
    basis = rooted @ scipy.linalg.solve_triangular(factor, np.eye(len(factor)), lower=True).T.astype(np.float32)
    return PhaseBox(left.reshape(phase.shape), weight, basis)


def wrapped(radians: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring angles to between -π and π."""
    return radians - TURN * np.rint(radians / TURN)


def huber(left: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights of a robust fit: 1 up to 1.5 deviations, falling beyond."""
    trusted = np.abs(left[weight > TRUSTED])
    spread = 1.4826 * float(np.median(trusted)) if trusted.size else 1.0
    return np.minimum(1, np.float32(1.5 * max(spread, LEAST_SPREAD)) / np.maximum(np.abs(left), np.float32(1e-6)))


def _without_ramps(phase: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take off the mean turn from each voxel to the next along each axis."""
    for axis in range(3):
        upper, lower = _neighbours(axis)
        both = np.minimum(weight[upper], weight[lower]).ravel()
        turn = _mean_angle((phase[upper] - phase[lower]).ravel(), both)
        steps = np.arange(phase.shape[axis], dtype=np.float32) - np.float32(phase.shape[axis] // 2)
        phase = phase - (turn * steps).reshape([-1 if k == axis else 1 for k in range(3)])
    return wrapped(phase)


def _neighbours(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices that pair each voxel with the one before it along an axis."""
    upper = tuple(slice(1, None) if k == axis else slice(None) for k in range(3))
    lower = tuple(slice(None, -1) if k == axis else slice(None) for k in range(3))
    return upper, lower


def _mean_angle(phase: NDArray[np.float32], weight: NDArray[np.float32]) -> np.float32:
    return np.float32(np.arctan2(weight @ np.sin(phase), weight @ np.cos(phase)))


def _solved(normal: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.float32]:
    normal = normal.astype(np.float64)
    normal += RIDGE * np.diag(np.diag(normal) + 1e-6)
    return np.linalg.solve(normal, right.astype(np.float64)).astype(np.float32)


def _from_differences(
    phase: NDArray[np.float32], weight: NDArray[np.float32], terms: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Fit the polynomial's differences to the wrapped differences between neighbours along each axis."""
    count = terms.shape[1]
    normal, right = np.zeros((count, count)), np.zeros(count)
    stacked = terms.reshape(*phase.shape, count)
    for axis in range(3):
        if phase.shape[axis] < 2:
            continue
        upper, lower = _neighbours(axis)
        step = wrapped(phase[upper] - phase[lower]).ravel()
        change = (stacked[upper] - stacked[lower]).reshape(-1, count)
        weighted = change * np.minimum(weight[upper], weight[lower]).ravel()[:, None]
        normal += weighted.T @ change
        right += weighted.T @ step
    return _solved(normal, right)
