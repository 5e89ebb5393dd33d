"""The files a detection leaves: BIDS-derivative names, all of them or none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..detecting.detect import Detection
from ..detecting.lesions import is_read
from ..files.draft_folder import drafts, move_in
from ..report.page import report_html
from ..results.counts import counts_of
from ..results.folder import check_output_folder, write_image
from ..results.names import SCHEMA_VERSION, all_names, result_names
from ..results.provenance import provenance_of
from ..results.stored_list import StoredList, to_json
from ..results.summary import summary_of
from ..vocabulary.notice import NOTICE
from .sidecars import write_lesions, write_regions, write_sidecars

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header


def write_results(
    detection: Detection,
    out: Path,
    stem: str,
    *,
    notes: Sequence[str] = (),
    save_probability: bool = False,
    header: Nifti1Header | None = None,
) -> dict[str, Path]:
    """Write all files of a detection to a temporary folder, then move them in.

    Parameters
    ----------
    detection : Detection
    out : Path
        Made if it does not exist; results of the same scan that are there are replaced.
    stem : str
        The scan's name without extension.
    notes : sequence of str
        What was repaired on reading.
    save_probability : bool
        Also write the probability and the brain mask (or map of regions), for the overlay and to split lesions.
    header : nibabel.nifti1.Nifti1Header, optional
        Of the scan's NIfTI file, as for `write_image`.

    Returns
    -------
    dict
        Path by kind, as `results.names.result_names`. DICOM objects of the same scan that were there are removed:
        they are of other results, and `dicom_out.write_objects` writes new ones.

    Raises
    ------
    InputError
        The folder cannot be written.
    MachineError
        The disk is full or failed; nothing is left behind.
    """
    check_output_folder(out, all_names(stem), overwrite=True)
    mapped = detection.search.midplane is not None
    names = result_names(stem, probability=save_probability, regions=mapped, phase=detection.field is not None)
    with drafts(out) as draft:
        write_image(detection.labels, draft / names["labels"], header)
        write_lesions(draft / names["table"], detection.lesions)
        reviewed = bool(detection.search.reviewed_at) or is_read(detection.lesions)
        write_sidecars(draft, names, detection.search, reviewed=reviewed)
        stored = StoredList(
            tuple(detection.lesions), detection.rules, detection.search, tuple(notes), detection.candidates
        )
        content = {
            "schema_version": SCHEMA_VERSION,
            "notice": NOTICE,
            "scan": stem,
            "summary": summary_of(counts_of(detection.lesions)),
            **to_json(stored),
            "provenance": provenance_of(detection),
        }
        (draft / names["json"]).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
        report = report_html(detection, scan_name=stem, notes=notes)
        (draft / names["report"]).write_text(report, encoding="utf-8")
        if detection.field is not None:
            write_image(detection.field, draft / names["field"], header)
        if save_probability:
            write_image(detection.probability, draft / names["probability"], header)
            write_image(detection.brain, draft / names["brain"], header)
        if "region_names" in names:
            write_regions(draft / names["region_names"])
        # the list last: where it is, all is there
        move_in(draft, out, sorted(names.values(), key=lambda name: name == names["json"]))
        for name in all_names(stem) - set(names.values()):
            (out / name).unlink(missing_ok=True)  # of the run that is replaced
    return {kind: out / name for kind, name in names.items()}
