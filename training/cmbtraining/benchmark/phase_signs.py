"""How well phase tells blood from calcium in simulated scans: at the truth's places, and on the detector's list."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import SimpleITK as sitk

from CMBSegmentationLib.detecting.brain_mask import brain_mask
from CMBSegmentationLib.detecting.detect import Detection, detect
from CMBSegmentationLib.detecting.phase.substances import PhaseSigns, Place, read_signs
from CMBSegmentationLib.models.loaded_models import Stages
from CMBSegmentationLib.reading.phase.image import PhaseImage
from CMBSegmentationLib.vocabulary.numbers import counted
from CMBSegmentationLib.vocabulary.reasons import BLOOD, CALCIUM, UNCLEAR

from ..synthesis.mimics import CALCIFICATION, KINDS
from .backgrounds import without_background

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
class Listed:
    """One candidate that the detector keeps at its default point without phase.

    Attributes
    ----------
    protocol : str
    is_calcification : bool
        Its mask lies on a calcification of the truth and on no microbleed.
    is_microbleed : bool
        Its mask lies on a microbleed of the truth.
    said : str
        `BLOOD`, `CALCIUM`, `UNCLEAR`; empty where phase was not asked.
    dropped : bool
        Phase takes it off the list.
    diameter_mm, te_ms, b0_t, slice_mm : float
    """

    protocol: str
    is_calcification: bool
    is_microbleed: bool
    said: str
    dropped: bool
    diameter_mm: float
    te_ms: float
    b0_t: float
    slice_mm: float


@dataclass(frozen=True)
class ScanSigns:
    """One scan.

    Attributes
    ----------
    scan, protocol : str
    sign : str
        Whether its sign was found: ``right``, ``wrong`` or ``unclear``.
    by : str
        By what, as `convention.Convention.by`.
    seconds : float
        That phase took, of which the detector is no part.
    asked : tuple of Asked
        Every body of the truth.
    listed : tuple of Listed
    """

    scan: str
    protocol: str
    sign: str
    by: str
    seconds: float
    asked: tuple[Asked, ...]
    listed: tuple[Listed, ...] = ()


@dataclass(frozen=True)
class Opened:
    """A simulated scan with phase: its images, and the bodies of its truth with their places."""

    subject: str
    settings: dict[str, Any]
    image: sitk.Image
    phases: tuple[PhaseImage, ...]
    bodies: tuple[dict[str, Any], ...]
    places: tuple[Place, ...]

    def signs(self, tissue: sitk.Image | None = None) -> PhaseSigns:
        """Prepare its phase as in use, with the map of regions if there is one; bodies have no say in its sign."""
        brain = brain_mask(self.image) if tissue is None else tissue
        return read_signs(self.image, brain, self.phases, self.places, mapped=tissue is not None)


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


def ask(folder: Path, stages: Stages | None = None, background: str = "") -> ScanSigns:
    """Ask the phase of a scan about every body in it, and the detector for its list with and without phase.

    Parameters
    ----------
    folder : Path
        As for `opened`.
    stages : Stages, optional
        The detector and what goes with it; without it only the truth's places are asked.
    background : str, optional
        One of `backgrounds.BACKGROUNDS`, which is taken off the whole phase image first.

    Returns
    -------
    ScanSigns
    """
    scan = opened(folder)
    if background:
        brain = brain_mask(scan.image)
        scan = replace(scan, phases=tuple(without_background(one, brain, background) for one in scan.phases))
    settings = scan.settings
    detection = None
    if stages is not None:
        detection = detect(
            scan.image, model=stages.detector, regions=stages.regions, verifier=stages.verifier, phases=scan.phases
        )
    mapped = detection is not None and detection.search.midplane is not None
    tissue = detection.brain if detection is not None and mapped else None
    start = perf_counter()
    signs = scan.signs(tissue)
    found = [signs.substance(place) for place in scan.places]
    seconds = perf_counter() - start
    about = _about(scan)
    rows = tuple(
        Asked(
            scan=scan.subject,
            kind=body["kind"],
            truth=body["substance"],
            said=one.name,
            surely_calcium=one.surely_calcium,
            certainty=round(one.certainty, 2),
            diameter_mm=body["diameter_mm"],
            **about,
        )
        for body, one in zip(scan.bodies, found, strict=True)
    )
    sign = signs.convention.sign
    about_sign = UNCLEAR if sign == 0 else "right" if sign == settings["phase"]["paramagnetic"] else "wrong"
    listed = () if detection is None else _listed(detection, folder, about)
    return ScanSigns(
        scan.subject, settings["protocol"], about_sign, signs.convention.by, round(seconds, 2), rows, listed
    )


def _about(scan: Opened) -> dict[str, Any]:
    settings = scan.settings
    return {
        "protocol": settings["protocol"],
        "te_ms": settings["te_ms"],
        "b0_t": settings["b0_t"],
        "slice_mm": round(scan.image.GetSpacing()[2], 2),
    }


def _listed(detection: Detection, folder: Path, about: dict[str, Any]) -> tuple[Listed, ...]:
    """Say of each candidate that is kept without phase what it is, and whether phase drops it."""
    subject = folder.name
    truth, kinds = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{subject}_space-T2S_{name}.nii.gz"))).ravel()
        for name in ("CMB", "mimics")
    )
    rows = []
    for one in detection.candidates.every:
        if replace(one, calcium=0.0).reason(detection.rules) is not None:
            continue
        own = one.voxels
        is_microbleed = bool(truth[own].any())
        is_calcification = not is_microbleed and bool((kinds[own] == 1 + KINDS.index(CALCIFICATION)).any())
        rows.append(
            Listed(
                is_calcification=is_calcification,
                is_microbleed=is_microbleed,
                said=one.lesion.phase,
                dropped=one.calcium > 0,
                diameter_mm=round(one.lesion.diameter_mm, 2),
                **about,
            )
        )
    return tuple(rows)


def table_of(scans: Sequence[ScanSigns]) -> str:
    """Give the figures as Markdown: the sign of scans, then bodies, all and by size, echo time, field and slices."""
    signs, by = [scan.sign for scan in scans], Counter(scan.by for scan in scans if scan.by)
    counts = ", ".join(f"{signs.count(one)} {one}" for one in ("right", UNCLEAR, "wrong"))
    rows = [row for scan in scans for row in scan.asked]
    kept = [one for scan in scans for one in scan.listed]
    calcium, blood = _told(rows)
    lines = [
        f"{counted(len(scans), 'scan')} with phase. Sign: {counts}; by {_named(by)}. "
        f"Phase took {max((scan.seconds for scan in scans), default=0):.1f} s at most.",
        "",
        f"- Calcifications above {LARGE_MM:g} mm that are not unclear and are called calcium: "
        f"{_share(sum(row.said == CALCIUM for row in calcium), len(calcium))} of {len(calcium)}",
        f"- Microbleeds that are called calcium: {_share(sum(row.said == CALCIUM for row in blood), len(blood))} "
        f"of {len(blood)}",
        f"- Sign found: {_share(len(signs) - signs.count(UNCLEAR), len(signs))}; wrong: {signs.count('wrong')}",
        f"- False ones by calcification at the default point: {_fewer(kept, 'is_calcification')}",
        f"- Microbleeds found at the default point: {_fewer(kept, 'is_microbleed')}",
        "",
        "| | calcifications above 2.5 mm: number, told, of these called calcium | surely calcium "
        "| microbleeds: number, told, of all called calcium | surely calcium "
        "| false ones by calcification: without, with phase | microbleeds found: without, with phase |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    groups = _groups(sorted({row.protocol for row in rows}))
    lines += [
        _line(name, [row for row in rows if fits(row)], [one for one in kept if fits(one)]) for name, fits in groups
    ]
    return "\n".join(lines)


def _groups(protocols: Sequence[str]) -> list[tuple[str, Callable[[Asked | Listed], bool]]]:
    groups: list[tuple[str, Callable[[Asked | Listed], bool]]] = [("all", lambda row: True)]
    groups += [
        (f"{a:g} to {b:g} mm", _between("diameter_mm", a, b)) for a, b in ((0, 2), (2, 2.5), (2.5, 3.5), (3.5, 99))
    ]
    groups += [(f"TE {a:g} to {b:g} ms", _between("te_ms", a, b)) for a, b in ((0, 22), (22, 28), (28, 60))]
    groups += [(f"{b0:g} T", _between("b0_t", b0 - 0.1, b0 + 0.1)) for b0 in (1.5, 3.0)]
    groups += [(f"slices {a:g} to {b:g} mm", _between("slice_mm", a, b)) for a, b in ((0, 1.6), (1.6, 3.5), (3.5, 9))]
    return groups + [(name, _is("protocol", name)) for name in protocols]


def _told(rows: Sequence[Asked]) -> tuple[list[Asked], list[Asked]]:
    """Give the large calcifications of which anything is said, and all microbleeds."""
    large = [row for row in rows if row.truth == CALCIUM and row.diameter_mm > LARGE_MM and row.said != UNCLEAR]
    return large, [row for row in rows if row.kind == MICROBLEED]


def _named(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "nothing"


def _fewer(kept: Sequence[Listed], what: str) -> str:
    some = [one for one in kept if getattr(one, what)]
    left = sum(not one.dropped for one in some)
    return f"{len(some)} without phase, {left} with it ({_share(len(some) - left, len(some))} fewer)"


def scan_from_json(values: dict[str, Any]) -> ScanSigns:
    """Read what `as_json` gave of one scan."""
    asked = tuple(Asked(**row) for row in values["asked"])
    return ScanSigns(**{**values, "asked": asked, "listed": tuple(Listed(**one) for one in values["listed"])})


def as_json(scans: Sequence[ScanSigns]) -> list[dict[str, Any]]:
    """Give everything that was asked, JSON-ready."""
    return [asdict(scan) for scan in scans]


def _line(name: str, rows: Sequence[Asked], kept: Sequence[Listed]) -> str:
    calcium = [row for row in rows if row.truth == CALCIUM and row.diameter_mm > LARGE_MM]
    blood = [row for row in rows if row.kind == MICROBLEED]
    told = [[row for row in some if row.said != UNCLEAR] for some in (calcium, blood)]
    right = sum(row.said == CALCIUM for row in told[0])
    wrong = sum(row.said == CALCIUM for row in told[1])
    sure = [sum(row.surely_calcium for row in some) for some in (calcium, blood)]
    listed = [[one for one in kept if getattr(one, what)] for what in ("is_calcification", "is_microbleed")]
    pairs = [f"{len(some)}, {sum(not one.dropped for one in some)}" for some in listed]
    return (
        f"| {name} | {len(calcium)}, {_share(len(told[0]), len(calcium))}, {_share(right, len(told[0]))} "
        f"| {_share(sure[0], len(calcium))} | {len(blood)}, {_share(len(told[1]), len(blood))}, "
        f"{_share(wrong, len(blood))} | {_share(sure[1], len(blood))} | {pairs[0]} | {pairs[1]} |"
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _between(field: str, low: float, high: float) -> Callable[[Asked | Listed], bool]:
    return lambda row: low < getattr(row, field) <= high


def _is(field: str, value: str) -> Callable[[Asked | Listed], bool]:
    return lambda row: getattr(row, field) == value
