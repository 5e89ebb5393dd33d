"""From one scribble to one lesion's mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from CMBSegmentationLib.errors import InputError

from .alternatives import confidence_connected, random_walk
from .refine import refine
from .scan import ScanToGrow
from .settings import AUTO, COMPARISONS, GrowSettings
from .tolerance import Growth, grow_at_every_tolerance

# A running-mean region that fills more of the size limit than this is taken for a leak, and parent
# is used: half of a 10 mm sphere is one of 7.9 mm, more than the largest of VALDO's 253 lesions. On 224
# lesions in 18 simulated scans this left the median Dice at 0.82 and lifted the worst tenth from 0.33 to
# 0.40; the size of the scribble (one, 2, 4 or 6 voxels) told nothing more about which mode is better.
LEAK_SHARE = 0.5


@dataclass(frozen=True)
class GrownLesion:
    """A lesion's mask and how it came about.

    Attributes
    ----------
    seeds, mask : int arrays (n, 3)
        Voxels (z, y, x) of the scan.
    mode : str
        The mode used; where "auto" was asked for, the one it chose.
    settings : GrowSettings
        As asked for.
    tolerance_percent : float or None
        None for the modes without a tolerance.
    growth : Growth or None
        The growth curve, for other tolerances.
    centre_mm : float array (3,)
        Of the mask, RAS mm.
    volume_mm3, diameter_mm : float
        Of the mask; the diameter is that of a sphere of equal volume.
    notes : tuple of str
        What a reader should know of it.
    """

    seeds: NDArray[np.intp]
    mask: NDArray[np.intp]
    mode: str
    settings: GrowSettings
    tolerance_percent: float | None
    growth: Growth | None
    centre_mm: NDArray[np.float64]
    volume_mm3: float
    diameter_mm: float
    notes: tuple[str, ...]


def grow(scan: ScanToGrow, seeds: NDArray[np.integer], settings: GrowSettings) -> GrownLesion:
    """Grow one scribble into one mask.

    Parameters
    ----------
    scan : ScanToGrow
    seeds : int array (n, 3)
        The scribble's voxels (z, y, x).
    settings : GrowSettings

    Returns
    -------
    GrownLesion

    Raises
    ------
    InputError
        The scribble is empty, outside the scan, or larger than the size limit.
    """
    seeds = _checked_seeds(scan, seeds, settings)
    if settings.mode in COMPARISONS:
        return _described(scan, seeds, _compared(scan, seeds, settings), settings.mode, settings, None, None)
    mode, growth = _growth(scan, seeds, settings)
    return at_tolerance(scan, seeds, mode, growth, settings)


def at_tolerance(
    scan: ScanToGrow, seeds: NDArray[np.intp], mode: str, growth: Growth, settings: GrowSettings
) -> GrownLesion:
    """Give a lesion at the tolerance of `settings` without growing it again.

    Parameters
    ----------
    scan, seeds, mode, growth
        As of an earlier `GrownLesion`.
    settings : GrowSettings
        Of its fields only `tolerance_percent` may differ from those that `growth` was made with.

    Returns
    -------
    GrownLesion
    """
    percent = growth.elbow_percent if settings.tolerance_percent is None else settings.tolerance_percent
    return _described(scan, seeds, growth.at(percent), mode, settings, percent, growth)


def _growth(scan: ScanToGrow, seeds: NDArray[np.intp], settings: GrowSettings) -> tuple[str, Growth]:
    """Grow in the mode asked for, or in the one that "auto" chooses."""

    def in_mode(mode: str) -> Growth:
        return grow_at_every_tolerance(
            scan.voxels[settings.connectivity],
            seeds,
            mode,
            intensity_range=scan.intensity_range,
            limit_voxels=scan.limit_voxels(settings.largest_diameter_mm),
        )

    if settings.mode != AUTO:
        return settings.mode, in_mode(settings.mode)
    growth = in_mode("running-mean")
    if len(growth.at(growth.elbow_percent)) <= LEAK_SHARE * growth.limit_voxels:
        return "running-mean", growth
    return "parent", in_mode("parent")


def _compared(scan: ScanToGrow, seeds: NDArray[np.intp], settings: GrowSettings) -> NDArray[np.intp]:
    if settings.mode == "random-walker":
        return random_walk(scan, seeds, settings.largest_diameter_mm)
    return confidence_connected(scan, seeds, scan.limit_voxels(settings.largest_diameter_mm))


def _checked_seeds(scan: ScanToGrow, seeds: NDArray[np.integer], settings: GrowSettings) -> NDArray[np.intp]:
    seeds = np.unique(np.asarray(seeds).reshape(-1, 3), axis=0)
    if len(seeds) == 0:
        raise InputError("The scribble is empty.", "Paint at least one voxel inside the lesion.")
    if (seeds < 0).any() or (seeds >= scan.array.shape).any():
        raise InputError("The scribble lies outside the scan.", "Paint it on the scan that is to be grown in.")
    limit = scan.limit_voxels(settings.largest_diameter_mm)
    if len(seeds) > limit:
        raise InputError(
            f"The scribble has {len(seeds)} voxels, more than a lesion of {settings.largest_diameter_mm:g} mm "
            f"can have ({limit}).",
            "Paint fewer voxels, or allow a larger diameter.",
        )
    return seeds.astype(np.intp)


def _described(
    scan: ScanToGrow,
    seeds: NDArray[np.intp],
    region: NDArray[np.intp],
    mode: str,
    settings: GrowSettings,
    percent: float | None,
    growth: Growth | None,
) -> GrownLesion:
    mask = refine(region, seeds, scan.array.shape)
    volume = len(mask) * scan.voxel_volume_mm3
    return GrownLesion(
        seeds,
        mask,
        mode,
        settings,
        percent,
        growth,
        scan.ras_mm(mask.mean(axis=0)),
        volume,
        float((6 * volume / np.pi) ** (1 / 3)),
        tuple(_notes(scan, seeds, mask, percent, growth)),
    )


def _notes(
    scan: ScanToGrow,
    seeds: NDArray[np.intp],
    mask: NDArray[np.intp],
    percent: float | None,
    growth: Growth | None,
) -> list[str]:
    notes = []
    if (mask == 0).any() or (mask == np.array(scan.array.shape) - 1).any():
        notes.append("It touches the border of the scan: part of the lesion may lie outside.")
    if growth is not None and percent is not None:
        if len(growth.at(percent)) > growth.limit_voxels:
            notes.append(f"Growing was stopped at the size limit; it leaks beyond {growth.elbow_percent:g} %.")
        elif not growth.exceeds_limit:
            notes.append("It never exceeds the size limit: nothing around it is alike at any tolerance.")
        elif growth.elbow_percent == 0 or len(growth.at(growth.elbow_percent)) == len(seeds):
            notes.append("There is no contrast around the scribble: the mask is little more than the scribble itself.")
    return notes
