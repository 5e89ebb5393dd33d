"""How well phase tells blood from calcium in simulated scans: at the places of the truth, without a detector."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import SimpleITK as sitk

from CMBSegmentationLib.detecting.brain_mask import brain_mask
from CMBSegmentationLib.detecting.phase.substances import PhaseSigns, Place, read_signs
from CMBSegmentationLib.reading.phase.image import PhaseImage
from CMBSegmentationLib.vocabulary.substances import BLOOD, CALCIUM, UNCLEAR

LARGE_MM = 2.5  # calcifications above it are to be told
MICROBLEED = "microbleed"


@dataclass(frozen=True)
class Asked:
    """One body of a simulated scan and what phase said of it.

    Attributes
    ----------
    scan, protocol : str
    kind : str
        ``microbleed`` or one of `synthesis.mimics.KINDS`.
    truth, said : str
        `BLOOD`, `CALCIUM`; `said` also `UNCLEAR`.
    surely_calcium : bool
    certainty, diameter_mm, te_ms, b0_t, slice_mm : float
    """

    scan: str
    protocol: str
    kind: str
    truth: str
    said: str
    surely_calcium: bool
    certainty: float
    diameter_mm: float
    te_ms: float
    b0_t: float
    slice_mm: float


@dataclass(frozen=True)
class ScanSigns:
    """One scan: whether its sign was found (``right``, ``wrong`` or ``unclear``), by what, and in how many seconds."""

    scan: str
    protocol: str
    sign: str
    by: str
    seconds: float
    asked: tuple[Asked, ...]


@dataclass(frozen=True)
class Opened:
    """A simulated scan with phase: its images, and the bodies of its truth with their places."""

    subject: str
    settings: dict[str, Any]
    image: sitk.Image
    phases: tuple[PhaseImage, ...]
    bodies: tuple[dict[str, Any], ...]
    places: tuple[Place, ...]

    def signs(self) -> PhaseSigns:
        """Prepare its phase as in use; bodies have no say in its sign."""
        return read_signs(self.image, brain_mask(self.image), self.phases, self.places)


def opened(folder: Path) -> Opened:
    """Open a scan that `synthesize.py --phase` wrote.

    Parameters
    ----------
    folder : Path
        Of one subject.

    Returns
    -------
    Opened
    """
    subject = folder.name
    truth = json.loads((folder / f"{subject}_truth.json").read_text())
    image = sitk.ReadImage(str(folder / f"{subject}_space-T2S_desc-masked_T2S.nii.gz"))
    phases = []
    for path in sorted(folder.glob(f"{subject}*_part-phase_T2S.nii.gz"), key=lambda path: "_echo-" not in path.name):
        about = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
        phases.append(PhaseImage(sitk.ReadImage(str(path)), path.name, 1e3 * about["EchoTime"], about["Manufacturer"]))
    lesions = [{"kind": MICROBLEED, "substance": BLOOD, **row} for row in truth["lesions"]]
    bodies = (*lesions, *truth["substances"])
    places = tuple(Place(row["r_mm"], row["a_mm"], row["s_mm"], row["diameter_mm"]) for row in bodies)
    return Opened(subject, truth["simulation"], image, tuple(phases), bodies, places)


def ask(folder: Path) -> ScanSigns:
    """Ask the phase of a scan about every body in it.

    Parameters
    ----------
    folder : Path
        As for `opened`.

    Returns
    -------
    ScanSigns
    """
    scan = opened(folder)
    settings = scan.settings
    start = perf_counter()
    signs = scan.signs()
    found = [signs.substance(place) for place in scan.places]
    seconds = perf_counter() - start
    rows = tuple(
        Asked(
            scan.subject,
            settings["protocol"],
            body["kind"],
            body["substance"],
            one.name,
            one.surely_calcium,
            round(one.certainty, 2),
            body["diameter_mm"],
            settings["te_ms"],
            settings["b0_t"],
            round(scan.image.GetSpacing()[2], 2),
        )
        for body, one in zip(scan.bodies, found, strict=True)
    )
    sign = signs.convention.sign
    about_sign = UNCLEAR if sign == 0 else "right" if sign == settings["phase"]["paramagnetic"] else "wrong"
    return ScanSigns(scan.subject, settings["protocol"], about_sign, signs.convention.by, round(seconds, 2), rows)


def table_of(scans: Sequence[ScanSigns]) -> str:
    """Give the figures as Markdown: the sign of scans, then bodies, all and by size, echo time, field and slices."""
    signs = [scan.sign for scan in scans]
    counts = ", ".join(f"{signs.count(one)} {one}" for one in ("right", UNCLEAR, "wrong"))
    by = [scan.by for scan in scans]
    rows = [row for scan in scans for row in scan.asked]
    groups: list[tuple[str, Callable[[Asked], bool]]] = [("all", lambda row: True)]
    groups += [
        (f"{a:g} to {b:g} mm", _between("diameter_mm", a, b)) for a, b in ((0, 2), (2, 2.5), (2.5, 3.5), (3.5, 99))
    ]
    groups += [(f"TE {a:g} to {b:g} ms", _between("te_ms", a, b)) for a, b in ((0, 22), (22, 28), (28, 60))]
    groups += [(f"{b0:g} T", _between("b0_t", b0 - 0.1, b0 + 0.1)) for b0 in (1.5, 3.0)]
    groups += [(f"slices {a:g} to {b:g} mm", _between("slice_mm", a, b)) for a, b in ((0, 1.6), (1.6, 3.5), (3.5, 9))]
    groups += [(name, _is("protocol", name)) for name in sorted({row.protocol for row in rows})]
    lines = [
        f"Sign of {len(scans)} scans: {counts}; "
        f"by veins {by.count('veins')}, by manufacturer {by.count('manufacturer')}.",
        "",
        "| | calcifications above 2.5 mm: number, told, of these called calcium | surely calcium "
        "| microbleeds: number, told, of all called calcium | surely calcium |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [_line(name, [row for row in rows if fits(row)]) for name, fits in groups]
    return "\n".join(lines)


def as_json(scans: Sequence[ScanSigns]) -> list[dict[str, Any]]:
    """Give everything that was asked, JSON-ready."""
    return [asdict(scan) for scan in scans]


def _line(name: str, rows: Sequence[Asked]) -> str:
    calcium = [row for row in rows if row.truth == CALCIUM and row.diameter_mm > LARGE_MM]
    blood = [row for row in rows if row.kind == MICROBLEED]
    told = [[row for row in some if row.said != UNCLEAR] for some in (calcium, blood)]
    right = sum(row.said == CALCIUM for row in told[0])
    wrong = sum(row.said == CALCIUM for row in told[1])
    sure = [sum(row.surely_calcium for row in some) for some in (calcium, blood)]
    return (
        f"| {name} | {len(calcium)}, {_share(len(told[0]), len(calcium))}, {_share(right, len(told[0]))} "
        f"| {_share(sure[0], len(calcium))} | {len(blood)}, {_share(len(told[1]), len(blood))}, "
        f"{_share(wrong, len(blood))} | {_share(sure[1], len(blood))} |"
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _between(field: str, low: float, high: float) -> Callable[[Asked], bool]:
    return lambda row: low < getattr(row, field) <= high


def _is(field: str, value: str) -> Callable[[Asked], bool]:
    return lambda row: getattr(row, field) == value
