"""A BIDS dataset: which scans in it can show microbleeds, and where their derivatives go."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files.fields import read_json
from ..reading.phase.files import phase_files_of
from ..reading.phase.several_files import PHASE, kind_of_name
from ..reading.scan import scan_stem
from ..results.names import first_part

NAME = re.compile(r"(?P<entities>sub-[^_]+(_[^_]+)*)_(?P<suffix>[A-Za-z0-9]+)(?P<extension>\.nii(\.gz)?)")
SUFFIX = re.compile(r"T2starw|T2star|swi|MEGRE|GRE[A-Za-z0-9]*")  # T2star: BIDS 1.0 to 1.4; MEGRE: since 1.5
PARTNER, OTHER_ECHO = "phase that goes with its scan", "shorter echo"
OTHER_SUFFIXES = ("minIP", "mIP", "MinIP", "phase")  # of images that are no magnitude
FOLDERS = ("sub-*/anat", "sub-*/swi", "sub-*/ses-*/anat", "sub-*/ses-*/swi")
LINK = "raw"  # what the derivatives call the dataset in BIDS URIs


@dataclass(frozen=True)
class BidsScan:
    """One scan of a dataset.

    Attributes
    ----------
    path : Path
    subject, session : str
        Labels without ``sub-`` and ``ses-``; a session may be empty.
    folder : Path
        Where its results go, relative to the derivatives: ``anat``, as BIDS has no folder ``swi``.
    """

    path: Path
    subject: str
    session: str
    folder: Path

    @property
    def stem(self) -> str:
        """The scan's name without extension."""
        return scan_stem(self.path)

    @property
    def source(self) -> str:
        """Its path in the dataset, with ``/``."""
        return (self.folder.parent / self.path.parent.name / self.path.name).as_posix()

    @property
    def uri(self) -> str:
        """Its BIDS URI in the derivatives."""
        return f"bids:{LINK}:{self.source}"

    def named(self, ending: str) -> str:
        """Name one of its results."""
        return first_part(self.stem) + ending


def find_scans(dataset: Path) -> list[BidsScan]:
    """List the T2*-weighted and SWI scans: ``sub-*/[ses-*/](anat|swi)/*_T2starw``, ``*_swi``, ``*_MEGRE`` and so on.

    Parameters
    ----------
    dataset : Path

    Returns
    -------
    list of BidsScan
        By path. Phase images, projections, maps and derivatives are left out; of several echoes only the longest is
        taken, because it shows most, and else each lesion would count several times.

    Raises
    ------
    InputError
        There is no such folder, no subject in it, or no scan of these kinds.

    References
    ----------
    bids-specification.readthedocs.io, "Magnetic Resonance Imaging": entities part, echo, rec, acq; suffixes T2starw,
    MEGRE. BIDS extension proposal 4 (susceptibility-weighted imaging): folder swi, suffixes swi, GRE, minIP.
    """
    if not dataset.is_dir():
        raise InputError(f"{dataset} is not a folder.", "Give the folder of a BIDS dataset.")
    if not any(p.is_dir() for p in dataset.glob("sub-*")):
        raise InputError(f"{dataset} has no folder sub-…: it is not a BIDS dataset.", "See bids.neuroimaging.io.")
    acquisitions: dict[tuple[Path, str], list[tuple[float, Path]]] = defaultdict(list)
    for path in _images(dataset):
        if not kind_of_name(path.name):
            entities = _entities(path.name)
            echo = _echo_time(path, entities)
            same = "_".join(f"{key}-{value}" for key, value in entities.items() if key not in ("echo", "part"))
            acquisitions[path.parent, same].append((echo, path))
    if not acquisitions:
        raise InputError(
            f"{dataset} has no T2*-weighted or SWI scan.",
            "They are looked for as sub-*/[ses-*/](anat|swi)/*_T2starw, *_swi or *_MEGRE (.nii, .nii.gz).",
        )
    return sorted(
        (_scan(dataset, max(echoes)[1]) for echoes in acquisitions.values()),
        key=lambda scan: scan.path,
    )


def left_out(dataset: Path, scans: Sequence[BidsScan]) -> dict[str, list[Path]]:
    """List the T2*-weighted and SWI images of a dataset that are not searched themselves.

    Returns
    -------
    dict
        By what they are: `PARTNER` (phase that goes with a scan), `PHASE`, `PROJECTION`, `OTHER_ECHO`, …
    """
    taken = {scan.path for scan in scans}
    found: dict[str, list[Path]] = defaultdict(list)
    for path in _images(dataset):
        if path not in taken:
            found[kind_of_name(path.name) or OTHER_ECHO].append(path)
    with_phase = {path.parent for path in found[PHASE]}
    partners = {file.path for path in taken if path.parent in with_phase for file in phase_files_of(path)[0]}
    found[PARTNER] = [path for path in found[PHASE] if path in partners]
    found[PHASE] = [path for path in found[PHASE] if path not in partners]
    return {kind: paths for kind, paths in sorted(found.items()) if paths}


def with_labels(scans: Sequence[BidsScan], subjects: Sequence[str], sessions: Sequence[str]) -> list[BidsScan]:
    """Choose scans by participant and session.

    Parameters
    ----------
    scans : sequence of BidsScan
    subjects, sessions : sequence of str
        Labels, with or without ``sub-`` and ``ses-``; none of a kind takes all. A scan without session is taken
        whatever sessions are asked for: a filter acts on what has the entity.

    Raises
    ------
    InputError
        A participant or session is not there, or nothing is left.
    """
    wanted = [one.removeprefix("sub-") for one in subjects]
    during = [one.removeprefix("ses-") for one in sessions]
    for kind, labels, there in (
        ("participant", wanted, {scan.subject for scan in scans}),
        ("session", during, {scan.session for scan in scans}),
    ):
        if missing := [one for one in labels if one not in there]:
            known = sorted(there - {""})
            raise InputError(
                f"No scan of {kind} {', '.join(missing)} can be searched.",
                f"There are scans of {', '.join(known[:10])}{' …' if len(known) > 10 else ''}." if known else "",
            )
    chosen = [
        scan
        for scan in scans
        if (not wanted or scan.subject in wanted) and (not during or scan.session in ("", *during))
    ]
    if not chosen:
        raise InputError("No scan is of these participants and these sessions.", "Leave one of the two out.")
    return chosen


def _images(dataset: Path) -> list[Path]:
    """All T2*-weighted and SWI images, of any kind."""
    return [
        path
        for folder in FOLDERS
        for path in sorted(dataset.glob(f"{folder}/*"))
        if (found := NAME.fullmatch(path.name))
        and (SUFFIX.fullmatch(found["suffix"]) or found["suffix"] in OTHER_SUFFIXES)
    ]


def _entities(name: str) -> dict[str, str]:
    """Take a file's name apart."""
    found = NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name} is no BIDS name")
    entities = {key: value for key, _, value in (part.partition("-") for part in found["entities"].split("_"))}
    return {**entities, "suffix": found["suffix"], "extension": found["extension"]}


def _echo_time(path: Path, entities: dict[str, str]) -> float:
    """Give the echo time in seconds of the file's JSON; else the echo's number, which rises with it."""
    sidecar = path.with_name(scan_stem(path) + ".json")
    try:
        told = read_json(sidecar.read_text(encoding="utf-8"))
        if isinstance(told, dict) and isinstance(told.get("EchoTime"), (int, float)):
            return float(told["EchoTime"])
    except (OSError, ValueError):
        pass  # no JSON beside it, or none that can be read
    number = entities.get("echo", "0")
    return float(number) if number.isdigit() else 0.0


def _scan(dataset: Path, path: Path) -> BidsScan:
    above = path.parent.parent.relative_to(dataset)
    session = above.parts[1].removeprefix("ses-") if len(above.parts) == 2 else ""
    return BidsScan(path, above.parts[0].removeprefix("sub-"), session, above / "anat")
