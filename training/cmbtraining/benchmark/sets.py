"""The benchmark's two sets of simulated scans, from label maps that no model is trained on.

``forty`` has all geometries alike and up to 40 lesions a scan; models up to 0.3.0 were measured on it.
``valdo-load`` has VALDO's geometries and numbers of lesions, and is simulated with the calibrated simulator.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..synthesis.acquisition import PROTOCOLS
from ..synthesis.load import VALDO_COUNTS
from ..synthesis.realism import CALIBRATED, ORIGINAL, Realism
from ..synthesis.scan import SimulatedScan, simulate

LABEL_MAPS = (13, 14, 15, 16)  # counted from 1; training uses 1 to 11, choices are made on 12
SCANS, WITHOUT_LESIONS = 40, 8
SEED = 20261

FORTY, VALDO_LOAD = "forty", "valdo-load"
VALDO_LOAD_SEED = 20_271_000
# VALDO's 50 subjects with microbleeds as they are; 10 without stand for its 22
VALDO_LESIONS = (0,) * 10 + tuple(count for count in VALDO_COUNTS if count)
# 11 SABRE, 34 RSS and 27 ALFA subjects of VALDO scaled to 48, and 12 clinical scans
VALDO_PROTOCOLS = {"sabre": 7, "rss": 23, "alfa": 18, "clinical-t2s": 6, "clinical-swi": 6}
EXACT_UP_TO, TOLERANCE = 4, 0.25  # 1 is not 2, 2-4 is one class of burden; above, a quarter more or less will do
ATTEMPTS = 8
SEEDS_A_SCAN = 10
MOST_PLACED = 255  # the simulator numbers lesions in eight bits


@dataclass(frozen=True)
class BenchmarkScan:
    """One scan of a set: what it is made from.

    Attributes
    ----------
    subject : str
    label_map : Path
    seed : int
    protocol : str
        A key of `synthesis.acquisition.PROTOCOLS`.
    lesions : int or None
        To place, of which some may be too faint to see; drawn by the simulator if None.
    visible : int or None
        How many are to be seen; `make_scan` tries other seeds until it is so. None takes what comes.
    realism : Realism
        The simulator's ranges.
    """

    subject: str
    label_map: Path
    seed: int
    protocol: str
    lesions: int | None
    visible: int | None = None
    realism: Realism = ORIGINAL


def benchmark_scans(label_maps: Path) -> list[BenchmarkScan]:
    """Plan the set of 40; the same every time.

    Parameters
    ----------
    label_maps : Path
        Folder of the 16 label maps.

    Raises
    ------
    FileNotFoundError
        There are fewer than 16.
    """
    maps = _held_out(label_maps)
    protocols = list(PROTOCOLS)
    scans = []
    for n in range(SCANS):
        protocol = protocols[n % len(protocols)]
        subject = f"sub-{1 + n % len(protocols)}{n + 1:02d}"
        empty = n >= SCANS - WITHOUT_LESIONS
        scans.append(BenchmarkScan(subject, maps[n % len(maps)], SEED + n, protocol, 0 if empty else None))
    return scans


def valdo_load_scans(label_maps: Path) -> list[BenchmarkScan]:
    """Plan the set of 60 with VALDO's load of lesions and its geometries; the same every time.

    Parameters
    ----------
    label_maps : Path
        Folder of the 16 label maps.

    Raises
    ------
    FileNotFoundError
        There are fewer than 16.
    """
    maps = _held_out(label_maps)
    rng = np.random.default_rng(VALDO_LOAD_SEED)
    lesions = rng.permutation(VALDO_LESIONS).tolist()
    protocols = rng.permutation([name for name, scans in VALDO_PROTOCOLS.items() for _ in range(scans)]).tolist()
    cohorts = list(PROTOCOLS)
    return [
        BenchmarkScan(
            subject=f"sub-{1 + cohorts.index(protocol)}{n + 1:02d}",
            label_map=maps[n % len(maps)],
            seed=VALDO_LOAD_SEED + n * SEEDS_A_SCAN,
            protocol=protocol,
            lesions=count,
            visible=count,
            realism=CALIBRATED,
        )
        for n, (protocol, count) in enumerate(zip(protocols, lesions, strict=True))
    ]


SETS: dict[str, Callable[[Path], list[BenchmarkScan]]] = {FORTY: benchmark_scans, VALDO_LOAD: valdo_load_scans}


def make_scan(scan: BenchmarkScan, out: Path, inverted_phase: bool = False) -> None:
    """Simulate one scan unless it is there; the truth is written last."""
    folder = out / scan.subject
    done = folder / f"{scan.subject}_truth.json"
    if done.exists():
        return
    made = _simulated(scan, inverted_phase)
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{scan.subject}_space-T2S"
    sitk.WriteImage(made.image, str(folder / f"{stem}_desc-masked_T2S.nii.gz"), True)
    sitk.WriteImage(made.mask > 0, str(folder / f"{stem}_CMB.nii.gz"), True)
    sitk.WriteImage(made.mimics, str(folder / f"{stem}_mimics.nii.gz"), True)
    done.write_text(json.dumps({"lesions": made.lesions, "simulation": made.settings}, indent=1))


def enough(seen: int, wanted: int) -> bool:
    """Say whether so many visible lesions will do: exact up to 4, within a quarter above."""
    return abs(seen - wanted) <= (0 if wanted <= EXACT_UP_TO else TOLERANCE * wanted)


def _simulated(scan: BenchmarkScan, inverted_phase: bool) -> SimulatedScan:
    """Simulate with the next seed until as many lesions are seen as wanted; after `ATTEMPTS`, take the nearest.

    Lesions too faint to see are taken out again by the simulator, so more are placed where many are wanted. A head
    that cannot hold so many gives what it holds.
    """

    def attempt(number: int, lesions: int | None) -> SimulatedScan:
        return simulate(
            scan.label_map,
            scan.seed + number,
            protocol=scan.protocol,
            lesions=lesions,
            inverted_phase=inverted_phase,
            realism=scan.realism,
        )

    best = made = attempt(0, scan.lesions)
    wanted, placed = scan.visible, scan.lesions
    if wanted is None or placed is None:
        return best
    for number in range(1, ATTEMPTS):
        seen = len(made.lesions)
        if enough(seen, wanted):
            return made
        if wanted > EXACT_UP_TO and seen:
            placed = min(round(placed * wanted / seen), MOST_PLACED)
        made = attempt(number, placed)
        best = min(best, made, key=lambda one: abs(len(one.lesions) - wanted))
    return best


def _held_out(label_maps: Path) -> list[Path]:
    maps = sorted(label_maps.glob("*.nii*"))
    if len(maps) < max(LABEL_MAPS):
        raise FileNotFoundError(f"{label_maps} holds {len(maps)} label maps, the benchmark needs {max(LABEL_MAPS)}")
    return [maps[number - 1] for number in LABEL_MAPS]
