"""A review compared with the results of an earlier scan of the same patient."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..reading.scan import scan_stem
from ..reading.scan_identity import identity_by_name
from ..results.folder import check_output_folder
from .export_review import detection_of, drawing_packages, stem_of

if TYPE_CHECKING:
    from ..detecting.detect import Detection
    from .open_review import OpenReview


def compare_review(
    review: OpenReview, earlier_folder: Path, out: Path, *, earlier_scan: Path | None = None, overwrite: bool = False
) -> dict[str, Path]:
    """Align an earlier scan with the one under review, match their lesions and write what changed.

    Parameters
    ----------
    review : OpenReview
        The later scan; what was rejected does not count.
    earlier_folder : Path
        With the results of one earlier scan, of a detection or an export.
    out : Path
        Made if it is not there.
    earlier_scan : Path, optional
        File or DICOM folder; looked for in `earlier_folder` and beside it if not given.
    overwrite : bool
        Whether an earlier comparison of the same scan may be replaced.

    Returns
    -------
    dict
        Path by kind, as `compare.page.write_comparison`: ``table``, ``json``, ``page``.

    Raises
    ------
    CMBError
        The earlier results or their scan cannot be read, are those of this very scan, or cannot be aligned
        with it, or the folder cannot take the files; nothing is left half-written.
    """
    return compare_detection(
        detection_of(review), stem_of(review), earlier_folder, out, earlier_scan=earlier_scan, overwrite=overwrite
    )


def compare_detection(
    later: Detection,
    stem: str,
    earlier_folder: Path,
    out: Path,
    *,
    earlier_scan: Path | None = None,
    overwrite: bool = False,
) -> dict[str, Path]:
    """Compare as `compare_review`; touches no scene, so another process may do it.

    Parameters
    ----------
    later : Detection
    stem : str
        Name of the later scan without extension.
    earlier_folder, out, earlier_scan, overwrite
        As for `compare_review`, which says what is returned and raised.
    """
    with drawing_packages():
        from ..compare.page import ENDINGS, Study, write_comparison
        from ..results.as_detection import find_scan, read_detection
    check_output_folder(out, {stem + ending for ending in ENDINGS.values()}, overwrite)
    scan = earlier_scan or find_scan(earlier_folder)
    stored = read_detection(earlier_folder, scan)
    earlier = stored.detection
    if _is_same(earlier.image, later.image):
        raise InputError(
            f"{earlier_folder} holds results of the scan under review.", "Give those of an earlier scan of the patient."
        )
    return write_comparison(
        Study(scan_stem(scan), earlier, stored.identity), Study(stem, later, identity_by_name(stem)), out
    )


def _is_same(one: sitk.Image, other: sitk.Image) -> bool:
    return np.array_equal(sitk.GetArrayViewFromImage(one), sitk.GetArrayViewFromImage(other))
