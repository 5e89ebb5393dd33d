"""Blood or calcium: what the phase says of every candidate of a scan."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ...errors import InputError
from ...reading.phase.image import PhaseImage
from ...vocabulary.reasons import BLOOD, CALCIUM, UNCLEAR
from ..candidates.void import middle_of_void
from .box import PhaseBox, without_background, wrapped
from .convention import Convention, sign_of
from .fit import DipoleFit, fitted_dipole
from .local_field import local_field
from .radians import PhaseScale, check_is_phase, is_high_passed, scale_of
from .source_field import Geometry

TOLD_FROM = 5.0
"""Certainty from which blood and calcium are told apart (Docs/phase.md, "How sure is sure")."""
TAPER_MM = 3.0  # how far from the candidate phase counts, and at least its diameter
LEAST_HALF_MM, LARGEST_HALF_MM = 7.0, 18.0
SLICES = 1.5  # a box reaches at least so many slices up and down
PER_DIAMETER = 1.2
AGAINST_FROM = 2.5  # certainty from which an answer of the other sign makes it unclear
NEAR_MM = 0.5  # from a candidate's centre to the middle of what is dark, below which it is asked once
MOST_ASSESSED = 60  # candidates, the most probable first
THREADS = 2


@dataclass(frozen=True)
class Substance:
    """What phase says of one candidate.

    Attributes
    ----------
    name : str
        `BLOOD`, `CALCIUM` or `UNCLEAR`.
    moment_rad_mm3 : float
        Of the fitted dipole, positive where it is paramagnetic; 0 where the scan's sign is not known.
    certainty : float
        The moment over its uncertainty.
    sign_is_seen : bool
        Whether the scan itself shows which sign is paramagnetic.
    """

    name: str
    moment_rad_mm3: float
    certainty: float
    sign_is_seen: bool = True

    @property
    def surely_calcium(self) -> bool:
        """Whether this is no microbleed: calcium, by a sign that the scan itself shows."""
        return self.name == CALCIUM and self.sign_is_seen


@dataclass(frozen=True)
class Place:
    """Where a candidate lies (patient RAS, mm), and how large it is."""

    r_mm: float
    a_mm: float
    s_mm: float
    diameter_mm: float


@dataclass(frozen=True)
class Echo:
    """One echo's phase on the scan's grid: its image, the scale of its values, and its echo time (ms, 0: unknown)."""

    image: sitk.Image
    scale: PhaseScale
    te_ms: float

    def radians(self, where: tuple[slice, slice, slice]) -> NDArray[np.float32]:
        """Phase in a part of the image, between -π and π."""
        scale = self.scale
        values = sitk.GetArrayViewFromImage(self.image)  # a view lives no longer than its image
        return wrapped((values[where].astype(np.float32) - np.float32(scale.zero)) * np.float32(scale.per_value))


@dataclass(frozen=True)
class PhaseSigns:
    """The phase of a scan, ready to be asked.

    Attributes
    ----------
    echoes : tuple of Echo
        The searched one last.
    level : float
        Signal of the brain.
    image, brain : SimpleITK.Image
        The scan, and above 0 in its brain.
    convention : Convention
    notes : tuple of str
        Of scale, sign and filter, worded for the user.
    """

    echoes: tuple[Echo, ...]
    level: float
    image: sitk.Image
    brain: sitk.Image
    convention: Convention
    notes: tuple[str, ...]

    def substance(self, place: Place) -> Substance:
        """Say what one candidate is.

        It is asked twice, at its own centre and at the middle of what is dark around it: a detector may outline a part
        of a body. The surer answer counts; where the two contradict each other, it is unclear.
        """
        given, spacing = self._index(place), np.array(_spacing(self.image))
        magnitude, inside = sitk.GetArrayViewFromImage(self.image), sitk.GetArrayViewFromImage(self.brain)
        middle = middle_of_void(magnitude, inside, given, spacing, place.diameter_mm)
        answers = [self._asked(given, place.diameter_mm)]
        if np.linalg.norm((middle - given) * spacing) > NEAR_MM:
            answers.append(self._asked(middle, place.diameter_mm))
        surest = max(answers, key=lambda one: one.certainty)
        against = any(
            one.moment_rad_mm3 * surest.moment_rad_mm3 < 0 and one.certainty >= AGAINST_FROM for one in answers
        )
        return replace(surest, name=UNCLEAR) if against else surest

    def _asked(self, index: NDArray[np.float64], diameter_mm: float) -> Substance:
        spacing, b0 = _spacing(self.image), _b0(self.image)
        fits: list[DipoleFit] = []
        for echo in self.echoes:
            box, centre = self._box(echo, index, diameter_mm, tapered=True)
            fits.append(fitted_dipole(box, centre, spacing, b0))
        moment, certainty = _together(fits, [echo.te_ms for echo in self.echoes])
        sign, seen = self.convention.sign, self.convention.is_seen
        if sign == 0 or certainty < TOLD_FROM:
            return Substance(UNCLEAR, sign * moment, certainty, seen)
        return Substance(BLOOD if sign * moment > 0 else CALCIUM, sign * moment, certainty, seen)

    def substances(self, places: Sequence[Place]) -> list[Substance | None]:
        """Say what candidates are, the most probable first; None of those beyond `MOST_ASSESSED`."""
        asked = places[:MOST_ASSESSED]
        left = [None] * (len(places) - len(asked))
        if self.convention.sign == 0:
            return [*[Substance(UNCLEAR, 0.0, 0.0, False) for _ in asked], *left]
        with ThreadPoolExecutor(THREADS) as pool:
            return [*pool.map(self.substance, asked), *left]

    def local_field(self, brain: sitk.Image) -> sitk.Image:
        """Give the local phase of the whole brain (`local_field.local_field`), paramagnetic positive where known."""
        return local_field(self.image, brain, self.echoes[-1].radians, self.level, self.convention.sign or 1)

    def _index(self, place: Place) -> NDArray[np.float64]:
        return np.array(self.image.TransformPhysicalPointToContinuousIndex((-place.r_mm, -place.a_mm, place.s_mm)))

    def _box(
        self, echo: Echo, index: NDArray[np.float64], diameter_mm: float, *, tapered: bool
    ) -> tuple[PhaseBox, NDArray[np.float64]]:
        spacing = np.array(_spacing(self.image))
        half = float(np.clip(PER_DIAMETER * diameter_mm, LEAST_HALF_MM, LARGEST_HALF_MM))
        halves = np.maximum(half, SLICES * spacing)
        taper = max(TAPER_MM, diameter_mm) if tapered else None
        box, low = self._cut(echo, index, halves, taper)
        return box, index - low

    def _cut(
        self, echo: Echo, index: NDArray[np.float64], halves_mm: NDArray[np.float64], taper_mm: float | None
    ) -> tuple[PhaseBox, NDArray[np.intp]]:
        spacing = np.array(_spacing(self.image))
        middle, half = np.rint(index).astype(int), np.ceil(halves_mm / spacing).astype(int)
        low = np.clip(middle - half, 0, np.array(self.image.GetSize()) - 1)
        high = np.clip(middle + half + 1, low + 1, np.array(self.image.GetSize()))
        z, y, x = (slice(int(low[k]), int(high[k])) for k in (2, 1, 0))
        where = (z, y, x)
        magnitude = sitk.GetArrayViewFromImage(self.image)
        weight = np.clip(magnitude[where].astype(np.float32) / np.float32(self.level), 0, 1) ** 2
        if taper_mm is not None:
            wx, wy, wz = (
                np.exp(-0.5 * ((np.arange(low[k], high[k]) - index[k]) * spacing[k] / taper_mm) ** 2) for k in range(3)
            )
            weight = weight * (wz[:, None, None] * wy[:, None] * wx).astype(np.float32)
        return without_background(echo.radians(where), weight), low


def read_signs(
    image: sitk.Image,
    brain: sitk.Image,
    phases: Sequence[PhaseImage],
    spots: Sequence[Place],
    *,
    mapped: bool = False,
) -> PhaseSigns:
    """Prepare the phase of a scan.

    Parameters
    ----------
    image : SimpleITK.Image
        The scan.
    brain : SimpleITK.Image
        On its grid, above 0 in the brain.
    phases : sequence of PhaseImage
        On its grid; the searched echo's last.
    spots : sequence of Place
        Round candidates, which have no say in the sign of the phase.
    mapped : bool
        Whether `brain` is a map of regions: its deep grey matter has a say in the sign.

    Returns
    -------
    PhaseSigns

    Raises
    ------
    InputError
        The searched echo's is no phase image; others are left out, and that is noted.
    """
    magnitude = sitk.GetArrayViewFromImage(image)
    inside = sitk.GetArrayViewFromImage(brain)
    echoes, notes = [], []
    for one in phases:
        values = sitk.GetArrayViewFromImage(one.image)
        try:
            check_is_phase(values, magnitude, one.name)
            scale = scale_of(values, one.name)
        except InputError as error:
            if one is phases[-1]:
                raise
            notes.append(f"One echo's phase was not used: {error}")
            continue
        echoes.append(Echo(one.image, scale, one.te_ms))
        notes.append(f"Phase {one.name}: {scale.said}.")
    if is_high_passed(sitk.GetArrayViewFromImage(phases[-1].image), echoes[-1].scale, magnitude):
        notes.append("The phase is high-passed already, as an SWI filter leaves it: large bodies look weaker in it.")
    sample = magnitude[tuple(slice(None, None, max(1, n // 64)) for n in magnitude.shape)]
    own = inside[tuple(slice(None, None, max(1, n // 64)) for n in magnitude.shape)] > 0
    level = float(np.median(sample[own])) if own.any() else float(np.percentile(sample, 90))
    signs = PhaseSigns(tuple(echoes), max(level, 1e-6), image, brain, Convention(0, "", ""), ())
    at = np.array([signs._index(spot) for spot in spots]).reshape(-1, 3)
    geometry = Geometry(_spacing(image), _b0(image))
    convention = sign_of(echoes[-1].radians, magnitude, inside, mapped, geometry, at, phases[-1].manufacturer)
    notes.append(f"Phase: {convention.said}.")
    return PhaseSigns(signs.echoes, signs.level, image, brain, convention, tuple(notes))


def _together(fits: Sequence[DipoleFit], te_ms: Sequence[float]) -> tuple[float, float]:
    """Put the moments of several echoes together, scaled to the last one's echo time, the surer the heavier."""
    known = all(te > 0 for te in te_ms)  # else they are taken for echoes of one time: a moment keeps its sign
    scales = [te_ms[-1] / te if known else 1.0 for te in te_ms]
    moments = np.array([fit.moment_rad_mm3 * scale for fit, scale in zip(fits, scales, strict=True)])
    sure = np.array([fit.certainty for fit in fits])
    errors = np.abs(moments) / np.maximum(sure, 1e-6) + 1e-9
    weights = 1 / errors**2
    moment = float((weights * moments).sum() / weights.sum())
    # echoes share what is around the body: together they are no surer than agreement makes the surest
    agreement = abs(float((np.sign(moments) * sure).sum()) / max(float(sure.sum()), 1e-9))
    return moment, float(sure.max()) * agreement


def _spacing(image: sitk.Image) -> tuple[float, float, float]:
    x, y, z = (round(size, 4) for size in image.GetSpacing())
    return x, y, z


def _b0(image: sitk.Image) -> tuple[float, float, float]:
    """Main field along the image's axes: patients lie along it, head or feet first."""
    x, y, z = (round(float(one), 4) for one in np.array(image.GetDirection()).reshape(3, 3)[2])
    return x, y, z
