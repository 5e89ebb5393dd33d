"""Simulate a data set of scans with known microbleeds, in VALDO's file layout.

    python training/synthesize.py --label-maps LABELS/ --out simulated/ --count 60 --seed 1 --load training

Writes, per subject, ``sub-XNN/sub-XNN_space-T2S_desc-masked_T2S.nii.gz``, ``..._space-T2S_CMB.nii.gz``
(0/1), ``..._space-T2S_mimics.nii.gz`` (which kind of mimic a voxel holds) and ``sub-XNN_truth.json``
(lesions with their places, and what was simulated).
X tells the protocol: 1 SABRE, 2 RSS, 3 ALFA (VALDO's cohorts), 4 clinical T2*, 5 clinical SWI, 6 UK Biobank SWI,
7 T2* with thick slices, 8 SWI with thin slices, 9 SWI with fine pixels.

Scans are calibrated to the published figures of real ones (describe_scans.py prints both). ``--load`` says how many
microbleeds they have: ``valdo`` as VALDO's subjects (a third without, most others with one), to measure with;
``training`` 1 to 40 in nine of ten scans, so that few scans hold many examples. Label maps of the brain alone are
completed to heads. ``--phase`` writes the phase image, too, in a vendor's scale and sign
(``sub-XNN_space-T2S_part-phase_T2S.nii.gz`` with its sidecar), ``--echoes`` that of earlier echoes with their
magnitude; the truth then lists calcifications and cavernomas as well.
``--realism original`` gives scans of the first ranges, as the benchmark set ``forty`` holds: with 0 to 39 microbleeds,
of the first six protocols.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from rich.progress import track

from cmbtraining.synthesis.acquisition import ALL_PROTOCOLS, PROTOCOLS
from cmbtraining.synthesis.load import TRAINING, UNIFORM, VALDO
from cmbtraining.synthesis.mimics import KINDS
from cmbtraining.synthesis.phase_files import write_phase
from cmbtraining.synthesis.realism import CALIBRATED, ORIGINAL
from cmbtraining.synthesis.scan import simulate


@dataclass(frozen=True)
class Job:
    """One scan to simulate."""

    label_map: Path
    seed: int
    protocol: str
    subject: str
    out: Path
    load: str
    phase_echoes: int = 0


def main() -> None:
    """Plan the subjects and simulate them, one process a core."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label-maps", type=Path, required=True, help="folder of label maps (*.nii.gz)")
    parser.add_argument("--maps", default="", help="use these maps only, counted from 1, such as 1-12")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--protocols", nargs="+", choices=list(ALL_PROTOCOLS), help="default: all there are")
    parser.add_argument("--load", choices=[TRAINING, VALDO], default=TRAINING, help="microbleeds per calibrated scan")
    parser.add_argument("--realism", choices=[CALIBRATED.name, ORIGINAL.name], default=CALIBRATED.name)
    parser.add_argument("--phase", action="store_true", help="also write the phase image; the scan stays the same")
    parser.add_argument("--echoes", type=int, default=1, help="with --phase: number of echoes, the scan's is the last")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()

    if arguments.echoes < 1 or (arguments.echoes > 1 and not arguments.phase):
        parser.error("--echoes needs --phase and a number from 1")
    maps = sorted(arguments.label_maps.glob("*.nii*"))
    if arguments.maps:
        first, _, last = arguments.maps.partition("-")
        maps = maps[int(first) - 1 : int(last or first)]
    if not maps:
        parser.error(f"no label maps (*.nii.gz) in {arguments.label_maps}")
    original = arguments.realism == ORIGINAL.name
    protocols = arguments.protocols or list(PROTOCOLS if original else ALL_PROTOCOLS)
    load = UNIFORM if original else arguments.load
    jobs = plan(maps, protocols, arguments.count, arguments.seed, arguments.out, load)
    jobs = [replace(job, phase_echoes=arguments.echoes if arguments.phase else 0) for job in jobs]
    todo = [job for job in jobs if not (job.out / job.subject / f"{job.subject}_truth.json").exists()]
    with multiprocessing.Pool(arguments.processes, initializer=_one_thread) as pool:
        for _ in track(pool.imap_unordered(run, todo), "Simulating", total=len(todo)):
            pass


def plan(maps: list[Path], protocols: list[str], count: int, seed: int, out: Path, load: str) -> list[Job]:
    """Give every subject a label map, a protocol and a seed; the same call plans the same."""
    rng = np.random.default_rng(seed)
    jobs = []
    for number in range(count):
        protocol = protocols[number % len(protocols)]
        subject = f"sub-{list(ALL_PROTOCOLS).index(protocol) + 1}{number + 1:02d}"
        label_map = maps[int(rng.integers(len(maps)))]
        jobs.append(Job(label_map, int(rng.integers(2**31)), protocol, subject, out, load))
    return jobs


def run(job: Job) -> None:
    """Simulate one subject; its truth file is written last and marks it done."""
    realism = ORIGINAL if job.load == UNIFORM else replace(CALIBRATED, load=job.load)
    scan = simulate(job.label_map, job.seed, protocol=job.protocol, realism=realism, phase_echoes=job.phase_echoes)
    folder = job.out / job.subject
    folder.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(scan.image, folder / f"{job.subject}_space-T2S_desc-masked_T2S.nii.gz", True)
    sitk.WriteImage(scan.mask > 0, folder / f"{job.subject}_space-T2S_CMB.nii.gz", True)
    sitk.WriteImage(scan.mimics, folder / f"{job.subject}_space-T2S_mimics.nii.gz", True)
    truth = {"lesions": scan.lesions, "simulation": scan.settings, "mimic_kinds": list(KINDS)}
    if job.phase_echoes:
        write_phase(scan, folder, job.subject)
        truth["substances"] = scan.substances
    (folder / f"{job.subject}_truth.json").write_text(json.dumps(truth, indent=1))


def _one_thread() -> None:
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


if __name__ == "__main__":
    main()
