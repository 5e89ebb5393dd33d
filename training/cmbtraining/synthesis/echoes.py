"""The phase image of a scan, and the images of its earlier echoes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .contrast import Sequence
from .fitted_lesions import Background, again
from .lesions import Change, imprint
from .phase import Receiver, beyond, draw_receiver
from .plan import Plan, Scanner
from .received import Acquired, pictured, received
from .signal import B0_LPS
from .streams import PHASE, Streams

WithoutLesions = Callable[[Sequence], tuple[NDArray[np.complex64], Acquired]]


@dataclass(frozen=True)
class Echo:
    """What a scanner stores of one echo, on the scan's grid.

    Attributes
    ----------
    te_ms : float
    magnitude : SimpleITK.Image
        Int16, never weighted by phase.
    phase : SimpleITK.Image
        Int16 in the vendor's scale.
    """

    te_ms: float
    magnitude: sitk.Image
    phase: sitk.Image


def echoes_of(
    plan: Plan,
    scanner: Scanner,
    acquired: Acquired,
    lesions: list[Change],
    streams: Streams,
    count: int,
    without_lesions: WithoutLesions,
) -> tuple[list[Echo], dict[str, Any]]:
    """Give the echoes of a scan; the last is the one that the scan itself shows.

    Parameters
    ----------
    plan, scanner, acquired
        Of the scan, all its bodies in the signal.
    lesions : list of Change
        Those in the signal.
    streams : Streams
        In the state in which the scan was received.
    count : int
        Echoes are at equal steps up to the scan's echo time.
    without_lesions : callable
        Gives the signal without bodies at another echo time.

    Returns
    -------
    echoes : list of Echo
    described : dict
        What the receiver does, as `phase.Receiver.described`; ``paramagnetic`` is the sign in the images.
    """
    receiver = draw_receiver(scanner.part.shape, plan.protocol.swi, streams.topic(PHASE))
    changes = [*lesions, *(change for _, change in acquired.bodies)]
    echoes = []
    for number in range(1, count + 1):
        sequence = replace(scanner.sequence, te_s=scanner.sequence.te_s * number / count)
        is_scan = number == count
        own, there = (acquired, changes) if is_scan else _at(plan, scanner, changes, sequence, without_lesions)
        far = beyond(there, scanner.part, sequence, B0_LPS)
        turned = replace(own, signal=own.signal * np.exp(1j * far).astype(np.complex64))
        signal = received(plan, turned, streams, None if is_scan else receiver.rng)
        plain = received(plan, own, streams) if is_scan else signal  # artefacts mix the far field into magnitude
        magnitude = pictured(_unweighted(plan), plain, acquired.kept)
        echoes.append(_stored(plan, scanner, receiver, magnitude, signal, 1e3 * sequence.te_s))
    described = receiver.described()
    described["paramagnetic"] *= -1 if plan.inverted_phase else 1
    return echoes, described | {"te_ms": [round(echo.te_ms, 2) for echo in echoes]}


def _at(
    plan: Plan, scanner: Scanner, changes: list[Change], sequence: Sequence, without_lesions: WithoutLesions
) -> tuple[Acquired, list[Change]]:
    """Give the signal at another echo time with the same bodies in it."""
    fine_signal, acquired = without_lesions(sequence)
    there = []
    for change in changes:
        if plan.realism.calibrated:
            background = Background(fine_signal, scanner.fine, scanner.factors, scanner.gap, sequence, B0_LPS, np.inf)
            found = again(change.body, change.left_in_core, change.share, background)
        else:
            found = imprint(change.body, fine_signal, scanner.fine, scanner.factors, sequence, B0_LPS, scanner.gap)
        if found is not None:
            acquired.signal[found.where] += found.delta
            there.append(found)
    return acquired, there


def _unweighted(plan: Plan) -> Plan:
    return replace(plan, protocol=replace(plan.protocol, swi=False))


def _stored(
    plan: Plan,
    scanner: Scanner,
    receiver: Receiver,
    magnitude: NDArray[np.float32],
    signal: NDArray[np.complex64],
    te_ms: float,
) -> Echo:
    phase = receiver.air(scanner.grid.shape)
    x, y, z = scanner.start
    nz, ny, nx = signal.shape
    phase[z : z + nz, y : y + ny, x : x + nx] = receiver.stored(signal)
    values = np.rint(np.clip(magnitude, 0, plan.top)).astype(np.int16)
    return Echo(te_ms, scanner.whole(values), scanner.grid.image(phase))
