"""The names of the files that a detection leaves: BIDS derivatives of the scan."""

from __future__ import annotations

SCHEMA_VERSION = 3  # of the JSON list
READABLE_VERSIONS = (1, 2, 3)  # 1: that of 0.1.0; 2: without candidates
ENDINGS = {
    "labels": "_desc-cmb_dseg.nii.gz",
    "table": "_desc-cmb_lesions.csv",
    "json": "_desc-cmb_lesions.json",
    "report": "_desc-cmb_report.html",
}
ENDINGS_WITH_PROBABILITY = {
    **ENDINGS,
    "probability": "_desc-cmb_probseg.nii.gz",
    "brain": "_desc-brain_mask.nii.gz",
}
ENDINGS_PHASE = {
    "field": "_desc-cmb_localphase.nii.gz",
}
ENDINGS_REGIONS = {
    "brain": "_desc-regions_dseg.nii.gz",
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


def all_names(stem: str) -> set[str]:
    """Name every file that a detection of this scan may leave."""
    every = (ENDINGS_WITH_PROBABILITY, ENDINGS_PHASE, ENDINGS_REGIONS, ENDINGS_DICOM, ENDINGS_REPORT)
    return {stem + ending for endings in every for ending in endings.values()}


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
        File name by ``labels, table, json, report`` and, if asked for, ``probability, brain, region_names, field``.
    """
    endings = ENDINGS if not probability else ENDINGS_WITH_PROBABILITY | (ENDINGS_REGIONS if regions else {})
    endings = endings | (ENDINGS_PHASE if phase else {})
    return {kind: stem + ending for kind, ending in endings.items()}
