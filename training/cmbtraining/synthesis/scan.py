"""One simulated scan with its truth, from a label map and a seed."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from .acquisition import PROTOCOLS, add_noise, draw_grid, draw_sequence, shading, spoil, swi_magnitude
from .anatomy import Anatomy, read_anatomy
from .conspicuity import told_by_a_reader
from .contrast import BRAIN_LABELS, VENOUS_BLOOD, Sequence, ernst_signal, signal_map, susceptibility_map
from .grid import Grid
from .lesions import block_mean, draw_lesions, imprint
from .mimics import KINDS, LACUNE, VESSEL, draw_mimics, white_matter_lesions, with_lacunes
from .susceptibility import dipole_field
from .vessels import draw_arteries, draw_veins, filled_fraction

FINE_IN_PLANE_MM, FINE_THROUGH_MM = 0.65, 0.8  # acquired voxels are split down to about this
DROPOUT = 0.4  # of the brain's median signal: below it there is nothing left for a lesion to darken
B0_LPS = np.array([0.0, 0.0, 1.0])
VESSEL_SEEN = 0.05  # part of an acquired voxel from which it counts as vessel
SMALLEST_MM = 1.5  # field-notes.md: one in twenty of VALDO's lesions is below 2 mm


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
        ``r_mm, a_mm, s_mm, diameter_mm`` (sphere of the mask's volume), in the order of the labels.
    settings : dict
        Label map, seed, protocol, sequence, stripped or not.
    """

    image: sitk.Image
    mask: sitk.Image
    mimics: sitk.Image
    lesions: list[dict[str, float]]
    settings: dict[str, Any]


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
) -> SimulatedScan:
    """Simulate a T2*-weighted or SWI scan; the same arguments give the same scan.

    Parameters
    ----------
    label_map : Path
        FreeSurfer label values, whole head.
    seed : int
    protocol : str, optional
        A key of `acquisition.PROTOCOLS`; drawn if not given.
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

    Returns
    -------
    SimulatedScan
    """
    rng = np.random.default_rng(seed)
    name = protocol or str(rng.choice(list(PROTOCOLS)))
    chosen = PROTOCOLS[name]
    if slice_mm is not None:
        chosen = replace(chosen, slice_mm=(slice_mm, slice_mm))
    stripped = bool(rng.random() < 0.5) if skull_stripped is None else skull_stripped
    count = int(rng.integers(0, 40)) if lesions is None else lesions
    top = float(np.exp(rng.uniform(np.log(255), np.log(30000)))) if highest is None else highest

    anatomy = read_anatomy(label_map, rng)
    sequence = draw_sequence(chosen, rng)
    other = np.random.default_rng([seed, 1])  # of its own, so that the anatomy is the same with and without mimics
    anatomy, holes = with_lacunes(anatomy, other) if mimics else (anatomy, np.zeros(anatomy.labels.shape, bool))
    brain = np.isin(anatomy.labels, BRAIN_LABELS)
    tissue = brain & (anatomy.labels != 24)  # label 24, CSF, runs down the spinal canal
    grid = draw_grid(chosen, anatomy.points(tissue), rng)
    part, start = _imaged_part(grid, anatomy, brain if stripped else anatomy.labels > 0)

    factors = np.maximum(1, np.rint(part.spacing / [FINE_IN_PLANE_MM, FINE_IN_PLANE_MM, FINE_THROUGH_MM])).astype(int)
    fine = part.subdivided(factors)
    gap = int(mimics and factors[2] >= 4 and other.random() < 0.3)
    fine_signal, vessels = _signal_without_lesions(
        anatomy, fine, sequence, cortical_veins, rng, other if mimics else None
    )
    acquired = block_mean(fine_signal, factors, gap)
    kinds = (block_mean(vessels, factors, gap) > VESSEL_SEEN).astype(np.uint8) * (1 + KINDS.index(VESSEL))
    kinds[part.sample(anatomy.image_of(holes.astype(np.uint8)), 0.0) > 0.5] = 1 + KINDS.index(LACUNE)
    del vessels

    inside_brain = part.sample(anatomy.image_of(brain.astype(np.uint8)), 0.0) > 0.5
    truth = np.zeros(part.shape, np.uint8)
    drawn = draw_lesions(anatomy, count, rng)
    changes = [imprint(lesion, fine_signal, fine, factors, sequence, B0_LPS, gap) for lesion in drawn]
    for mimic in draw_mimics(anatomy, other) if mimics else []:
        found = imprint(mimic.body, fine_signal, fine, factors, sequence, B0_LPS, gap)
        if found is not None:
            where, delta, visible = found
            acquired[where] += delta
            kinds[where][visible] = 1 + KINDS.index(mimic.kind)
    del fine_signal
    label = 0
    tissue_level = np.median(np.abs(acquired[inside_brain]))
    shown: list[tuple[tuple[slice, slice, slice], NDArray[np.complex64]]] = []
    for change in changes:
        if change is None:
            continue
        where, delta, visible = change
        free = inside_brain[where] & (truth[where] == 0)
        seen = visible & free & (np.abs(acquired[where]) > DROPOUT * tissue_level)
        if seen.sum() < visible.sum() / 2 or seen.sum() * np.prod(part.spacing) < np.pi / 6 * SMALLEST_MM**3:
            continue  # neither shown nor listed: at the edge, in dropout, or too small for a reader to tell
        acquired[where] += delta
        shown.append((where, delta))
        label += 1
        truth[where][seen] = label

    def received() -> NDArray[np.float32]:
        """What the scanner gives; the same noise and artefacts each time."""
        signal = spoil(acquired, deepcopy(other)) if mimics else acquired
        signal = np.conj(signal) if inverted_phase else signal
        values = _received(signal, chosen.swi, inside_brain if stripped else None, deepcopy(rng))
        return values * np.float32(top / np.percentile(values[values > 0], 99.9))

    magnitude = received()
    kept = told_by_a_reader(magnitude, truth, inside_brain, part.spacing)
    if len(kept) < label:  # what nobody could tell from its surroundings is taken out again
        for number in set(range(1, label + 1)) - set(kept):
            where, delta = shown[number - 1]
            acquired[where] -= delta
        renumbered = np.zeros(label + 1, np.uint8)
        renumbered[kept] = range(1, len(kept) + 1)
        truth = renumbered[truth]
        magnitude = received()
    kinds[truth > 0] = 0
    image, mask, kinds_image = (
        grid.image(_on_whole_grid(values, grid, start))
        for values in (np.rint(np.clip(magnitude, 0, top)).astype(np.int16), truth, kinds)
    )
    settings = {
        "label_map": label_map.name,
        "seed": seed,
        "protocol": name,
        "skull_stripped": stripped,
        "b0_t": sequence.b0_t,
        "te_ms": round(1e3 * sequence.te_s, 2),
        "tr_ms": round(1e3 * sequence.tr_s, 1),
        "flip_deg": round(sequence.flip_deg, 1),
        "swi": chosen.swi,
        "cortical_veins": cortical_veins,
        "mimics": mimics,
        "slice_gap": round(gap / int(factors[2]), 2),
    }
    return SimulatedScan(image, mask, kinds_image, lesion_table(mask), settings)


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


def _box_mm(anatomy: Anatomy, where: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ranges = [np.flatnonzero(where.any(axis=tuple(k for k in range(3) if k != axis))) for axis in (2, 1, 0)]
    return (
        anatomy.origin_mm + [r[0] for r in ranges],
        anatomy.origin_mm + [r[-1] for r in ranges],
    )


def _imaged_part(grid: Grid, anatomy: Anatomy, where: NDArray[np.bool_]) -> tuple[Grid, NDArray[np.intp]]:
    """Cut the grid to what holds anything: the rest of the matrix is air."""
    low_mm, high_mm = _box_mm(anatomy, where)
    corners = np.array(np.meshgrid(*zip(low_mm, high_mm, strict=True))).reshape(3, -1).T
    index = grid.to_index(corners)
    size = np.array(grid.size)
    start = np.clip(np.floor(index.min(axis=0)).astype(int) - 2, 0, size - 1)
    stop = np.clip(np.ceil(index.max(axis=0)).astype(int) + 3, start + 1, size)
    return grid.part(start, stop), start


def _signal_without_lesions(
    anatomy: Anatomy,
    fine: Grid,
    sequence: Sequence,
    cortical_veins: int | None,
    rng: np.random.Generator,
    other: np.random.Generator | None,
) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """Magnitude and phase of tissue and vessels on the fine grid, and the part of each voxel that is vessel."""
    tissue = signal_map(anatomy.labels, sequence, rng)
    if other is not None:
        tissue *= white_matter_lesions(anatomy, other)
    magnitude = fine.sample(anatomy.image_of(tissue), 0.0)
    large = dipole_field(susceptibility_map(anatomy.labels, rng), (1.0, 1.0, 1.0), B0_LPS, pad=32)
    shift = fine.sample(anatomy.image_of(large), 0.0)

    veins = filled_fraction(draw_veins(anatomy, rng, cortical_veins), fine, rng)
    blood = ernst_signal(VENOUS_BLOOD, sequence) * rng.uniform(0.5, 1.1)
    magnitude += veins * (np.float32(blood) - magnitude)
    vessels = veins.copy()
    if other is not None:  # arteries: dark where flow dephases, bright where fresh blood flows in
        arteries = filled_fraction(draw_arteries(anatomy, other), fine, other)
        magnitude += arteries * (np.float32(blood * other.choice([0.1, 0.3, 1.0, 1.8])) - magnitude)
        np.maximum(vessels, arteries, out=vessels)
    veins *= np.float32(VENOUS_BLOOD.ppm * rng.uniform(0.8, 1.25))
    shift += dipole_field(veins, fine.spacing, fine.direction.T @ B0_LPS)

    shift *= np.float32(sequence.radians_per_ppm)
    signal = np.empty(magnitude.shape, np.complex64)
    np.cos(shift, out=signal.real)
    np.sin(shift, out=signal.imag)
    signal *= magnitude
    return signal, vessels


def _received(
    acquired: NDArray[np.complex64], swi: bool, keep: NDArray[np.bool_] | None, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Shade, add noise, take the magnitude or SWI, and strip the skull if asked."""
    signal = acquired * shading(acquired.shape, rng)
    tissue = np.abs(signal)
    reference = float(np.median(tissue[tissue > 0.3 * tissue.max()]))
    signal = add_noise(signal, reference / rng.uniform(15, 60), rng)
    magnitude = swi_magnitude(signal) if swi else np.abs(signal)
    if keep is not None:
        magnitude = magnitude * ndimage.binary_dilation(ndimage.binary_closing(keep, iterations=2))
    return magnitude.astype(np.float32)


def _on_whole_grid(values: NDArray[Any], grid: Grid, start: NDArray[np.intp]) -> NDArray[Any]:
    x, y, z = start
    nz, ny, nx = values.shape
    whole = np.zeros(grid.shape, values.dtype)
    whole[z : z + nz, y : y + ny, x : x + nx] = values
    return whole
