"""The names of the files that a detection leaves: BIDS derivatives of the scan."""

from __future__ import annotations

import re

SCHEMA_VERSION = 3  # of the JSON list
READABLE_VERSIONS = (1, 2, 3)  # 1: that of 0.1.0; 2: without candidates
ENDINGS = {
    "labels": "_desc-cmb_dseg.nii.gz",
    "table": "_desc-cmb_dseg.tsv",
    "about": "_desc-cmb_dseg.json",
    "json": "_desc-cmb_lesions.json",
    "report": "_desc-cmb_report.html",
}
ENDINGS_PROBABILITY = {
    "probability": "_desc-cmb_probseg.nii.gz",
    "about_probability": "_desc-cmb_probseg.json",
}
ENDINGS_BRAIN = {
    "brain": "_desc-brain_mask.nii.gz",
    "about_brain": "_desc-brain_mask.json",
}
ENDINGS_PHASE = {
    "field": "_desc-cmb_localphase.nii.gz",
}
ENDINGS_REGIONS = {
    "brain": "_desc-regions_dseg.nii.gz",
    "about_brain": "_desc-regions_dseg.json",
    "region_names": "_desc-regions_dseg.tsv",
}
ENDINGS_DICOM = {
    "dicom_seg": "_desc-cmb_seg.dcm",
    "dicom_sr": "_desc-cmb_sr.dcm",
}
ENDINGS_REPORT = {
    "pdf": "_desc-cmb_report.pdf",
    "dicom_pdf": "_desc-cmb_report.dcm",
}
ENDINGS_READ = tuple(
    ending
    for endings in (ENDINGS, ENDINGS_PROBABILITY, ENDINGS_BRAIN, ENDINGS_REGIONS, ENDINGS_PHASE)
    for ending in endings.values()
)
"""Of what is read back."""
EVERY_ENDING = (*ENDINGS_READ, *ENDINGS_DICOM.values(), *ENDINGS_REPORT.values())
TABLE_BEFORE_0_2_0 = "_desc-cmb_lesions.csv"

RAW = re.compile(r"(?P<entities>sub-[A-Za-z0-9+]+(_[a-z]+-[A-Za-z0-9+]+)*)_(?P<suffix>[A-Za-z0-9]+)")
DERIVED = re.compile(r"(?P<before>sub-[^_]+(_[^_]+)*?)_space-(?P<suffix>[A-Za-z0-9]+)(?P<chunk>_chunk-[^_]+)?")
NOT_RAW = re.compile(r"_(space|seg|scale|res|den|label|desc)-")
CHUNK = re.compile(r"_chunk-[^_]+$")


def first_part(scan: str) -> str:
    """Give what the names of a scan's results begin with.

    A BIDS name may not have the scan's suffix in its middle; which of a session's scans the results are of is said by
    the space that they lie in: ``sub-01_run-1_T2starw`` gives ``sub-01_run-1_space-T2starw``.

    Parameters
    ----------
    scan : str
        The scan's name without extension. Where it is no name of a raw BIDS file, it is what they begin with.

    References
    ----------
    BIDS 1.11.1, "BIDS Derivatives", File naming conventions; "Entities", space.
    """
    found = RAW.fullmatch(scan)
    if found is None or NOT_RAW.search(scan):
        return scan
    entities = found["entities"]
    chunk = CHUNK.search(entities)  # the one entity of a raw file that stands after `space`
    return f"{entities.removesuffix(chunk[0] if chunk else '')}_space-{found['suffix']}{chunk[0] if chunk else ''}"


def scan_of(first: str) -> str:
    """Give the name of the scan, without extension, whose results begin so: the inverse of `first_part`."""
    found = DERIVED.fullmatch(first)
    return first if found is None else f"{found['before']}{found['chunk'] or ''}_{found['suffix']}"


def all_names(stem: str) -> set[str]:
    """Name every file that a detection of this scan may leave, that of an earlier version too."""
    now = {first_part(stem) + ending for ending in EVERY_ENDING}
    return now | {stem + ending for ending in (*EVERY_ENDING, TABLE_BEFORE_0_2_0)}


def result_names(stem: str, *, probability: bool, regions: bool = False, phase: bool = False) -> dict[str, str]:
    """Name the files of one scan.

    Parameters
    ----------
    stem : str
        The scan's name without extension.
    probability : bool
        Whether the probability image and the brain mask are among them.
    regions : bool
        Whether the brain is a map of regions, each with its value and name in a table beside it.
    phase : bool
        Whether the scan has phase.

    Returns
    -------
    dict
        File name by ``labels, table, about, json, report`` and, if asked for, ``probability, brain, region_names,
        field``; the sidecars of images are ``about``, ``about_probability`` and ``about_brain``.
    """
    return names_beginning(first_part(stem), probability=probability, regions=regions, phase=phase)


def names_beginning(first: str, *, probability: bool, regions: bool = False, phase: bool = False) -> dict[str, str]:
    """Name the files of one scan, as `result_names` does, by what they begin with."""
    endings = dict(ENDINGS)
    if probability:
        endings |= ENDINGS_PROBABILITY | (ENDINGS_REGIONS if regions else ENDINGS_BRAIN)
    if phase:
        endings |= ENDINGS_PHASE
    return {kind: first + ending for kind, ending in endings.items()}
