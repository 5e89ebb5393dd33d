"""Microbleeds of a given size and contrast: the core is fitted until the scan shows the diameter that was drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .contrast import Sequence
from .grid import Grid
from .lesions import CORE_PPM, LEFT_IN_CORE, SUBVOXEL_MM, Change, Lesion, array_slices, block_mean, connected_to
from .placement import Site

T2STAR_DIAMETERS_MM = ((0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0), (1.6, 2.0, 2.5, 2.7, 3.3, 4.9, 8.0))
SWI_DIAMETERS_MM = ((0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0), (1.8, 2.3, 2.6, 2.8, 3.0, 3.4, 6.0))
FINE_SWI_DIAMETERS_MM = ((0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0), (1.1, 1.3, 1.8, 2.5, 3.1, 4.5, 7.0))
"""Field-notes.md, "Real lesions, as published": VALDO; MOMENI; DOU and RODEJA together."""
FINE_SWI_MM = 0.6  # pixels below this show lesions that others do not
PEAK_CONTRASTS = ((0.0, 0.1, 0.5, 0.9, 1.0), (0.06, 0.09, 0.20, 0.28, 0.40))
"""Of the brain's maximum: the same table; its least is what a reader can still see."""
SWI_MAGNITUDE = 0.6  # of that contrast is the magnitude's: the phase mask adds the rest
SIZE_AND_CONTRAST = 0.5  # correlation: missed ones have 5 mm3 at 0.14, found ones 19 mm3 at 0.24
GAP_MM = 1.2  # gaps that no reader leaves out
OUTLINED_AT = 0.5  # of the peak's loss: where a reader draws the border of a blurred spot
PEAK_REACH = 2.0  # of the core's radius: how far out the dipole's darkest lobes lie
SCALINGS = 8
FAINTEST_RAD = 0.3
FITS = 6
GOOD_FIT = 0.1
LEAST_STRENGTH = 0.04  # of the drawn susceptibility: old, washed-out blood
LEAST_CORE_MM, MOST_CORE_MM = 0.3, 7.0


@dataclass(frozen=True)
class Target:
    """What a lesion is to look like.

    Attributes
    ----------
    diameter_mm : float
        Of the sphere of its outline's volume.
    peak_contrast : float
        Signal lost in its darkest voxel, of the brain's maximum.
    shape : Lesion
        With a core of 1 mm, at its site.
    """

    diameter_mm: float
    peak_contrast: float
    shape: Lesion


@dataclass(frozen=True)
class Background:
    """A scan without lesions.

    Attributes
    ----------
    signal : complex64 array (z, y, x)
        On the fine grid.
    fine : Grid
        Every acquired voxel split into `factors`.
    factors : int array (3,)
        Parts along x, y, z.
    gap : int
        Parts of every slice that are not acquired.
    sequence : Sequence
    b0_mm : array (3,)
        Main field's direction in LPS.
    highest : float
        The brain's largest acquired magnitude.
    """

    signal: NDArray[np.complex64]
    fine: Grid
    factors: NDArray[np.integer]
    gap: int
    sequence: Sequence
    b0_mm: NDArray[np.float64]
    highest: float


def draw_target(site: Site, swi: bool, pixel_mm: float, rng: np.random.Generator) -> Target:
    """Draw size, contrast and shape of a lesion from the published tables.

    Parameters
    ----------
    site : Site
    swi : bool
    pixel_mm : float
    rng : numpy.random.Generator

    Returns
    -------
    Target
    """
    table = T2STAR_DIAMETERS_MM if not swi else FINE_SWI_DIAMETERS_MM if pixel_mm < FINE_SWI_MM else SWI_DIAMETERS_MM
    first, second = rng.normal(size=2)
    second = SIZE_AND_CONTRAST * first + np.sqrt(1 - SIZE_AND_CONTRAST**2) * second
    diameter = float(np.interp(NormalDist().cdf(first), *table))
    contrast = float(np.interp(NormalDist().cdf(second), *PEAK_CONTRASTS)) * (SWI_MAGNITUDE if swi else 1.0)
    spheres = [(np.zeros(3), 0.5)]
    for _ in range(int(rng.integers(0, 3))):  # a lobe or two: microbleeds are round, not perfect
        offset = rng.normal(size=3)
        offset *= rng.uniform(0.2, 0.45) / np.linalg.norm(offset)
        spheres.append((offset, float(rng.uniform(0.25, 0.42))))
    return Target(diameter, contrast, Lesion(site.centre_mm, tuple(spheres), float(rng.uniform(*CORE_PPM))))


def fitted(target: Target, background: Background) -> Change | None:
    """Fit a lesion's core to its target.

    Parameters
    ----------
    target : Target
    background : Background

    Returns
    -------
    Change or None
        None where the lesion lies outside the scan.
    """
    voxel_mm3 = float(np.prod(background.fine.spacing * background.factors))
    wanted = target.peak_contrast * background.highest
    core_mm, strength = 0.5 * target.diameter_mm, 1.0
    best, best_miss = None, np.inf
    for _ in range(FITS):
        found = _imprint(_scaled(target.shape, core_mm, strength), background, 1 - (1 - LEFT_IN_CORE) * strength)
        if found is None:
            return None
        diameter = (6 / np.pi * voxel_mm3 * max(1, int(found.visible.sum()))) ** (1 / 3)
        miss = abs(np.log(diameter / target.diameter_mm)) + max(0.0, np.log(max(found.peak, 1e-9) / wanted))
        miss += 0 if found.visible.any() else 1
        if miss < best_miss:
            best, best_miss = found, miss
        if miss < GOOD_FIT:
            break
        growth = float(np.clip(target.diameter_mm / diameter, 0.6, 1.6)) if found.visible.any() else 1.5
        core_mm = float(np.clip(core_mm * growth, LEAST_CORE_MM, MOST_CORE_MM))
        strength = float(np.clip(strength * np.clip(wanted / max(found.peak, 1e-9), 0.5, 1.3), LEAST_STRENGTH, 1.0))
    return None if best is None else _weakened(best, wanted)


def imprinted(body: Lesion, background: Background) -> Change | None:
    """Compute what a body changes as it is: a calcification, a cavernoma.

    Parameters
    ----------
    body : Lesion
    background : Background

    Returns
    -------
    Change or None
        As `lesions.imprint` gives it, in a fraction of its time; None where the body lies outside the scan.
    """
    return again(body, LEFT_IN_CORE, 1.0, background)


def again(body: Lesion, left_in_core: float, share: float, background: Background) -> Change | None:
    """Compute what a body of a known core changes, at another echo say; the arguments are a `Change`'s."""
    found = _imprint(body, background, left_in_core)
    if found is None:
        return None
    change = (np.float32(share) * found.change).astype(np.complex64)
    return Change(found.where, change, found.visible, body, left_in_core, share)


def changes(targets: list[Target], background: Background) -> Iterator[Change | None]:
    """Fit lesions one after the other, each when it is asked for."""
    return (fitted(target, background) for target in targets)


@dataclass(frozen=True)
class _Imprinted:
    """What a lesion changes: where, the signal without it, the change, its outline, and the most that is lost."""

    body: Lesion
    left_in_core: float
    where: tuple[slice, slice, slice]
    without: NDArray[np.complex64]
    change: NDArray[np.complex64]
    near: tuple[slice, ...]
    visible: NDArray[np.bool_]
    peak: float


def _scaled(shape: Lesion, core_mm: float, strength: float) -> Lesion:
    spheres = tuple((offset * core_mm, radius * core_mm) for offset, radius in shape.spheres)
    return replace(shape, spheres=spheres, ppm=shape.ppm * strength)


def _imprint(lesion: Lesion, background: Background, left_in_core: float) -> _Imprinted | None:
    fine, factors = background.fine, background.factors
    coarse_size = np.array(fine.size) // factors
    centre = (fine.to_index(lesion.centre_mm) + 0.5) / factors - 0.5
    voxel_mm = fine.spacing * factors
    reach = np.ceil(_reach_mm(lesion, background.sequence) / voxel_mm).astype(int)
    middle = np.rint(centre).astype(int)
    if np.any(middle < 0) or np.any(middle >= coarse_size):
        return None
    low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, coarse_size)
    tissue = background.signal[array_slices(low * factors, high * factors)]
    effect = _effect(lesion, fine.part(low * factors, high * factors), background, left_in_core)
    without = block_mean(tissue, factors, background.gap)
    change = block_mean(tissue * effect, factors, background.gap) - without
    loss = np.abs(without) - np.abs(without + change)
    around = np.ceil(PEAK_REACH * _furthest_mm(lesion) / voxel_mm).astype(int)
    near = array_slices(np.maximum(middle - low - around, 0), middle - low + around + 1)
    peak = float(loss[near].max())
    visible = _outlined(loss, peak, centre - low, voxel_mm) if peak > 0 else np.zeros(loss.shape, bool)
    return _Imprinted(lesion, left_in_core, array_slices(low, high), without, change, near, visible, peak)


def _outlined(
    loss: NDArray[np.float32], peak: float, centre: NDArray[np.float64], voxel_mm: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Outline a lesion as a reader does: the dark blob with the lobes that belong to it and the gaps between them."""
    bridge = tuple(2 * int(GAP_MM / 2 / size) + 1 for size in voxel_mm[::-1])
    dark = np.pad(loss >= OUTLINED_AT * peak, [(n, n) for n in bridge])
    closed = ndimage.binary_fill_holes(ndimage.binary_closing(dark, np.ones(bridge, bool)))
    return connected_to(closed[tuple(slice(n, -n) for n in bridge)], centre.tolist())


def _weakened(found: _Imprinted, wanted: float) -> Change:
    """Scale a change down until no more than `wanted` is lost near the centre."""
    change, share = found.change, 1.0
    for _ in range(SCALINGS):  # magnitudes do not add up: the peak falls more slowly than the change
        peak = float((np.abs(found.without) - np.abs(found.without + change))[found.near].max())
        if peak <= 1.02 * wanted:
            break
        change = change * np.float32(wanted / peak)
        share *= wanted / peak
    return Change(found.where, change.astype(np.complex64), found.visible, found.body, found.left_in_core, share)


def _effect(lesion: Lesion, box: Grid, background: Background, left_in_core: float) -> NDArray[np.complex64]:
    """Factor of the signal in every voxel of `box`, averaged over its parts; the grid's own axes keep it separable."""
    split = np.maximum(1, np.ceil(box.spacing / SUBVOXEL_MM)).astype(int)
    finest = box.subdivided(split)
    b0 = box.direction.T @ background.b0_mm
    centre = box.direction.T @ (lesion.centre_mm - finest.origin)
    axes = [(np.arange(n) * s - c) for n, s, c in zip(finest.size, finest.spacing, centre, strict=True)]
    shift = np.zeros(finest.shape, np.float32)
    core = np.zeros(finest.shape, bool)
    for offset_mm, radius_mm in lesion.spheres:
        offset = box.direction.T @ offset_mm
        x, y, z = (
            (axis - o).astype(np.float32).reshape([-1 if k == d else 1 for k in (2, 1, 0)])
            for d, (axis, o) in enumerate(zip(axes, offset, strict=True))
        )
        squared = x * x + y * y + z * z
        inside = squared <= np.float32(radius_mm**2)
        np.maximum(squared, np.float32(1e-3), out=squared)
        along = np.float32(b0[0]) * x + np.float32(b0[1]) * y + np.float32(b0[2]) * z
        field = np.float32(3) * along * along / squared - np.float32(1)
        field *= np.float32(lesion.ppm / 3 * radius_mm**3) / (squared * np.sqrt(squared))
        field[inside] = 0
        shift += field
        core |= inside
    shift *= np.float32(background.sequence.radians_per_ppm)
    effect = np.empty(shift.shape, np.complex64)
    np.cos(shift, out=effect.real)
    np.sin(shift, out=effect.imag)
    effect[core] *= np.float32(left_in_core)
    return block_mean(effect, split)


def _reach_mm(lesion: Lesion, sequence: Sequence) -> float:
    surface_rad = sequence.radians_per_ppm * abs(lesion.ppm) * 2 / 3
    times = max(1.5, (surface_rad / FAINTEST_RAD) ** (1 / 3))
    return max(float(np.linalg.norm(offset)) + times * radius for offset, radius in lesion.spheres)


def _furthest_mm(lesion: Lesion) -> float:
    return max(radius + float(np.linalg.norm(offset)) for offset, radius in lesion.spheres)
