"""What the scanner receives and makes of it: artefacts, shading, noise, magnitude or SWI, the brain mask."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .acquisition import add_noise, shading, spoil, swi_magnitude
from .lesions import Change
from .plan import Plan
from .streams import Streams


@dataclass
class Acquired:
    """The acquired signal on the imaged part while it is made, and what is known of its voxels (arrays (z, y, x)).

    `bodies` are the mimics in it that disturb the field, each with its kind.
    """

    signal: NDArray[np.complex64]
    kinds: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    brain: NDArray[np.bool_]
    kept: NDArray[np.bool_] | None
    bodies: list[tuple[str, Change]] = field(default_factory=list)


def received(
    plan: Plan, acquired: Acquired, streams: Streams, noise: np.random.Generator | None = None
) -> NDArray[np.complex64]:
    """Give the signal with artefacts, shading and noise: the same ones each time, unless other `noise` is given."""
    signal = spoil(acquired.signal, deepcopy(streams.mimics)) if plan.mimics else acquired.signal
    signal = np.conj(signal) if plan.inverted_phase else signal
    rng = deepcopy(streams.main)
    signal = signal * shading(signal.shape, rng)
    tissue = np.abs(signal)
    if plan.realism.calibrated:  # bright inflow is no measure of tissue
        reference = float(np.median(tissue[acquired.brain]))
    else:
        reference = float(np.median(tissue[tissue > 0.3 * tissue.max()]))
    return add_noise(signal, reference / rng.uniform(15, 60), noise or rng)


def pictured(plan: Plan, signal: NDArray[np.complex64], kept: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Give the magnitude, or SWI, of a received signal, in the scan's intensities."""
    magnitude = swi_magnitude(signal) if plan.protocol.swi else np.abs(signal)
    if kept is not None:
        magnitude = magnitude * kept
    values = magnitude.astype(np.float32)
    highest = values.max() if plan.realism.calibrated else np.percentile(values[values > 0], 99.9)
    return values * np.float32(plan.top / highest)
