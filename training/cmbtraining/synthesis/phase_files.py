"""The files of a simulated scan's phase, named and described as BIDS has it."""

from __future__ import annotations

import json
from pathlib import Path

import SimpleITK as sitk

from .scan import SimulatedScan


def write_phase(scan: SimulatedScan, folder: Path, subject: str) -> None:
    """Write every echo's phase and magnitude with their sidecars beside a simulated scan.

    The scan's own echo is ``{subject}_space-T2S_part-phase_T2S.nii.gz``; of several, earlier ones are
    ``{subject}_echo-1_space-T2S_part-phase_T2S.nii.gz`` and so on. The scan's own magnitude is written where the scan
    is SWI.
    """
    settings = scan.settings
    for number, echo in enumerate(scan.echoes, 1):
        own = number == len(scan.echoes)
        for part, image, letter in (("mag", echo.magnitude, "M"), ("phase", echo.phase, "P")):
            if own and part == "mag" and not settings["swi"]:
                continue  # it is the scan
            name = f"{subject}{'' if own else f'_echo-{number}'}_space-T2S_part-{part}_T2S"
            sitk.WriteImage(image, str(folder / f"{name}.nii.gz"), True)
            sidecar = {
                "Manufacturer": settings["phase"]["manufacturer"],
                "MagneticFieldStrength": settings["b0_t"],
                "EchoTime": round(echo.te_ms / 1e3, 5),
                "ImageType": ["ORIGINAL", "PRIMARY", letter, "ND"],
            }
            (folder / f"{name}.json").write_text(json.dumps(sidecar, indent=1) + "\n")
