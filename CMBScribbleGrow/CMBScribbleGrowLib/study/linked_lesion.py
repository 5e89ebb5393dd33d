"""A lesion as a reader works on it: its scribble, its mask, and how one came from the other.

The growth of each stroke is kept, so that another tolerance is shown at once; after a study is opened
again it is missing, and `with_growth` makes it anew.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..annotation.edits import utc_now
from ..annotation.records import Growing, Microbleed
from ..annotation.segments_file import grown_name, scribble_name
from ..annotation.words import ACCEPTED, CAA_GROUP, CHANGED, NOT_ACCEPTED, SINGLE
from ..growing.lesion import GrownLesion, at_tolerance, grow
from ..growing.scan import ScanToGrow
from ..growing.settings import GrowSettings
from ..growing.tolerance import STEP_PERCENT
from ..scribbles.strokes import strokes


@dataclass(frozen=True, eq=False)
class LinkedLesion:
    """One microbleed, or one group, with the scribble that it was grown from.

    Attributes
    ----------
    id : int
        Of its record.
    scribble, mask : int arrays (n, 3)
        Voxels (z, y, x) of the scan.
    settings : GrowSettings
        As asked for.
    mode : str
        The mode used; where "auto" was asked for, the one it chose.
    tolerance_percent : float or None
        The tolerance used; of a group the median. None for modes without one.
    grouped : bool
        One group of many strokes (cerebral amyloid angiopathy); else one lesion.
    accepted : bool
        Whether the reader has accepted the mask.
    strokes : tuple of GrownLesion
        One if single. Empty if they have to be grown anew.
    was_accepted : bool
        Whether the reader has accepted this mask, or an earlier one of the same lesion.
    """

    id: int
    scribble: NDArray[np.intp]
    mask: NDArray[np.intp]
    settings: GrowSettings
    mode: str
    tolerance_percent: float | None
    grouped: bool = False
    accepted: bool = False
    strokes: tuple[GrownLesion, ...] = ()
    was_accepted: bool = False

    @property
    def automatic(self) -> bool:
        """Whether the tolerance was found rather than set."""
        return self.settings.tolerance_percent is None

    @property
    def acceptance(self) -> str:
        """Whether the reader has accepted it, in a record's word."""
        return ACCEPTED if self.accepted else CHANGED if self.was_accepted else NOT_ACCEPTED

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the mask, each note once."""
        return tuple(dict.fromkeys(note for stroke in self.strokes for note in stroke.notes))

    @property
    def tolerance_said(self) -> str:
        """Say which tolerance was used; empty where the mode has none."""
        percent = self.tolerance_percent
        return "" if percent is None else f"The tolerance of CMB {self.id} is {percent:.1f} %."


def strokes_of(voxels: NDArray[np.integer]) -> list[NDArray[np.intp]]:
    """Part painted voxels (n, 3) into strokes that do not touch; `scribbles.strokes.strokes` of their box only."""
    if not len(voxels):
        return []
    low = voxels.min(axis=0)
    box = np.zeros(voxels.max(axis=0) - low + 1, np.uint8)
    box[tuple((voxels - low).T)] = 1
    return [stroke.seeds + low for stroke in strokes(box)]


def grow_lesion(
    scan: ScanToGrow, lesion_id: int, scribble: NDArray[np.integer], settings: GrowSettings, *, grouped: bool = False
) -> LinkedLesion:
    """Grow one lesion from all of a scribble; in a group, each stroke by itself.

    Parameters
    ----------
    scan : ScanToGrow
    lesion_id : int
    scribble : int array (n, 3)
    settings : GrowSettings
    grouped : bool

    Returns
    -------
    LinkedLesion

    Raises
    ------
    InputError
        As `growing.lesion.grow`.
    """
    parts = strokes_of(np.asarray(scribble)) if grouped else [np.asarray(scribble)]
    grown = tuple(grow(scan, part, settings) for part in parts)
    return _joined(LinkedLesion(lesion_id, np.asarray(scribble), grown[0].mask, settings, "", None, grouped), grown)


def at_percent(scan: ScanToGrow, lesion: LinkedLesion, percent: float | None) -> LinkedLesion:
    """Give a lesion at another tolerance, from its kept growth.

    Parameters
    ----------
    scan : ScanToGrow
    lesion : LinkedLesion
        With its growth (`with_growth`), in a mode that has a tolerance.
    percent : float or None
        0 to 100; None takes the automatic one.

    Returns
    -------
    LinkedLesion
        Not accepted.

    Raises
    ------
    InputError
        The percentage is out of range.
    """
    settings = replace(lesion.settings, tolerance_percent=percent)
    grown = tuple(
        at_tolerance(scan, stroke.seeds, stroke.mode, stroke.growth, settings) if stroke.growth else stroke
        for stroke in lesion.strokes
    )
    return _joined(replace(lesion, settings=settings, accepted=False), grown)


def with_growth(scan: ScanToGrow, lesion: LinkedLesion) -> LinkedLesion:
    """Grow a lesion's strokes anew where their growth was not kept; its mask stays as it is."""
    if lesion.strokes:
        return lesion
    settings = replace(lesion.settings, mode=lesion.mode)  # what "auto" chose then
    grown = grow_lesion(scan, lesion.id, lesion.scribble, settings, grouped=lesion.grouped)
    return replace(lesion, strokes=grown.strokes)


def growth_curve(lesion: LinkedLesion) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give the growth curve: at each tolerance where the region changes, and just before, how large it is.

    Returns
    -------
    percent : float array (n,)
    voxels : int array (n,)
        Of all strokes of a group together. Both empty for a mode without tolerance.
    """
    growths = [stroke.growth for stroke in lesion.strokes if stroke.growth is not None]
    if not growths:
        return np.empty(0), np.empty(0, np.int64)
    changes = np.unique(np.concatenate([growth.percent for growth in growths]))
    before = changes[1:] - STEP_PERCENT
    last = [] if any(growth.exceeds_limit for growth in growths) else [100.0]
    percent = np.unique(np.round(np.concatenate([changes, before, last]), 1))
    return percent, voxels_at(lesion, percent)


def voxels_at(lesion: LinkedLesion, percent: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give the number of voxels that have joined at each tolerance, before refinement."""
    growths = [stroke.growth for stroke in lesion.strokes if stroke.growth is not None]
    return np.array([sum(len(growth.at(float(one))) for growth in growths) for one in percent], np.int64)


def record_of(image: sitk.Image, lesion: LinkedLesion, reader: str, former: Microbleed | None = None) -> Microbleed:
    """Write a lesion into a record; what its reader answered before stays.

    Parameters
    ----------
    image : SimpleITK.Image
        The scan, for its geometry.
    lesion : LinkedLesion
    reader : str
    former : Microbleed, optional
        The lesion's record until now.

    Returns
    -------
    Microbleed
    """
    centre = [float(index) for index in lesion.mask.mean(axis=0)[::-1]]
    left, posterior, superior = image.TransformContinuousIndexToPhysicalPoint(centre)
    growing = Growing(
        mode=lesion.mode,
        connectivity=lesion.settings.connectivity,
        tolerance_percent=lesion.tolerance_percent,
        automatic=lesion.automatic,
        largest_diameter_mm=lesion.settings.largest_diameter_mm,
    )
    measured = {
        "r_mm": round(-left, 3), "a_mm": round(-posterior, 3), "s_mm": round(superior, 3),
        "growing": growing, "time": utc_now(), "acceptance": lesion.acceptance,
        "diameter_mm": None if lesion.grouped else round(sphere_diameter_mm(image, lesion.mask), 2),
        "scribble_segment": scribble_name(lesion.id, reader), "grown_segment": grown_name(lesion.id, reader),
    }  # fmt: skip
    if former is not None:
        return replace(former, **measured)
    group = {"grouping": CAA_GROUP, "count": len(lesion.strokes)} if lesion.grouped else {"grouping": SINGLE}
    return Microbleed(id=lesion.id, reader=reader, **measured, **group)


def lesion_from_record(record: Microbleed, scribble: NDArray[np.intp], mask: NDArray[np.intp]) -> LinkedLesion:
    """Link a scribble and a mask again as their record says."""
    grown = record.growing
    settings = GrowSettings()
    if grown is not None:
        settings = GrowSettings(
            mode=grown.mode,
            tolerance_percent=None if grown.automatic else grown.tolerance_percent,
            largest_diameter_mm=grown.largest_diameter_mm,
            connectivity=grown.connectivity,
        )
    tolerance = grown.tolerance_percent if grown is not None else None
    grouped = record.grouping == CAA_GROUP
    linked = LinkedLesion(record.id, scribble, mask, settings, settings.mode, tolerance, grouped)
    return replace(linked, accepted=record.accepted, was_accepted=record.counts)


def sphere_diameter_mm(image: sitk.Image, mask: NDArray[np.integer]) -> float:
    """Give the diameter of the sphere of a mask's volume."""
    return float((6 * len(mask) * np.prod(image.GetSpacing()) / np.pi) ** (1 / 3))


def _joined(lesion: LinkedLesion, grown: tuple[GrownLesion, ...]) -> LinkedLesion:
    """Make one lesion of its grown strokes."""
    mask = grown[0].mask if len(grown) == 1 else np.unique(np.concatenate([one.mask for one in grown]), axis=0)
    tolerances = [one.tolerance_percent for one in grown if one.tolerance_percent is not None]
    tolerance = round(float(np.median(tolerances)), 1) if tolerances else None
    mode = Counter(one.mode for one in grown).most_common(1)[0][0]
    return replace(lesion, mask=mask, strokes=grown, tolerance_percent=tolerance, mode=mode)
