"""Magnitude and phase of a head without microbleeds, on the fine grid: tissue, vessels, and the field they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .contrast import CSF, VENOUS_BLOOD, Sequence, ernst_signal, iron_loss, signal_map, susceptibility_map
from .grid import Grid
from .head import Head
from .mimics import white_matter_lesions
from .streams import VESSELS, Streams
from .susceptibility import dipole_field, shimmed
from .venous_tree import Surroundings, draw_arterial_tree, draw_perivascular_spaces, draw_venous_tree
from .vessels import draw_arteries, draw_veins, filled_fraction

B0_LPS = np.array([0.0, 0.0, 1.0])
SINUS = 514
INFLOW_SHARE, INFLOW = 0.6, (1.3, 3.2)  # fresh blood in a thick slab: brighter than tissue in most scans
SINUS_SIGNAL = (0.4, 2.2)  # slow flow dark, inflow bright
BORDER_MM = 0.6  # label maps have steps, tissue has not
VEIN_SIGNAL = (0.05, 0.55)  # of still blood: what flows in a gradient is dephased besides


@dataclass(frozen=True)
class Vessels:
    """Parts of every fine voxel (float32 arrays (z, y, x), 0 to 1) that are vessel, and what is in them.

    Attributes
    ----------
    veins, arteries, spaces : float32 array or None
        Perivascular spaces are filled with fluid.
    blood, arterial, fluid : float
        Signal of each.
    ppm : float
        Susceptibility of the veins.
    """

    veins: NDArray[np.float32]
    arteries: NDArray[np.float32] | None
    spaces: NDArray[np.float32] | None
    blood: float
    arterial: float
    fluid: float
    ppm: float

    def seen(self) -> NDArray[np.float32]:
        """Part of every voxel that is vein or artery."""
        return self.veins.copy() if self.arteries is None else np.maximum(self.veins, self.arteries)


def original_tissue(head: Head, sequence: Sequence, mimics: bool, streams: Streams) -> NDArray[np.float32]:
    """Signal (z, y, x) of the label map, as of version 0.1."""
    tissue = signal_map(head.anatomy.labels, sequence, streams.main)
    if mimics:
        tissue *= white_matter_lesions(head.anatomy, streams.mimics)
    return tissue


def calibrated_tissue(head: Head, sequence: Sequence, mimics: bool, streams: Streams) -> NDArray[np.float32]:
    """Signal (z, y, x) of the label map with an old head's iron and flow in the sinuses."""
    tissue = original_tissue(head, sequence, mimics, streams)
    tissue *= iron_loss(head.anatomy.labels, sequence, 1.0 if head.iron is None else head.iron)
    tissue[head.anatomy.labels == SINUS] *= np.float32(streams.topic(VESSELS).uniform(*SINUS_SIGNAL))
    return ndimage.gaussian_filter(tissue, BORDER_MM)


def original_vessels(
    head: Head, fine: Grid, sequence: Sequence, cortical: int | None, mimics: bool, streams: Streams
) -> Vessels:
    """Draw veins, and arteries where there are mimics, as of version 0.1."""
    rng, other = streams.main, streams.mimics
    veins = filled_fraction(draw_veins(head.anatomy, rng, cortical), fine, rng)
    blood = ernst_signal(VENOUS_BLOOD, sequence) * rng.uniform(0.5, 1.1)
    arteries, arterial = None, 0.0
    if mimics:  # dark where flow dephases, bright where fresh blood flows in
        arteries = filled_fraction(draw_arteries(head.anatomy, other), fine, other)
        arterial = blood * other.choice([0.1, 0.3, 1.0, 1.8])
    return Vessels(veins, arteries, None, blood, arterial, 0.0, VENOUS_BLOOD.ppm * rng.uniform(0.8, 1.25))


def calibrated_vessels(
    head: Head, fine: Grid, sequence: Sequence, cortical: int | None, mimics: bool, streams: Streams
) -> Vessels:
    """Draw the venous and arterial trees and the perivascular spaces of a head."""
    rng = streams.topic(VESSELS)
    anatomy = head.around_brain()
    around = Surroundings.of(anatomy)
    full = ernst_signal(VENOUS_BLOOD, sequence)
    veins = filled_fraction(draw_venous_tree(anatomy, around, rng, cortical), fine, rng)
    arteries, spaces, arterial = None, None, 0.0
    if mimics:
        arteries = filled_fraction(draw_arterial_tree(anatomy, around, rng), fine, rng)
        arterial = full * (rng.uniform(*INFLOW) if rng.random() < INFLOW_SHARE else rng.uniform(0.1, 1.0))
        spaces = filled_fraction(draw_perivascular_spaces(anatomy, around, rng), fine, rng)
    return Vessels(
        veins,
        arteries,
        spaces,
        full * rng.uniform(*VEIN_SIGNAL),
        arterial,
        ernst_signal(CSF, sequence),
        VENOUS_BLOOD.ppm * rng.uniform(0.8, 1.25),
    )


def original_field(head: Head, rng: np.random.Generator) -> NDArray[np.float32]:
    """Field shift (ppm, array (z, y, x) on the anatomy's grid) of tissue, bone and air."""
    return dipole_field(susceptibility_map(head.anatomy.labels, rng, head.iron), (1.0, 1.0, 1.0), B0_LPS, pad=32)


def calibrated_field(head: Head, rng: np.random.Generator) -> NDArray[np.float32]:
    """Give that field after shimming over the brain."""
    return shimmed(original_field(head, rng), head.tissue)


def complex_signal(
    magnitude: NDArray[np.float32], shift: NDArray[np.float32], vessels: Vessels, fine: Grid, sequence: Sequence
) -> NDArray[np.complex64]:
    """Put vessels into tissue and turn the field into phase.

    Parameters
    ----------
    magnitude, shift : float32 array (z, y, x)
        Of tissue, on the fine grid: signal, and field in ppm. Both are changed.
    vessels : Vessels
    fine : Grid
    sequence : Sequence

    Returns
    -------
    complex64 array (z, y, x)
    """
    if vessels.spaces is not None:
        magnitude += vessels.spaces * (np.float32(vessels.fluid) - magnitude)
    magnitude += vessels.veins * (np.float32(vessels.blood) - magnitude)
    if vessels.arteries is not None:
        magnitude += vessels.arteries * (np.float32(vessels.arterial) - magnitude)
    shift += dipole_field(vessels.veins * np.float32(vessels.ppm), fine.spacing, fine.direction.T @ B0_LPS)
    shift *= np.float32(sequence.radians_per_ppm)
    signal = np.empty(magnitude.shape, np.complex64)
    np.cos(shift, out=signal.real)
    np.sin(shift, out=signal.imag)
    signal *= magnitude
    return signal
