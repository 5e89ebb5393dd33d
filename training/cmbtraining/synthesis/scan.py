"""One simulated scan with its truth, from a label map and a seed, in five stages.

The head (`head.py`), the scanner that acquires it (`plan.py`, `scanner.py`, `received.py`), lesions and mimics in the
signal (`bodies.py`), the truth that a reader could tell (`truth.py`), and packing (`packing.py`). Phase (`echoes.py`)
is made of the same signal and leaves the scan as it is.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from .bodies import put_bodies
from .echoes import echoes_of
from .head import calibrated_head, original_head
from .packing import SimulatedScan as SimulatedScan
from .packing import packed
from .plan import planned, scanner_of
from .realism import ORIGINAL, Realism
from .received import pictured, received
from .scanner import without_lesions
from .streams import Streams
from .truth import seen, settings_of, substances_of


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
    fine_signal, acquired = without_lesions(plan, head, scanner, streams)
    shown = put_bodies(plan, head, scanner, fine_signal, acquired, streams)
    del fine_signal
    magnitude, kept = seen(
        lambda: pictured(plan, received(plan, acquired, streams), acquired.kept), shown, acquired, scanner.part
    )
    scan = packed(plan, scanner, acquired, magnitude, kept, settings_of(label_map, seed, plan, head, scanner))
    if not phase_echoes:
        return scan
    echoes, described = echoes_of(
        plan,
        scanner,
        acquired,
        [one.change for one in kept],
        streams,
        phase_echoes,
        lambda sequence: without_lesions(plan, head, replace(scanner, sequence=sequence), deepcopy(before)),
    )
    return replace(
        scan,
        settings=scan.settings | {"phase": described},
        echoes=tuple(echoes),
        substances=substances_of(acquired.bodies, scanner.part),
    )
