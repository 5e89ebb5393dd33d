"""A BIDS dataset: which scans in it can show microbleeds, and where their derivatives go."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..errors import InputError
from ..files.fields import read_json
from ..reading.scan import scan_stem

NAME = re.compile(r"(?P<entities>sub-[^_]+(_[^_]+)*)_(?P<suffix>[A-Za-z0-9]+)(?P<extension>\.nii(\.gz)?)")
SUFFIX = re.compile(r"T2starw|T2star|swi|MEGRE|GRE[A-Za-z0-9]*")  # T2star: BIDS 1.0 to 1.4; MEGRE: since 1.5
NO_MAGNITUDE = re.compile(  # words of a label, which may be written together: SWImIP, rec-phaseMap
    r"(?<![a-z])([Pp]ha(se)?|PHA(SE)?|[Rr]eal|REAL|[Ii]mag(inary)?|IMAG|[Mm](in|ax)?IP|mip|minip|maxip|[Mm]inimum|"
    r"[Mm]aximum|[Mm]aps?|MAP|QSM|qsm|[Cc]hi|CHI|[Mm]ask)(?![a-z])"
)
TOLD_BY = ("part", "rec", "acq", "desc")  # entities whose value may say that it is no magnitude
FOLDERS = ("sub-*/anat", "sub-*/swi", "sub-*/ses-*/anat", "sub-*/ses-*/swi")
BIDS_VERSION = "1.9.0"


@dataclass(frozen=True)
class BidsScan:
    """One scan of a dataset.

    Attributes
    ----------
    path : Path
    subject, session : str
        Labels without ``sub-`` and ``ses-``; a session may be empty.
    folder : Path
        Relative to the dataset, and so to its derivatives.
    """

    path: Path
    subject: str
    session: str
    folder: Path

    @property
    def stem(self) -> str:
        """The scan's name without extension."""
        return scan_stem(self.path)


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
    swi, MEGRE.
    """
    if not dataset.is_dir():
        raise InputError(f"{dataset} is not a folder.", "Give the folder of a BIDS dataset.")
    if not any(p.is_dir() for p in dataset.glob("sub-*")):
        raise InputError(f"{dataset} has no folder sub-…: it is not a BIDS dataset.", "See bids.neuroimaging.io.")
    acquisitions: dict[tuple[Path, str], list[tuple[float, Path]]] = defaultdict(list)
    for folder in FOLDERS:
        for path in sorted(dataset.glob(f"{folder}/*")):
            entities = _entities(path.name)
            if entities is not None:
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


def left_out(dataset: Path, scans: Sequence[BidsScan]) -> list[str]:
    """List the T2*-weighted and SWI images of a dataset that are not searched: phase, projections, other echoes."""
    taken = {scan.path for scan in scans}
    return sorted(
        path.name
        for folder in FOLDERS
        for path in dataset.glob(f"{folder}/*")
        if (found := NAME.fullmatch(path.name)) and SUFFIX.fullmatch(found["suffix"]) and path not in taken
    )


def _entities(name: str) -> dict[str, str] | None:
    """Take a file's name apart; None for what is no magnitude image of a kind that shows microbleeds."""
    found = NAME.fullmatch(name)
    if found is None or not SUFFIX.fullmatch(found["suffix"]):
        return None
    entities = {key: value for key, _, value in (part.partition("-") for part in found["entities"].split("_"))}
    if "desc" in entities or any(NO_MAGNITUDE.search(entities.get(key, "")) for key in TOLD_BY):
        return None
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
    folder = path.parent.relative_to(dataset)
    session = folder.parts[1].removeprefix("ses-") if len(folder.parts) == 3 else ""
    return BidsScan(path, folder.parts[0].removeprefix("sub-"), session, folder)


def dataset_name(dataset: Path) -> str:
    """Give the name in a dataset's description; the folder's where there is none that can be read."""
    try:
        name = read_json((dataset / "dataset_description.json").read_text(encoding="utf-8")).get("Name")
    except (OSError, ValueError, AttributeError):
        name = None
    return name.strip() if isinstance(name, str) and name.strip() else dataset.name


def write_dataset_description(out: Path) -> None:
    """Make a folder a BIDS derivative dataset (BIDS 1.9, "Derived dataset and pipeline description")."""
    content = {
        "Name": "Cerebral microbleeds found by slicer-cmb",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "slicer-cmb", "Version": __version__}],
    }
    (out / "dataset_description.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
