"""Stage three, the lesions: microbleeds and mimics are put into the acquired signal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .calcifications import draw_calcifications
from .fitted_lesions import Background, changes, draw_target, imprinted
from .head import Head
from .lesions import Change, draw_lesions, imprint
from .mimics import KINDS, draw_mimics
from .placement import draw_sites
from .plan import Plan, Scanner
from .received import Acquired
from .signal import B0_LPS
from .streams import CALCIUM, LESIONS, Streams

DROPOUT = 0.4  # of the brain's median signal: below it there is nothing left for a lesion to darken
TRIES = 2  # sites looked at for every lesion that is to be shown


@dataclass(frozen=True)
class Shown:
    """A lesion that is in the signal: what it changed, and its place if that is recorded."""

    change: Change
    place: str | None


def put_bodies(
    plan: Plan,
    head: Head,
    scanner: Scanner,
    fine_signal: NDArray[np.complex64],
    acquired: Acquired,
    streams: Streams,
) -> list[Shown]:
    """Put mimics and lesions into `acquired`; both are drawn before either is put in.

    Parameters
    ----------
    plan, head, scanner
    fine_signal : complex64 array (z, y, x)
        Without lesions, on `scanner.fine`.
    acquired : Acquired
        Gets them in its signal, mimics in its kinds and bodies, lesions in its truth.
    streams : Streams

    Returns
    -------
    list of Shown
        In the order of the truth's labels.
    """
    lesions = _lesion_changes(plan, head, scanner, fine_signal, acquired, streams)
    _put_mimics(_mimic_changes(plan, head, scanner, fine_signal, streams), acquired)
    return _put_lesions(lesions, plan, scanner, acquired)


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
) -> list[Shown]:
    """Put lesions into the signal and the truth, up to the number that was asked for."""
    tissue_level = np.median(np.abs(acquired.signal[acquired.brain]))
    voxel_mm3 = np.prod(scanner.part.spacing)
    shown: list[Shown] = []
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
        shown.append(Shown(change, place))
        acquired.truth[where][seen] = len(shown)
    return shown
