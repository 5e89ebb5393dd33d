"""One simulated scan with its truth, from a label map and a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from .acquisition import ALL_PROTOCOLS, Protocol, add_noise, draw_grid, draw_sequence, shading, spoil, swi_magnitude
from .calcifications import draw_calcifications
from .conspicuity import told_by_a_reader
from .contrast import Sequence
from .covers import WHOLE, Cover, draw_cover
from .fitted_lesions import Background, Change, changes, draw_target, imprinted
from .grid import Grid
from .head import Head, calibrated_head, cover_asked, imaged_part, original_head
from .lesions import block_mean, draw_lesions, imprint
from .load import draw_count
from .mimics import KINDS, LACUNE, VESSEL, draw_mimics
from .placement import draw_sites
from .realism import ORIGINAL, Realism
from .signal import (
    B0_LPS,
    calibrated_field,
    calibrated_tissue,
    calibrated_vessels,
    complex_signal,
    original_field,
    original_tissue,
    original_vessels,
)
from .streams import CALCIUM, COVER, LESIONS, LOAD, Streams

FINE_IN_PLANE_MM = 0.65  # acquired voxels are split down to about this
DROPOUT = 0.4  # of the brain's median signal: below it there is nothing left for a lesion to darken
VESSEL_SEEN = 0.05  # part of an acquired voxel from which it counts as vessel
TRIES = 2  # sites looked at for every lesion that is to be shown


@dataclass(frozen=True)
class SimulatedScan:
    """A scan, its truth and how it was made.

    Attributes
    ----------
    image : SimpleITK.Image
        Int16 magnitude.
    mask : SimpleITK.Image
        UInt8, label k = lesion k, on the grid of `image`.
    mimics : SimpleITK.Image
        UInt8, value k = `mimics.KINDS` k - 1, on the grid of `image`.
    lesions : list of dict
        ``r_mm, a_mm, s_mm, diameter_mm`` (sphere of the mask's volume), in the order of the labels; ``place``
        (one of `placement.PLACES`) where the scan is calibrated.
    settings : dict
        Label map, seed, protocol, sequence, stripped or not.
    """

    image: sitk.Image
    mask: sitk.Image
    mimics: sitk.Image
    lesions: list[dict[str, Any]]
    settings: dict[str, Any]


@dataclass(frozen=True)
class _Plan:
    """What is asked of a scan, or drawn where it is not."""

    name: str
    protocol: Protocol
    cover: Cover
    count: int
    top: float
    cortical_veins: int | None
    mimics: bool
    inverted_phase: bool
    realism: Realism


@dataclass(frozen=True)
class _Scanner:
    """Sequence and grids: the whole matrix, the part that holds anything, its first voxel, and how it is split."""

    sequence: Sequence
    grid: Grid
    part: Grid
    start: NDArray[np.intp]
    factors: NDArray[np.int_]
    fine: Grid
    gap: int


@dataclass
class _Acquired:
    """The acquired signal on the imaged part while it is made, and what is known of its voxels (arrays (z, y, x))."""

    signal: NDArray[np.complex64]
    kinds: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    brain: NDArray[np.bool_]
    kept: NDArray[np.bool_] | None


@dataclass(frozen=True)
class _Shown:
    """A lesion that is in the signal: where, what it changed, and its place if that is recorded."""

    where: tuple[slice, slice, slice]
    delta: NDArray[np.complex64]
    place: str | None


def simulate(
    label_map: Path,
    seed: int,
    *,
    protocol: str | None = None,
    lesions: int | None = None,
    skull_stripped: bool | None = None,
    highest: float | None = None,
    slice_mm: float | None = None,
    cortical_veins: int | None = None,
    mimics: bool = True,
    inverted_phase: bool = False,
    realism: Realism = ORIGINAL,
) -> SimulatedScan:
    """Simulate a T2*-weighted or SWI scan; the same arguments give the same scan.

    Parameters
    ----------
    label_map : Path
        FreeSurfer label values, whole head; calibrated scans also take maps of the brain only.
    seed : int
    protocol : str, optional
        A key of `acquisition.ALL_PROTOCOLS`; drawn from the realism's if not given.
    lesions : int, optional
        Lesions to place (those that could not be seen are left out); drawn if not given.
    skull_stripped : bool, optional
        As VALDO's images are; drawn if not given.
    highest : float, optional
        Largest intensity of the image; drawn between 255 and 30,000 if not given.
    slice_mm : float, optional
        Slice thickness; drawn from the protocol's range if not given.
    cortical_veins : int, optional
        Drawn if not given.
    mimics : bool
        Whether calcifications, cavernomas, arteries, lacunes, white-matter lesions and the scanner's
        artefacts may be there; veins and sinuses always are.
    inverted_phase : bool
        Whether the SWI filter takes the phase with the other sign, as in an export of the other convention.
    realism : Realism
        `realism.ORIGINAL`, which the benchmark set is made with, or `realism.CALIBRATED`.

    Returns
    -------
    SimulatedScan
    """
    streams = Streams.of(seed)
    plan = _planned(
        streams, protocol, lesions, skull_stripped, highest, slice_mm, cortical_veins, mimics, inverted_phase, realism
    )
    head = (calibrated_head if realism.calibrated else original_head)(label_map, plan.cover, mimics, streams)
    scanner = _scanner(plan, head, streams)
    fine_signal, acquired = _without_lesions(plan, head, scanner, streams)
    drawn = _lesion_changes(plan, head, scanner, fine_signal, acquired, streams)
    _put_mimics(_mimic_changes(plan, head, scanner, fine_signal, streams), acquired)
    shown = _put_lesions(drawn, plan, scanner, acquired)
    del fine_signal, drawn
    magnitude, kept = _seen(lambda: _scanned(plan, acquired, streams), shown, acquired, scanner.part)
    acquired.kinds[acquired.truth > 0] = 0
    image, mask, kinds = (
        scanner.grid.image(_on_whole_grid(values, scanner.grid, scanner.start))
        for values in (np.rint(np.clip(magnitude, 0, plan.top)).astype(np.int16), acquired.truth, acquired.kinds)
    )
    settings = _settings(label_map, seed, plan, head, scanner)
    return SimulatedScan(image, mask, kinds, _rows(mask, kept), settings)


def _planned(
    streams: Streams,
    protocol: str | None,
    lesions: int | None,
    skull_stripped: bool | None,
    highest: float | None,
    slice_mm: float | None,
    cortical_veins: int | None,
    mimics: bool,
    inverted_phase: bool,
    realism: Realism,
) -> _Plan:
    """Draw what was not asked for."""
    rng = streams.main
    name = protocol or str(rng.choice(list(realism.protocols)))
    chosen = ALL_PROTOCOLS[name]
    if slice_mm is not None:
        chosen = replace(chosen, slice_mm=(slice_mm, slice_mm), common_slice_mm=())
    stripped = bool(rng.random() < 0.5) if skull_stripped is None else skull_stripped
    count = lesions
    if count is None:
        count = draw_count(realism.load, streams.topic(LOAD) if realism.calibrated else rng)
    top = float(np.exp(rng.uniform(np.log(255), np.log(30000)))) if highest is None else highest
    by_protocol = realism.calibrated and skull_stripped is None
    cover = draw_cover(name, streams.topic(COVER)) if by_protocol else cover_asked(stripped)
    return _Plan(name, chosen, cover, count, top, cortical_veins, mimics, inverted_phase, realism)


def _scanner(plan: _Plan, head: Head, streams: Streams) -> _Scanner:
    """Lay the scan's grid around the brain and split its voxels."""
    sequence = draw_sequence(plan.protocol, streams.main)
    grid = draw_grid(plan.protocol, head.anatomy.points(head.tissue), streams.main)
    part, start = imaged_part(grid, head.anatomy, head.kept)
    finest_mm = [FINE_IN_PLANE_MM, FINE_IN_PLANE_MM, plan.realism.fine_through_mm]
    factors = np.maximum(1, np.rint(part.spacing / finest_mm)).astype(int)
    gap = int(plan.mimics and factors[2] >= 4 and streams.mimics.random() < 0.3)
    return _Scanner(sequence, grid, part, start, factors, part.subdivided(factors), gap)


def _without_lesions(
    plan: _Plan, head: Head, scanner: _Scanner, streams: Streams
) -> tuple[NDArray[np.complex64], _Acquired]:
    """Signal of tissue and vessels: on the fine grid, and as it is acquired."""
    made_tissue, made_field, made_vessels = (
        (calibrated_tissue, calibrated_field, calibrated_vessels)
        if plan.realism.calibrated
        else (original_tissue, original_field, original_vessels)
    )
    anatomy, fine, part = head.anatomy, scanner.fine, scanner.part
    magnitude = fine.sample(anatomy.image_of(made_tissue(head, scanner.sequence, plan.mimics, streams)), 0.0)
    shift = fine.sample(anatomy.image_of(made_field(head, streams.main)), 0.0)
    vessels = made_vessels(head, fine, scanner.sequence, plan.cortical_veins, plan.mimics, streams)
    seen = block_mean(vessels.seen(), scanner.factors, scanner.gap) > VESSEL_SEEN
    kinds = seen.astype(np.uint8) * (1 + KINDS.index(VESSEL))
    kinds[part.sample(anatomy.image_of(head.lacunes.astype(np.uint8)), 0.0) > 0.5] = 1 + KINDS.index(LACUNE)
    fine_signal = complex_signal(magnitude, shift, vessels, fine, scanner.sequence)
    signal = block_mean(fine_signal, scanner.factors, scanner.gap)
    brain = part.sample(anatomy.image_of(head.brain.astype(np.uint8)), 0.0) > 0.5
    kept = None
    if plan.cover.kind != WHOLE and plan.realism.calibrated:
        kept = part.sample(anatomy.image_of(head.kept.astype(np.uint8)), 0.0) > 0.5
    elif plan.cover.kind != WHOLE:
        kept = ndimage.binary_dilation(ndimage.binary_closing(brain, iterations=2))
    return fine_signal, _Acquired(signal, kinds, np.zeros(part.shape, np.uint8), brain, kept)


def _lesion_changes(
    plan: _Plan,
    head: Head,
    scanner: _Scanner,
    fine_signal: NDArray[np.complex64],
    acquired: _Acquired,
    streams: Streams,
) -> Iterable[tuple[Change | None, str | None]]:
    """Draw lesions, and compute what each changes when it is asked for."""
    sequence, fine, factors, gap = scanner.sequence, scanner.fine, scanner.factors, scanner.gap
    if not plan.realism.calibrated:
        drawn = draw_lesions(head.anatomy, plan.count, streams.main)
        return ((imprint(lesion, fine_signal, fine, factors, sequence, B0_LPS, gap), None) for lesion in drawn)
    rng = streams.topic(LESIONS)
    sites = draw_sites(head.around_brain(), TRIES * plan.count, rng)
    pixel_mm = float(scanner.part.spacing[0])
    targets = [draw_target(site, plan.protocol.swi, pixel_mm, rng) for site in sites]
    highest = float(np.abs(acquired.signal[acquired.brain]).max())
    background = Background(fine_signal, fine, factors, gap, sequence, B0_LPS, highest)
    return zip(changes(targets, background), (site.place for site in sites), strict=True)


def _mimic_changes(
    plan: _Plan, head: Head, scanner: _Scanner, fine_signal: NDArray[np.complex64], streams: Streams
) -> Iterable[tuple[Change | None, str]]:
    """Draw calcifications and cavernomas, and compute what each changes."""
    if not plan.mimics:
        return []
    sequence, fine, factors, gap = scanner.sequence, scanner.fine, scanner.factors, scanner.gap
    if plan.realism.calibrated:
        background = Background(fine_signal, fine, factors, gap, sequence, B0_LPS, highest=np.inf)
        mimics = draw_calcifications(head.around_brain(), streams.topic(CALCIUM))
        return ((imprinted(mimic.body, background), mimic.kind) for mimic in mimics)
    mimics = draw_mimics(head.anatomy, streams.mimics)
    return ((imprint(mimic.body, fine_signal, fine, factors, sequence, B0_LPS, gap), mimic.kind) for mimic in mimics)


def _put_mimics(changed: Iterable[tuple[Change | None, str]], acquired: _Acquired) -> None:
    for change, kind in changed:
        if change is not None:
            where, delta, visible = change
            acquired.signal[where] += delta
            acquired.kinds[where][visible] = 1 + KINDS.index(kind)


def _put_lesions(
    drawn: Iterable[tuple[Change | None, str | None]], plan: _Plan, scanner: _Scanner, acquired: _Acquired
) -> list[_Shown]:
    """Put lesions into the signal and the truth, up to the number that was asked for."""
    tissue_level = np.median(np.abs(acquired.signal[acquired.brain]))
    voxel_mm3 = np.prod(scanner.part.spacing)
    shown: list[_Shown] = []
    for change, place in drawn:
        if len(shown) == plan.count:
            break
        if change is None:
            continue
        where, delta, visible = change
        free = acquired.brain[where] & (acquired.truth[where] == 0)
        seen = visible & free & (np.abs(acquired.signal[where]) > DROPOUT * tissue_level)
        if seen.sum() < visible.sum() / 2 or seen.sum() * voxel_mm3 < np.pi / 6 * plan.realism.smallest_mm**3:
            continue  # neither shown nor listed: at the edge, in dropout, or too small for a reader to tell
        acquired.signal[where] += delta
        shown.append(_Shown(where, delta, place))
        acquired.truth[where][seen] = len(shown)
    return shown


def _seen(
    received: Callable[[], NDArray[np.float32]], shown: list[_Shown], acquired: _Acquired, part: Grid
) -> tuple[NDArray[np.float32], list[_Shown]]:
    """Receive the scan, take out again what nobody could tell from its surroundings, and list what is left."""
    magnitude = received()
    kept = told_by_a_reader(magnitude, acquired.truth, acquired.brain, part.spacing)
    if len(kept) < len(shown):
        for number in set(range(1, len(shown) + 1)) - set(kept):
            acquired.signal[shown[number - 1].where] -= shown[number - 1].delta
        renumbered = np.zeros(len(shown) + 1, np.uint8)
        renumbered[kept] = range(1, len(kept) + 1)
        acquired.truth = renumbered[acquired.truth]
        magnitude = received()
    return magnitude, [shown[number - 1] for number in kept]


def _scanned(plan: _Plan, acquired: _Acquired, streams: Streams) -> NDArray[np.float32]:
    """What the scanner gives: artefacts, shading, noise, magnitude or SWI, mask; the same ones each time."""
    signal = spoil(acquired.signal, deepcopy(streams.mimics)) if plan.mimics else acquired.signal
    signal = np.conj(signal) if plan.inverted_phase else signal
    rng = deepcopy(streams.main)
    signal = signal * shading(signal.shape, rng)
    tissue = np.abs(signal)
    if plan.realism.calibrated:  # bright inflow is no measure of tissue
        reference = float(np.median(tissue[acquired.brain]))
    else:
        reference = float(np.median(tissue[tissue > 0.3 * tissue.max()]))
    signal = add_noise(signal, reference / rng.uniform(15, 60), rng)
    magnitude = swi_magnitude(signal) if plan.protocol.swi else np.abs(signal)
    if acquired.kept is not None:
        magnitude = magnitude * acquired.kept
    values = magnitude.astype(np.float32)
    highest = values.max() if plan.realism.calibrated else np.percentile(values[values > 0], 99.9)
    return values * np.float32(plan.top / highest)


def _settings(label_map: Path, seed: int, plan: _Plan, head: Head, scanner: _Scanner) -> dict[str, Any]:
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


def _rows(mask: sitk.Image, shown: list[_Shown]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [dict(row) for row in lesion_table(mask)]
    return [row if one.place is None else row | {"place": one.place} for row, one in zip(rows, shown, strict=True)]


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


def _on_whole_grid(values: NDArray[Any], grid: Grid, start: NDArray[np.intp]) -> NDArray[Any]:
    x, y, z = start
    nz, ny, nx = values.shape
    whole = np.zeros(grid.shape, values.dtype)
    whole[z : z + nz, y : y + ny, x : x + nx] = values
    return whole
