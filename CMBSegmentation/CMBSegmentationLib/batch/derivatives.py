"""A folder of derivatives as BIDS wants it: its description, a README, and what in it is not of BIDS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .. import __version__
from ..files.atomic_file import replacing
from ..files.fields import read_json
from ..running.sidecars import write_json
from .bids import LINK

BIDS_VERSION = "1.11.1"
PROGRAM = "slicer-cmb"
IGNORED = (
    "cohort*", "batch_settings.json", "*_desc-cmb_lesions.json", "*_desc-cmb_files.json", "*_desc-cmb_report.*",
    "*_desc-cmb_thumbnail.png", "*_desc-cmb_localphase.nii.gz", "*_desc-cmb_seg.dcm", "*_desc-cmb_sr.dcm",
    "*_desc-cmb_review.json", "*_desc-cmb_annotation.*",
)  # fmt: skip
"""What BIDS has no name for: pages, pictures, DICOM objects, lists for this program, tables over all participants."""
README = """# Cerebral microbleeds

Found by slicer-cmb, research software, not a medical device: a reader must confirm every finding.

- `sub-*/[ses-*/]anat/*_desc-cmb_dseg.nii.gz`: one label a microbleed, on the grid of the scan that `space-…` names.
- `*_desc-cmb_dseg.tsv`, `.json`: what was measured of each, and what the columns mean.
- `*_desc-cmb_report.html`: a page for each scan. `*_desc-cmb_lesions.json`: the list for the program itself.
- `cohort.tsv`, `cohort_lesions.tsv`, `cohort.html`: all scans, all lesions, the page of both.
"""


def write_descriptions(out: Path, dataset: Path) -> None:
    """Make a folder a BIDS derivative dataset.

    Parameters
    ----------
    out : Path
        Root of the derivatives.
    dataset : Path
        Which they are of. It is named by its place relative to `out`, so that both can be moved together and nothing
        tells where they lay.

    References
    ----------
    BIDS 1.11.1, "Derived dataset and pipeline description".
    """
    place = _place(dataset, out)
    about = _description(dataset)
    source = {"URL": place, **({"DOI": doi} if isinstance(doi := about.get("DatasetDOI"), str) and doi else {})}
    content = {
        "Name": f"Cerebral microbleeds found by {PROGRAM}",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": PROGRAM, "Version": __version__}],
        "SourceDatasets": [source],
        "DatasetLinks": {LINK: place},
    }
    with replacing(out / "dataset_description.json") as draft:
        write_json(draft, content)
    with replacing(out / ".bidsignore") as draft:
        draft.write_text("\n".join(IGNORED) + "\n", encoding="utf-8")
    with replacing(out / "README.md") as draft:
        draft.write_text(README, encoding="utf-8")


def dataset_name(dataset: Path) -> str:
    """Give the name in a dataset's description; the folder's where there is none that can be read."""
    name = _description(dataset).get("Name")
    return name.strip() if isinstance(name, str) and name.strip() else dataset.name


def _description(dataset: Path) -> dict[str, Any]:
    try:
        content = read_json((dataset / "dataset_description.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _place(dataset: Path, out: Path) -> str:
    try:
        return Path(os.path.relpath(dataset, out)).as_posix()
    except ValueError:  # on another drive of Windows
        return dataset.as_uri()
