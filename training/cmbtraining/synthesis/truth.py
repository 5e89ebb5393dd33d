"""Stage four, the truth: the lesions that a reader can tell, and what the truth file says of the scan."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Sequence_
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .bodies import Shown
from .conspicuity import told_by_a_reader
from .covers import WHOLE
from .grid import Grid
from .head import Head
from .lesions import Change
from .mimics import CALCIFICATION
from .plan import Plan, Scanner
from .received import Acquired

BLOOD, CALCIUM = "blood", "calcium"


def seen(
    shot: Callable[[], NDArray[np.float32]], shown: list[Shown], acquired: Acquired, part: Grid
) -> tuple[NDArray[np.float32], list[Shown]]:
    """Receive the scan, take out again what nobody could tell from its surroundings, and list what is left.

    Parameters
    ----------
    shot : callable
        Gives the magnitude (z, y, x) of what is acquired now.
    shown : list of Shown
        In the order of the truth's labels.
    acquired : Acquired
        Loses what nobody could tell, in signal and truth.
    part : Grid
        Of the acquired arrays.

    Returns
    -------
    magnitude : float32 array (z, y, x)
    kept : list of Shown
        In the order of the truth's labels, which are counted anew.
    """
    magnitude = shot()
    kept = told_by_a_reader(magnitude, acquired.truth, acquired.brain, part.spacing)
    if len(kept) < len(shown):
        for number in set(range(1, len(shown) + 1)) - set(kept):
            taken = shown[number - 1].change
            acquired.signal[taken.where] -= taken.delta
        renumbered = np.zeros(len(shown) + 1, np.uint8)
        renumbered[kept] = range(1, len(kept) + 1)
        acquired.truth = renumbered[acquired.truth]
        magnitude = shot()
    return magnitude, [shown[number - 1] for number in kept]


def settings_of(label_map: Path, seed: int, plan: Plan, head: Head, scanner: Scanner) -> dict[str, Any]:
    """Say how a scan was made, JSON-ready."""
    sequence = scanner.sequence
    settings: dict[str, Any] = {
        "label_map": label_map.name,
        "seed": seed,
        "protocol": plan.name,
        "skull_stripped": plan.cover.kind != WHOLE,
        "b0_t": sequence.b0_t,
        "te_ms": round(1e3 * sequence.te_s, 2),
        "tr_ms": round(1e3 * sequence.tr_s, 1),
        "flip_deg": round(sequence.flip_deg, 1),
        "swi": plan.protocol.swi,
        "cortical_veins": plan.cortical_veins,
        "mimics": plan.mimics,
        "slice_gap": round(scanner.gap / int(scanner.factors[2]), 2),
    }
    if plan.realism.calibrated:
        settings |= {
            "realism": plan.realism.name,
            "load": plan.realism.load,
            "brain_mask": plan.cover.kind,
            "not_brain": round(plan.cover.share, 2),
            "iron": None if head.iron is None else round(head.iron, 2),
        }
    return settings


def rows_of(mask: sitk.Image, places: Sequence_[str | None]) -> list[dict[str, Any]]:
    """List the lesions of a label image as `lesion_table`, with the places of those of a calibrated scan."""
    rows: list[dict[str, Any]] = [dict(row) for row in lesion_table(mask)]
    return [row if place is None else row | {"place": place} for row, place in zip(rows, places, strict=True)]


def lesion_table(mask: sitk.Image) -> list[dict[str, float]]:
    """List the lesions of a label image: RAS centre and the diameter of the sphere of equal volume (mm)."""
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(mask)
    rows = []
    for label in statistics.GetLabels():
        left, posterior, superior = statistics.GetCentroid(label)
        diameter = 2 * (3 * statistics.GetPhysicalSize(label) / (4 * np.pi)) ** (1 / 3)
        values = (-left, -posterior, superior, diameter)
        rows.append({k: round(v, 2) for k, v in zip(("r_mm", "a_mm", "s_mm", "diameter_mm"), values, strict=True)})
    return rows


def substances_of(bodies: Sequence_[tuple[str, Change]], part: Grid) -> list[dict[str, Any]]:
    """List mimics that disturb the field, each with the substance that phase tells.

    Parameters
    ----------
    bodies : sequence of (kind, Change)
        Kinds are those of `mimics.KINDS`.
    part : Grid
        Of the acquired array.

    Returns
    -------
    list of dict
        ``kind, substance``; ``r_mm, a_mm, s_mm, diameter_mm`` as `lesion_table` gives them of what is seen;
        ``body_mm``, the diameter of the sphere of its own volume; ``moment_ppm_mm3``, susceptibility times volume.
    """
    rows = []
    for kind, change in bodies:
        seen = np.zeros(part.shape, np.uint8)
        seen[change.where][change.visible] = 1
        if not seen.any():
            continue
        cubes = sum(radius**3 for _, radius in change.body.spheres)
        rows.append(
            {
                "kind": kind,
                "substance": CALCIUM if kind == CALCIFICATION else BLOOD,
                **lesion_table(part.image(seen))[0],
                "body_mm": round(2 * cubes ** (1 / 3), 2),
                "moment_ppm_mm3": round(change.share * change.body.ppm * 4 / 3 * np.pi * cubes, 2),
            }
        )
    return rows
