"""From a probability image to a list of microbleeds: components, measurements, reasons for dropping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ..files.fields import Fields
from ..vocabulary.columns import COLUMNS, REVIEW_COLUMNS
from ..vocabulary.numbers import decimals_of, rounded_down, threshold_text
from ..vocabulary.verdicts import DECISIONS, DROPPED, KEPT, REJECTED, STATUSES, UNDECIDED, certainty_of

CANDIDATE_PROBABILITY = 0.05  # below this nothing is kept, not even as a dropped candidate
LARGEST_DIAMETER_MM = 10.0  # Docs/paper.md, "Words": a microbleed measures 2-10 mm
SURROUND_MM = 3.0  # width of the shell that contrast is measured against
MOST_CANDIDATES = 500  # of the dropped ones, the most probable are listed

STATUS_OF_0_1_0 = {"accepted": KEPT}
DETECTED_ONE = "detected"  # origin of a lesion that no reader put on the list
OUTSIDE_BRAIN, OUTSIDE_TISSUE = "outside the brain mask", "outside brain tissue"


@dataclass(frozen=True)
class Lesion:
    """One candidate, kept or dropped, and what a reader said of it.

    Attributes
    ----------
    id : int
        Kept lesions come first, the most probable first.
    status : {"kept", "dropped"}
        What the program says; no reader changes it.
    r_mm, a_mm, s_mm : float
        Centre of mass, patient RAS.
    volume_mm3 : float
    diameter_mm : float
        Of the sphere of that volume.
    elongation : float
        Longest over shortest principal extent, voxel size included; 1 is a ball.
    contrast : float
        Signal loss against the tissue around: 0 none, 1 black.
    probability : float
        What the threshold acts on: highest in the lesion, the verifier's where one ran.
    detector : float or None
        The first stage's highest probability; None where it is not known.
    phase : str
        What a phase image says of it; empty where there is none.
    region, side : str
        Empty where they were not assessed.
    dropped_because : str
        The program's reason; empty if kept.
    decision : {"accepted", "rejected", "uncertain", "none"}
        The reader's.
    mimic : str
        What a rejected one is instead, of `vocabulary.verdicts.MIMICS`; empty where it was not said.
    reader, decided_at : str
        Who decided, and when (ISO 8601, UTC).
    origin : str
        How it came onto the list, of `review.lesion_list.ORIGINS`.
    """

    id: int
    status: str
    r_mm: float
    a_mm: float
    s_mm: float
    volume_mm3: float
    diameter_mm: float
    elongation: float
    contrast: float
    probability: float
    detector: float | None = None
    phase: str = ""
    region: str = ""
    side: str = ""
    dropped_because: str = ""
    decision: str = UNDECIDED
    mimic: str = ""
    reader: str = ""
    decided_at: str = ""
    origin: str = DETECTED_ONE

    @property
    def certainty(self) -> str:
        """What is known of it, one of `vocabulary.verdicts.CERTAINTIES`; empty if it is dropped or rejected."""
        return certainty_of(self.status, self.decision)

    @property
    def why_not_listed(self) -> str:
        """The reader's reason or the program's; empty of a lesion that is listed."""
        if self.decision == REJECTED:
            by, what = f" by {self.reader}" if self.reader else "", f": {self.mimic}" if self.mimic else ""
            return f"rejected{by}{what}"
        return "" if self.certainty else self.dropped_because

    def as_row(self, columns: Sequence[str] = COLUMNS) -> dict[str, Any]:
        """Values by column name, in the order of the columns."""
        return {name: getattr(self, name) for name in columns}


def listed(lesions: Sequence[Lesion]) -> list[Lesion]:
    """Those on the list: kept or accepted, and not rejected."""
    return [lesion for lesion in lesions if lesion.certainty]


def is_read(lesions: Sequence[Lesion]) -> bool:
    """Whether a reader has decided on any."""
    return any(lesion.decision != UNDECIDED for lesion in lesions)


def columns_of(lesions: Sequence[Lesion]) -> tuple[str, ...]:
    """Name the columns of a list: `COLUMNS` and, once a reader has decided, `REVIEW_COLUMNS`."""
    return (*COLUMNS, *(REVIEW_COLUMNS if is_read(lesions) else ()))


def checked_lesion(one: Fields) -> Lesion:
    """Read a lesion from a file, of this version or of 0.1.0; `WrongValueError` where a value is of another kind."""
    positive = ("volume_mm3", "diameter_mm", "elongation")
    because = one.text("dropped_because", default="")
    decision = one.text("decision", default="") and one.text("decision", choices=(*DECISIONS, UNDECIDED))
    status = one.text("status", choices=(*STATUSES, *STATUS_OF_0_1_0))
    if decision == REJECTED and because.startswith(REJECTED):  # 0.1.0 wrote the reader's reason over the program's
        status, because = KEPT, ""
    return Lesion(
        id=one.whole("id", least=1, most=65535),
        status=STATUS_OF_0_1_0.get(status, status),
        **{name: one.number(name) for name in ("r_mm", "a_mm", "s_mm", "contrast")},
        **{name: one.number(name, least=0) for name in positive},
        probability=one.number("probability", least=0, most=1),
        detector=one.number("detector", least=0, most=1, default=None),
        decision=decision or UNDECIDED,
        dropped_because=because,
        origin=one.text("origin", default=DETECTED_ONE),
        **{name: one.text(name, default="") for name in ("phase", "region", "side", "mimic", "reader", "decided_at")},
    )


@dataclass(frozen=True)
class LesionRules:
    """What makes a candidate a lesion."""

    threshold: float
    min_volume_mm3: float = 0.0
    max_diameter_mm: float = LARGEST_DIAMETER_MM


def find_lesions(
    probability: sitk.Image, scan: sitk.Image, brain: sitk.Image, rules: LesionRules
) -> tuple[list[Lesion], sitk.Image]:
    """List the candidates of a probability image, and label the kept ones.

    Components are 26-connected. Above the threshold each is a lesion unless a rule drops it; what
    stays below the threshold everywhere is listed as dropped too, so that an empty result is never
    unexplained. Needs no network: call it again with another threshold at any time.

    Parameters
    ----------
    probability : SimpleITK.Image
        Float, 0 to 1, on the scan's grid.
    scan : SimpleITK.Image
        Intensities, for contrast.
    brain : SimpleITK.Image
        UInt8 mask on the scan's grid.
    rules : LesionRules

    Returns
    -------
    lesions : list of Lesion
        Kept first, then dropped, each from the most probable down.
    labels : SimpleITK.Image
        UInt16 on the scan's grid; label k is the kept lesion with id k.
    """
    p = sitk.GetArrayViewFromImage(probability)
    found = Candidates(p, sitk.GetArrayViewFromImage(scan), sitk.GetArrayViewFromImage(brain), probability)
    rows = found.above(rules) + found.below(rules)
    kept = sorted((r for r in rows if not r[1].dropped_because), key=_by_probability)
    dropped = sorted((r for r in rows if r[1].dropped_because), key=_by_probability)[:MOST_CANDIDATES]

    labels = np.zeros(p.shape, np.uint16)
    lesions = []
    for number, (voxels, lesion) in enumerate(kept + dropped, start=1):
        status = DROPPED if lesion.dropped_because else KEPT
        lesions.append(replace(lesion, id=number, status=status))
        if status == KEPT:
            labels[voxels] = number
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(probability)
    return lesions, image


Voxels = tuple[NDArray[np.intp], ...]


def _by_probability(row: tuple[Voxels, Lesion]) -> tuple[float, float]:
    return (-row[1].probability, -row[1].volume_mm3)


class Candidates:
    """Components of one probability image and what can be measured on them.

    Parameters
    ----------
    p, scan, brain : arrays (z, y, x)
        `brain` is a mask, or a map of regions (`detecting.regions.Regions.tissue`), which holds values above 1.
    geometry : SimpleITK.Image
        Gives the grid.
    """

    def __init__(self, p: NDArray, scan: NDArray, brain: NDArray, geometry: sitk.Image) -> None:
        self.p, self.scan, self.brain, self.geometry = np.asarray(p, np.float32), scan, brain, geometry
        self.spacing = np.array(geometry.GetSpacing())
        self.voxel_mm3 = float(np.prod(self.spacing))
        self.any_candidate = self.p >= CANDIDATE_PROBABILITY
        self.outside = OUTSIDE_TISSUE if int(brain.max()) > 1 else OUTSIDE_BRAIN

    def above(self, rules: LesionRules) -> list[tuple[Voxels, Lesion]]:
        """Components at the threshold, with the rule that drops them if one does."""
        rows = []
        for voxels in _components(self.p >= np.float32(rules.threshold)):
            lesion = self.measured(voxels)
            outside = "" if self.brain[voxels].any() else self.outside
            rows.append((voxels, _with_reason(lesion, reason_to_drop(lesion, outside, rules))))
        return rows

    def below(self, rules: LesionRules) -> list[tuple[Voxels, Lesion]]:
        """Components at the candidate level that never reach the threshold."""
        if rules.threshold <= CANDIDATE_PROBABILITY:
            return []
        rows = []
        for voxels in _components(self.any_candidate):
            peak = self.p[voxels].max()
            if peak < np.float32(rules.threshold):
                rows.append(
                    (voxels, _with_reason(self.measured(voxels), below_threshold(float(peak), rules.threshold)))
                )
        return rows

    def measured(self, voxels: Voxels) -> Lesion:
        """Give where voxels (index arrays z, y, x; at least one) lie, how large and how dark they are; id 0."""
        index = np.column_stack(voxels[::-1]).astype(np.float64)  # x, y, z
        left, posterior, superior = self.geometry.TransformContinuousIndexToPhysicalPoint(index.mean(axis=0).tolist())
        volume = len(index) * self.voxel_mm3
        return Lesion(
            id=0,
            status=KEPT,
            r_mm=round(-left, 2),
            a_mm=round(-posterior, 2),
            s_mm=round(superior, 2),
            volume_mm3=round(volume, 2),
            diameter_mm=round(2 * (3 * volume / (4 * np.pi)) ** (1 / 3), 2),
            elongation=round(self._elongation(index), 2),
            contrast=round(self._contrast(voxels), 3),
            probability=as_listed(float(self.p[voxels].max())),
        )

    def _elongation(self, index: NDArray[np.float64]) -> float:
        offsets = (index - index.mean(axis=0)) * self.spacing
        inertia = offsets.T @ offsets / len(index) + np.diag(self.spacing**2 / 12)  # a voxel's own extent
        extent = np.sqrt(np.linalg.eigvalsh(inertia))
        return float(extent[-1] / extent[0])

    def _contrast(self, voxels: Voxels) -> float:
        margin = np.ceil(SURROUND_MM / self.spacing[::-1]).astype(int) + 1
        low = [max(0, int(v.min()) - m) for v, m in zip(voxels, margin, strict=True)]
        high = [int(v.max()) + m + 1 for v, m in zip(voxels, margin, strict=True)]
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        values = self.scan[box].astype(np.float64)
        lesion = np.zeros(values.shape, bool)
        lesion[tuple(v - a for v, a in zip(voxels, low, strict=True))] = True
        distance = ndimage.distance_transform_edt(~lesion, sampling=self.spacing[::-1])
        one_voxel = float(self.spacing.min())
        around = (distance > one_voxel) & (distance <= SURROUND_MM + one_voxel) & ~self.any_candidate[box]
        if not around.any():
            around = ~lesion
        surround = float(np.median(values[around])) if around.any() else 0.0
        if surround <= 0:
            return 0.0
        return float(np.clip(1 - values[lesion].mean() / surround, -1, 1))


def _components(mask: NDArray[np.bool_]) -> list[Voxels]:
    """Split a mask into its 26-connected components, each as index arrays (z, y, x)."""
    labels, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    parts: list[Voxels] = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        inside = np.nonzero(labels[box] == number)
        parts.append(tuple(i + s.start for i, s in zip(inside, box, strict=True)))
    return parts


def _with_reason(lesion: Lesion, reason: str) -> Lesion:
    return replace(lesion, dropped_because=reason)


def reason_to_drop(lesion: Lesion, outside: str, rules: LesionRules) -> str:
    """Say why a candidate that reaches the threshold does not count; empty if it does.

    Parameters
    ----------
    lesion : Lesion
        Its volume and diameter are looked at.
    outside : str
        What it lies outside of with all its voxels; empty if it does not.
    rules : LesionRules
    """
    if outside:
        return outside
    if lesion.volume_mm3 < rules.min_volume_mm3:
        return f"{lesion.volume_mm3:.1f} mm³ is below the smallest volume {rules.min_volume_mm3:.1f} mm³"
    if lesion.diameter_mm > rules.max_diameter_mm:
        return f"{lesion.diameter_mm:.1f} mm is larger than a microbleed ({rules.max_diameter_mm:.0f} mm)"
    return ""


def as_listed(peak: float, decimals: int = 4) -> float:
    """Round a 32-bit probability down, so that one below a threshold never reads as if it reached it."""
    return rounded_down(float(str(np.float32(peak))), decimals)


def below_threshold(peak: float, threshold: float) -> str:
    """Say why a candidate that stays below the threshold everywhere does not count."""
    decimals = decimals_of(threshold)
    return f"probability {as_listed(peak, decimals):.{decimals}f} is below the threshold {threshold_text(threshold)}"
