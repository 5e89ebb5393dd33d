"""Microbleeds: where they lie, how big they are, and what they do to the signal around them."""

from __future__ import annotations

from collections.abc import Sequence as Sequence_
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .anatomy import Anatomy
from .contrast import Sequence
from .grid import Grid
from .susceptibility import sphere_field

LOBAR, DEEP, INFRATENTORIAL = (2, 41, 3, 42), (10, 49, 11, 50, 12, 51, 13, 52), (7, 46, 8, 47, 16)
PLACES: tuple[tuple[tuple[int, ...], float], ...] = ((LOBAR, 0.62), (DEEP, 0.20), (INFRATENTORIAL, 0.18))
CORE_MM = (0.7, 5.0)  # Docs/simulation.md: haemosiderin core 1-5 mm, effective +0.5 to +3.5 ppm
CORE_PPM = (0.5, 3.5)
FAINTEST_RAD = 0.15  # phase below which the dipole's effect is lost in the noise
SUBVOXEL_MM = 0.4
LEFT_IN_CORE = 0.15  # haemosiderin's own T2*
VISIBLE_LOSS = 0.3  # a reader outlines what is darkened by about a third


@dataclass(frozen=True)
class Lesion:
    """A microbleed before it is imaged: a few overlapping spheres.

    Attributes
    ----------
    centre_mm : array (3,)
        LPS.
    spheres : tuple of (offset (3,), radius_mm)
    ppm : float
        Susceptibility against tissue; below 0 for calcium.
    """

    centre_mm: NDArray[np.float64]
    spheres: tuple[tuple[NDArray[np.float64], float], ...]
    ppm: float


@dataclass(frozen=True)
class Change:
    """What a body changes in the acquired signal.

    Attributes
    ----------
    where : (slice, slice, slice)
        In the acquired array (z, y, x).
    delta : complex64 array (z, y, x)
        To be added to the signal there.
    visible : bool array (z, y, x)
        Voxels that a reader would outline.
    body : Lesion
    left_in_core : float
        Part of the signal that its core keeps.
    share : float
        Of the change that such a body makes, the part that `delta` is.
    """

    where: tuple[slice, slice, slice]
    delta: NDArray[np.complex64]
    visible: NDArray[np.bool_]
    body: Lesion
    left_in_core: float = LEFT_IN_CORE
    share: float = 1.0


def draw_lesions(anatomy: Anatomy, count: int, rng: np.random.Generator, apart_mm: float = 9.0) -> list[Lesion]:
    """Place up to `count` microbleeds in brain tissue, at least `apart_mm` from one another.

    Parameters
    ----------
    anatomy : Anatomy
    count : int
    rng : numpy.random.Generator
    apart_mm : float

    Returns
    -------
    list of Lesion
    """
    groups, odds = zip(*PLACES, strict=True)
    per_place = rng.multinomial(3 * count, odds)
    pool = np.concatenate(
        [
            anatomy.random_points(np.isin(anatomy.labels, labels), int(n), rng)
            for labels, n in zip(groups, per_place, strict=True)
        ]
    )
    rng.shuffle(pool)
    chosen: list[NDArray[np.float64]] = []
    for point in pool:
        if len(chosen) == count:
            break
        if all(np.linalg.norm(point - other) >= apart_mm for other in chosen):
            chosen.append(point)
    return [_drawn_at(point, rng) for point in chosen]


def _drawn_at(centre_mm: NDArray[np.float64], rng: np.random.Generator) -> Lesion:
    diameter = float(np.clip(rng.lognormal(np.log(1.25), 0.45), *CORE_MM))
    spheres = [(np.zeros(3), diameter / 2)]
    for _ in range(int(rng.integers(0, 3))):  # a lobe or two: microbleeds are round, not perfect
        offset = rng.normal(size=3)
        offset *= rng.uniform(0.2, 0.5) * diameter / np.linalg.norm(offset)
        spheres.append((offset, rng.uniform(0.25, 0.45) * diameter))
    ppm = float(rng.uniform(*CORE_PPM)) * (1.0 if len(spheres) == 1 else 0.7)
    return Lesion(centre_mm, tuple(spheres), ppm)


def imprint(
    lesion: Lesion,
    fine_signal: NDArray[np.complex64],
    fine: Grid,
    factors: NDArray[np.integer],
    sequence: Sequence,
    b0_mm: NDArray[np.float64],
    gap: int = 0,
) -> Change | None:
    """Compute what one lesion changes in the acquired signal.

    Around the lesion the fine grid is split further, each part gets the phase of the lesion's
    dipole field and, inside the core, almost no signal; the average over an acquired voxel then
    shows the blooming.

    Parameters
    ----------
    lesion : Lesion
    fine_signal : complex64 array (z, y, x)
        Signal without lesions on the fine grid.
    fine : Grid
        That grid: every acquired voxel split into `factors`.
    factors : int array (3,)
        Parts of an acquired voxel along x, y, z.
    sequence : Sequence
    b0_mm : array (3,)
        Main field's direction in LPS.
    gap : int
        Parts of every slice that are not acquired.

    Returns
    -------
    Change or None
        None where the lesion lies outside the scan.
    """
    coarse_size = np.array(fine.size) // factors
    centre = (fine.to_index(lesion.centre_mm) + 0.5) / factors - 0.5
    reach = np.ceil(_reach_mm(lesion, sequence) / (fine.spacing * factors)).astype(int)
    low = np.maximum(np.rint(centre).astype(int) - reach, 0)
    high = np.minimum(np.rint(centre).astype(int) + reach + 1, coarse_size)
    if np.any(high - low < 1) or np.any(np.rint(centre) < 0) or np.any(np.rint(centre) >= coarse_size):
        return None
    box = fine.part(low * factors, high * factors)
    background = fine_signal[array_slices(low * factors, high * factors)]
    split = np.maximum(1, np.ceil(fine.spacing / SUBVOXEL_MM)).astype(int)
    finest = box.subdivided(split)

    nz, ny, nx = finest.shape
    index = np.stack(np.meshgrid(np.arange(nx), np.arange(ny), np.arange(nz), indexing="ij"), -1)
    offsets = (finest.to_points(index.transpose(2, 1, 0, 3)) - lesion.centre_mm).astype(np.float32)
    shift = np.zeros(finest.shape, np.float32)
    core = np.zeros(finest.shape, bool)
    for offset, radius in lesion.spheres:
        from_sphere = offsets - offset.astype(np.float32)
        shift += sphere_field(from_sphere, radius, lesion.ppm, b0_mm)
        core |= np.einsum("...i,...i->...", from_sphere, from_sphere) <= radius**2
    effect = np.exp(1j * sequence.radians_per_ppm * shift).astype(np.complex64)
    effect[core] *= LEFT_IN_CORE

    sz, sy, sx = split[::-1]
    effect = effect.reshape(nz // sz, sz, ny // sy, sy, nx // sx, sx).mean(axis=(1, 3, 5))
    without = block_mean(background, factors, gap)
    with_lesion = block_mean(background * effect, factors, gap)
    loss = 1 - np.abs(with_lesion) / np.maximum(np.abs(without), 1e-6)
    visible = connected_to(loss >= VISIBLE_LOSS, centre - low)
    return Change(array_slices(low, high), (with_lesion - without).astype(np.complex64), visible, lesion)


def _reach_mm(lesion: Lesion, sequence: Sequence) -> float:
    """How far from the centre the phase along the field falls to `FAINTEST_RAD`."""
    furthest = max(radius + float(np.linalg.norm(offset)) for offset, radius in lesion.spheres)
    surface_rad = sequence.radians_per_ppm * abs(lesion.ppm) * 2 / 3
    return furthest * max(1.5, (surface_rad / FAINTEST_RAD) ** (1 / 3))


def block_mean(values: NDArray[Any], factors: NDArray[np.integer], gap: int = 0) -> NDArray[Any]:
    """Average blocks of `factors` (x, y, z) voxels of an array (z, y, x), without the last `gap` along z."""
    fx, fy, fz = (int(f) for f in factors)
    nz, ny, nx = values.shape
    total = np.zeros((nz // fz, ny // fy, nx // fx), values.dtype)
    for k in range(fz - gap):  # strided sums need far less memory than a reshaped mean
        for j in range(fy):
            for i in range(fx):
                total += values[k::fz, j::fy, i::fx]
    total /= np.float32(fx * fy * (fz - gap))
    return total


def array_slices(low: NDArray[np.integer], high: NDArray[np.integer]) -> tuple[slice, slice, slice]:
    """Turn the corners of a box (x, y, z) into slices of an array (z, y, x)."""
    x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return z, y, x


def connected_to(mask: NDArray[np.bool_], centre: Sequence_[float]) -> NDArray[np.bool_]:
    """Keep the component of `mask` (26-connected) nearest to `centre` (x, y, z), within one voxel."""
    components, count = ndimage.label(mask, np.ones((3, 3, 3)))
    if count == 0:
        return np.zeros_like(mask)
    where = np.argwhere(components)
    gap = np.abs(where - np.asarray(centre)[::-1]).max(axis=1)
    nearest = int(gap.argmin())
    if gap[nearest] > 1.5:
        return np.zeros_like(mask)
    return components == components[tuple(where[nearest])]
