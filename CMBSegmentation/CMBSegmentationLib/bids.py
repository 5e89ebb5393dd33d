"""A BIDS dataset: which scans in it can show microbleeds, and where their derivatives go."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from . import __version__
from .errors import InputError
from .read import scan_stem

SCAN = re.compile(r"sub-[^_]+(_.*)?_(T2starw|swi|GRE[^_]*)\.nii(\.gz)?")
NO_MAGNITUDE = re.compile(r"_part-(phase|real|imag)_|_desc-|_minIP|_rec-minip", re.IGNORECASE)
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
    """List the T2*-weighted and SWI scans: ``sub-*/[ses-*/](anat|swi)/*_T2starw``, ``*_swi``, ``*_GRE*``.

    Parameters
    ----------
    dataset : Path

    Returns
    -------
    list of BidsScan
        By path. Phase images (``part-phase``), projections and derivatives are left out.

    Raises
    ------
    InputError
        There is no such folder, no subject in it, or no scan of these kinds.
    """
    if not dataset.is_dir():
        raise InputError(f"{dataset} is not a folder.", "Give the folder of a BIDS dataset.")
    if not any(p.is_dir() for p in dataset.glob("sub-*")):
        raise InputError(f"{dataset} has no folder sub-…: it is not a BIDS dataset.", "See bids.neuroimaging.io.")
    paths = sorted(
        path
        for folder in FOLDERS
        for path in dataset.glob(f"{folder}/*")
        if SCAN.fullmatch(path.name) and not NO_MAGNITUDE.search(path.name)
    )
    if not paths:
        raise InputError(
            f"{dataset} has no T2*-weighted or SWI scan.",
            "They are looked for as sub-*/[ses-*/](anat|swi)/*_T2starw, *_swi or *_GRE* (.nii, .nii.gz).",
        )
    scans = []
    for path in paths:
        folder = path.parent.relative_to(dataset)
        session = folder.parts[1].removeprefix("ses-") if len(folder.parts) == 3 else ""
        scans.append(BidsScan(path, folder.parts[0].removeprefix("sub-"), session, folder))
    return scans


def write_dataset_description(out: Path) -> None:
    """Make a folder a BIDS derivative dataset (BIDS 1.9, "Derived dataset and pipeline description")."""
    content = {
        "Name": "Cerebral microbleeds found by slicer-cmb",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "slicer-cmb", "Version": __version__}],
    }
    (out / "dataset_description.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
