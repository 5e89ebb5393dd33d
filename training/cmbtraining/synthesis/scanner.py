"""Stage two, the scanner: the signal of a head without lesions, on the fine grid and in the acquired voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .covers import WHOLE
from .head import Head
from .lesions import block_mean
from .mimics import KINDS, LACUNE, VESSEL
from .plan import Plan, Scanner
from .received import Acquired
from .signal import (
    calibrated_field,
    calibrated_tissue,
    calibrated_vessels,
    complex_signal,
    original_field,
    original_tissue,
    original_vessels,
)
from .streams import Streams

VESSEL_SEEN = 0.05  # part of an acquired voxel from which it counts as vessel


def without_lesions(
    plan: Plan, head: Head, scanner: Scanner, streams: Streams
) -> tuple[NDArray[np.complex64], Acquired]:
    """Give the signal of tissue and vessels: on the fine grid (complex array (z, y, x)), and as it is acquired."""
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
