"""One simulated scan with its truth, from a label map and a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from .calcifications import draw_calcifications
from .conspicuity import told_by_a_reader
from .covers import WHOLE
from .echoes import Echo, echoes_of
from .fitted_lesions import Background, changes, draw_target, imprinted
from .grid import Grid
from .head import Head, calibrated_head, original_head
from .lesions import Change, block_mean, draw_lesions, imprint
from .mimics import KINDS, LACUNE, VESSEL, draw_mimics
from .placement import draw_sites
from .plan import Plan, Scanner, planned, scanner_of
from .realism import ORIGINAL, Realism
from .received import Acquired, pictured, received
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
from .streams import CALCIUM, LESIONS, Streams
from .truth import rows_of, settings_of, substances_of

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
        Label map, seed, protocol, sequence, stripped or not; with phase, what its receiver does.
    echoes : tuple of Echo
        With phase: earlier echoes first; the last is the one that `image` shows.
    substances : list of dict
        With phase: as `truth.substances_of`.
    """

    image: sitk.Image
    mask: sitk.Image
    mimics: sitk.Image
    lesions: list[dict[str, Any]]
    settings: dict[str, Any]
    echoes: tuple[Echo, ...] = ()
    substances: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Shown:
    """A lesion that is in the signal: what it changed, and its place if that is recorded."""

    change: Change
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
    phase_echoes: int = 0,
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
    phase_echoes : int
        Echoes of which phase is given, the scan's own and earlier ones; 0: none. The scan is the same with and
        without.

    Returns
    -------
    SimulatedScan
    """
    streams = Streams.of(seed)
    plan = planned(
        streams, protocol, lesions, skull_stripped, highest, slice_mm, cortical_veins, mimics, inverted_phase, realism
    )
    head = (calibrated_head if realism.calibrated else original_head)(label_map, plan.cover, mimics, streams)
    scanner = scanner_of(plan, head, streams)
    before = deepcopy(streams) if phase_echoes > 1 else streams
    fine_signal, acquired = _without_lesions(plan, head, scanner, streams)
    drawn = _lesion_changes(plan, head, scanner, fine_signal, acquired, streams)
    _put_mimics(_mimic_changes(plan, head, scanner, fine_signal, streams), acquired)
    shown = _put_lesions(drawn, plan, scanner, acquired)
    del fine_signal, drawn
    magnitude, kept = _seen(
        lambda: pictured(plan, received(plan, acquired, streams), acquired.kept), shown, acquired, scanner.part
    )
    acquired.kinds[acquired.truth > 0] = 0
    values = np.rint(np.clip(magnitude, 0, plan.top)).astype(np.int16)
    image, mask, kinds = (scanner.whole(one) for one in (values, acquired.truth, acquired.kinds))
    settings = settings_of(label_map, seed, plan, head, scanner)
    scan = SimulatedScan(image, mask, kinds, rows_of(mask, [one.place for one in kept]), settings)
    if not phase_echoes:
        return scan
    echoes, described = echoes_of(
        plan,
        scanner,
        acquired,
        [one.change for one in kept],
        streams,
        phase_echoes,
        lambda sequence: _without_lesions(plan, head, replace(scanner, sequence=sequence), deepcopy(before)),
    )
    return replace(
        scan,
        settings=settings | {"phase": described},
        echoes=tuple(echoes),
        substances=substances_of(acquired.bodies, scanner.part),
    )


def _without_lesions(
    plan: Plan, head: Head, scanner: Scanner, streams: Streams
) -> tuple[NDArray[np.complex64], Acquired]:
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
    return fine_signal, Acquired(signal, kinds, np.zeros(part.shape, np.uint8), brain, kept)


def _lesion_changes(
    plan: Plan,
    head: Head,
    scanner: Scanner,
    fine_signal: NDArray[np.complex64],
    acquired: Acquired,
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
    plan: Plan, head: Head, scanner: Scanner, fine_signal: NDArray[np.complex64], streams: Streams
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


def _put_mimics(changed: Iterable[tuple[Change | None, str]], acquired: Acquired) -> None:
    for change, kind in changed:
        if change is not None:
            acquired.signal[change.where] += change.delta
            acquired.kinds[change.where][change.visible] = 1 + KINDS.index(kind)
            acquired.bodies.append((kind, change))


def _put_lesions(
    drawn: Iterable[tuple[Change | None, str | None]], plan: Plan, scanner: Scanner, acquired: Acquired
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
        where, visible = change.where, change.visible
        free = acquired.brain[where] & (acquired.truth[where] == 0)
        seen = visible & free & (np.abs(acquired.signal[where]) > DROPOUT * tissue_level)
        if seen.sum() < visible.sum() / 2 or seen.sum() * voxel_mm3 < np.pi / 6 * plan.realism.smallest_mm**3:
            continue  # neither shown nor listed: at the edge, in dropout, or too small for a reader to tell
        acquired.signal[where] += change.delta
        shown.append(_Shown(change, place))
        acquired.truth[where][seen] = len(shown)
    return shown


def _seen(
    shot: Callable[[], NDArray[np.float32]], shown: list[_Shown], acquired: Acquired, part: Grid
) -> tuple[NDArray[np.float32], list[_Shown]]:
    """Receive the scan, take out again what nobody could tell from its surroundings, and list what is left."""
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
