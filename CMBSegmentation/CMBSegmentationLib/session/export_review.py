"""The files of a detection after its review: the same names and columns, with what was decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from ..errors import CMBError, InputError, MachineError
from ..files.atomic_file import replacing
from ..results.counts import counts_of
from ..results.folder import check_output_folder
from ..results.names import all_names
from ..review import utc_now
from ..review.edits import is_placed_by_reader
from ..scene.results import field_of
from ..vocabulary.verdicts import KEPT

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header
    from pydicom.dataset import Dataset

    from ..detecting.detect import Detection
    from ..dicom_out import ExportSource
    from .open_review import OpenReview


SAME_VALUE, SAME_SHARE = 0.5, 1e-3  # voxels of the same picture differ by rounding, and few by more


@dataclass(frozen=True)
class ExportedFrom:
    """Where the scan under review came from, as far as its results are to be like it.

    Attributes
    ----------
    dicom_folder : Path or None
        A DICOM segmentation, a structured report and the report as encapsulated PDF are written too.
    series : str or None
        UID of the series that was read of it.
    header : nibabel.nifti1.Nifti1Header or None
        Of its NIfTI file: results carry its sform and qform.
    """

    dicom_folder: Path | None = None
    series: str | None = None
    header: Nifti1Header | None = None


def export_review(
    review: OpenReview, out: Path, overwrite: bool = False, origin: ExportedFrom | None = None
) -> dict[str, Path]:
    """Write a review's files.

    Parameters
    ----------
    review : OpenReview
    out : Path
        Made if it is not there.
    overwrite : bool
        Whether earlier results of the same scan may be replaced.
    origin : ExportedFrom, optional

    Returns
    -------
    dict
        Path by kind, as `running.write.write_results`. Label k is the lesion with id k, CMB k in every file.

    Raises
    ------
    CMBError
        The folder cannot take the files or holds others, a package is missing, or the series is another
        scan's; nothing is left half-written. Where the DICOM objects could not be made, the other files are there.
    """
    with drawing_packages():
        from ..running.write import write_results
    stem = stem_of(review)
    check_output_folder(out, all_names(stem), overwrite)
    detection = detection_of(review)
    origin, source, failed = origin or ExportedFrom(), None, None
    if origin.dicom_folder is not None:
        try:
            source = _dicom_source(detection, origin.dicom_folder, origin.series)
        except CMBError as error:  # told once the other files are there
            failed = error
    notes = [*_notes(review), *(source.notes if source else ())]
    files = write_results(detection, out, stem, notes=notes, save_probability=True, header=origin.header)
    if failed is not None:
        raise failed
    if source is not None:
        from ..dicom_out import write_objects

        files |= write_objects(lambda: _dicom_objects(detection, source, stem, notes), out, stem)
    return files


def _dicom_objects(detection: Detection, source: ExportSource, stem: str, notes: Sequence[str]) -> dict[str, Dataset]:
    """Make segmentation and structured report and, where ReportLab is installed, the report as encapsulated PDF."""
    from ..dicom_out import dicom_objects
    from ..dicom_out.encapsulated import pdf_object
    from ..report.content import content_of
    from ..report.pdf import check_can_write_pdf, report_pdf

    objects = dicom_objects(detection, source)
    try:
        check_can_write_pdf()
    except MachineError:
        return objects
    pdf = report_pdf(content_of(detection, scan_name=stem, notes=notes))
    return {**objects, "dicom_pdf": pdf_object(pdf, source, detection.search.software)}


def export_pdf(review: OpenReview, path: Path, *, overwrite: bool = False, dropped: bool = False) -> Path:
    """Write a review's report as PDF, A4.

    Parameters
    ----------
    review : OpenReview
    path : Path
        Of the file, ending in ``.pdf``; its folder must be there.
    overwrite : bool
        Whether a file of this name may be replaced.
    dropped : bool
        Also list and picture the dropped candidates.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        The name does not end in ``.pdf``, is taken, or its folder is missing or may not be written.
    MachineError
        A package is missing, or the disk is full or failed; a file of this name stays as it was.
    """
    with drawing_packages():
        from ..report.content import content_of
        from ..report.pdf import check_can_write_pdf, report_pdf
    check_can_write_pdf()
    if path.suffix.lower() != ".pdf" or path.is_dir():
        raise InputError(f"{path.name or path} is no name for a PDF file.", "Give a name that ends in .pdf.")
    if path.exists() and not overwrite:
        raise InputError(f"{path} is there already.", "Nothing was changed. Give another name, or allow replacing it.")
    detection = detection_of(review)
    with replacing(path) as draft:
        draft.touch()  # a folder that cannot be written is told before anything is drawn
        content = content_of(detection, scan_name=stem_of(review), notes=_notes(review))
        draft.write_bytes(report_pdf(content, dropped=dropped))
    return path


@contextmanager
def drawing_packages() -> Iterator[None]:
    """Tell which package is missing while modules are imported that draw: PIL and jinja2 are not Slicer's own."""
    try:
        yield
    except ImportError as error:
        raise MachineError(
            f"The report needs the package {error.name}, which is not installed.", "Click Detect once and allow it."
        ) from error


def stem_of(review: OpenReview) -> str:
    """Give the name that the files of a review begin with."""
    return review.stem


def holds_results(review: OpenReview, out: Path) -> bool:
    """Tell whether a folder holds results of this scan."""
    return any((out / name).exists() for name in all_names(stem_of(review)))


def detection_of(review: OpenReview) -> Detection:
    """Give a review as a detection: its lesions with what the reader said, the label image without those rejected."""
    from ..detecting.detect import Detection

    candidates = review.candidates
    rules = replace(candidates.rules, threshold=review.review.threshold)
    lesions = [
        replace(one.as_lesion(), place_by_reader=is_placed_by_reader(review.review, candidates, one))
        for one in review.lesions
    ]
    reviewed_at = review.changed_at or utc_now()
    search = replace(review.stored.search, readers=counts_of(lesions).readers, reviewed_at=reviewed_at)
    brain = candidates.brain
    if brain is None:
        brain = sitk.Cast(candidates.probability >= 0, sitk.sitkUInt8)
    return Detection(
        lesions=sorted(lesions, key=lambda one: (one.status != KEPT, one.id)),
        labels=_labels(review),
        probability=candidates.probability,
        brain=brain,
        image=review.scan_image,
        rules=rules,
        search=search,
        candidates=candidates.candidates,
        field=field_of(review.nodes),
    )


def _notes(review: OpenReview) -> list[str]:
    """What was repaired when the scan was read."""
    return list(review.stored.notes)


def _labels(review: OpenReview) -> sitk.Image:
    labels = np.zeros(int(np.prod(review.candidates.shape)), np.uint16)
    for one in review.lesions:
        if one.counts:
            labels[one.voxels] = one.id
    image = sitk.GetImageFromArray(labels.reshape(review.candidates.shape))
    image.CopyInformation(review.candidates.probability)
    return image


def _dicom_source(detection: Detection, folder: Path, series: str | None) -> ExportSource:
    from ..dicom_out import DicomExport, prepare_export
    from ..reading.apart import read_scan_apart

    source, hint = read_scan_apart(folder, series), "Choose the scan's own folder."
    if source.image.GetSize() != detection.image.GetSize():
        raise InputError(f"The series in {folder} is not this scan: its size differs.", hint)
    apart = np.subtract(source.image.GetOrigin(), detection.image.GetOrigin())
    if np.abs(apart).max() > max(detection.image.GetSpacing()):
        raise InputError(f"The series in {folder} lies elsewhere than this scan.", hint)
    ours, theirs = (sitk.GetArrayViewFromImage(one) for one in (detection.image, source.image))
    if np.mean(np.abs(np.subtract(ours, theirs, dtype=np.float32)) > SAME_VALUE) > SAME_SHARE:
        raise InputError(f"The series in {folder} shows another picture than this scan.", hint)
    return prepare_export(source.frames, folder.name, DicomExport())
