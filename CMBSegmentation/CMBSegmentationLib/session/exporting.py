"""Taking a review home: its files, the report as PDF, a comparison with an earlier scan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..reading.scan import scan_stem
from ..reading.scan_identity import ScanIdentity
from ..results.folder import check_output_folder
from ..scene.origin import origin_of
from .chosen_review import ChosenReview
from .export_review import ExportedFrom, detection_of, drawing_packages, export_pdf, export_review, stem_of

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

    from ..detecting.detect import Detection
    from .open_review import OpenReview


class Exporting:
    """Writes what a reader takes home.

    Parameters
    ----------
    chosen : ChosenReview
    """

    def __init__(self, chosen: ChosenReview) -> None:
        self._chosen = chosen

    def export(
        self,
        folder: str | Path,
        *,
        overwrite: bool = False,
        dicom_folder: str | Path | None = None,
        series: str | None = None,
        header: Nifti1Header | None = None,
    ) -> dict[str, Path]:
        """Write the files of a detection, with the verdicts, to a folder.

        Parameters
        ----------
        folder : path
            Made if it is not there.
        overwrite : bool
            Whether earlier results of the same scan may be replaced.
        dicom_folder : path, optional
            The series that the scan came from: DICOM objects are written too, the report as PDF among them.
        series : str, optional
            Its UID, in a folder with many.
        header : nibabel.nifti1.Nifti1Header, optional
            Of the scan's NIfTI file, as for `running.write.write_results`.

        Returns
        -------
        dict
            Path by kind, as `running.write.write_results`.
        """
        origin = ExportedFrom(Path(dicom_folder) if dicom_folder else None, series, header)
        return export_review(self._chosen.ready(), Path(folder), overwrite, origin)

    def export_pdf(self, path: str | Path, *, overwrite: bool = False, dropped: bool = False) -> Path:
        """Write the report with the verdicts as PDF.

        Parameters
        ----------
        path : path
            Of the file, ending in ``.pdf``.
        overwrite : bool
            Whether a file of this name may be replaced.
        dropped : bool
            Also list and picture the dropped candidates.
        """
        return export_pdf(self._chosen.ready(), Path(path), overwrite=overwrite, dropped=dropped)

    def compare_with(
        self,
        earlier_folder: str | Path,
        out: str | Path,
        *,
        earlier_scan: str | Path | None = None,
        overwrite: bool = False,
    ) -> dict[str, Path]:
        """Write what changed since an earlier scan of the patient: a table and a page of both side by side.

        Aligning takes some five seconds, during which nothing else happens.

        Parameters
        ----------
        earlier_folder : path
            With the results of the earlier scan, of a detection or an export.
        out : path
            Folder for the files; made if it is not there.
        earlier_scan : path, optional
            File or DICOM folder; looked for in `earlier_folder` and beside it if not given.
        overwrite : bool
            Whether an earlier comparison of the same scan may be replaced.

        Returns
        -------
        dict
            Path by kind: ``table`` (CSV), ``json``, ``page`` (HTML).
        """
        scan = Path(earlier_scan) if earlier_scan else None
        later = self._chosen.ready()
        return compare_detection(
            detection_of(later),
            stem_of(later),
            origin_of(later.nodes.scan).identity,
            Path(earlier_folder),
            Path(out),
            earlier_scan=scan,
            overwrite=overwrite,
        )


def compare_detection(
    later: Detection,
    stem: str,
    whose: ScanIdentity,
    earlier_folder: Path,
    out: Path,
    *,
    earlier_scan: Path | None = None,
    overwrite: bool = False,
) -> dict[str, Path]:
    """Align an earlier scan with a later one, match their lesions and write what changed.

    Touches no scene, so another process may do it.

    Parameters
    ----------
    later : Detection
        What was rejected does not count.
    stem : str
        Name of the later scan without extension.
    whose : ScanIdentity
        Of the later scan.
    earlier_folder, out, earlier_scan, overwrite
        As for `Exporting.compare_with`.

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
    with drawing_packages():
        from ..compare.page import Study, write_comparison
        from ..results.as_detection import find_scan, read_detection
    check_output_folder(out, _names(stem), overwrite)
    scan = earlier_scan or find_scan(earlier_folder)
    stored = read_detection(earlier_folder, scan)
    earlier = stored.detection
    if _is_same(earlier.image, later.image):
        raise InputError(
            f"The results in {earlier_folder} are those of the scan under review.",
            "Give those of an earlier scan of the patient.",
        )
    return write_comparison(Study(scan_stem(scan), earlier, stored.identity), Study(stem, later, whose), out)


def holds_comparison(review: OpenReview, out: Path) -> bool:
    """Tell whether a folder holds a comparison of this scan with an earlier one."""
    return any((out / name).exists() for name in _names(stem_of(review)))


def _names(stem: str) -> set[str]:
    """Name the files of a comparison."""
    with drawing_packages():
        from ..compare.page import ENDINGS
    return {stem + ending for ending in ENDINGS.values()}


def _is_same(one: sitk.Image, other: sitk.Image) -> bool:
    return np.array_equal(sitk.GetArrayViewFromImage(one), sitk.GetArrayViewFromImage(other))
