"""A scan from the disk into the scene: read and checked as the command does, in a thread; placed by the main one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import SimpleITK as sitk
import slicer

from CMBSegmentationLib.reading.doubts import doubts
from CMBSegmentationLib.reading.scan import marked, scan_stem
from CMBSegmentationLib.reading.scan_identity import identity_of
from CMBSegmentationLib.scene.origin import Origin, keep_origin
from CMBSegmentationLib.scene.volumes import fill_volume, geometry_of

from ..files.kept_results import ScanKey, scan_key
from ..page.reading_ahead import read_scan_once

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

    from CMBSegmentationLib.reading.scan import Scan
    from CMBSegmentationLib.reading.scan_identity import ScanIdentity


@dataclass
class OpenedScan:
    """A scan as it was read.

    Attributes
    ----------
    image : SimpleITK.Image
    path : Path
        Where it was read from.
    name : str
        As the reader knows it.
    notes : tuple of str
        What was chosen and repaired when it was read, and the doubts.
    doubts : tuple of str
        What makes it unfit to be searched.
    key : ScanKey
        The same for the same voxels at the same place, wherever the scan came from.
    node : vtkMRMLScalarVolumeNode or None
        Once it is in the scene.
    series : str or None
        UID of the DICOM series, where the reader chose it.
    header : nibabel.nifti1.Nifti1Header or None
        Of a NIfTI file.
    scan : Scan or None
        All that was read, to find its phase by; None in a scene that was saved.
    identity : ScanIdentity or None
        Whose it is, as `scan` says, or the scene.
    """

    image: sitk.Image
    path: Path
    name: str
    notes: tuple[str, ...]
    doubts: tuple[str, ...]
    key: ScanKey
    node: slicer.vtkMRMLScalarVolumeNode | None = None
    series: str | None = None
    header: Nifti1Header | None = None
    scan: Scan | None = None
    identity: ScanIdentity | None = None

    @property
    def facts(self) -> str:
        """Which series of which day it is, where that is known; matrix and voxel size: for the page."""
        size = " × ".join(str(n) for n in self.image.GetSize())
        spacing = " × ".join(f"{mm:.3g}" for mm in self.image.GetSpacing())
        series = self.identity.series if self.identity is not None else ""
        return " · ".join(filter(None, (series, f"{size} voxels, {spacing} mm")))


def read_in(path: Path, name: str, series: str | None = None) -> OpenedScan:
    """Read a scan, or the DICOM series of that UID; touches no scene, so it may run in a thread.

    Raises
    ------
    CMBError
        As `CMBSegmentationLib.reading.apart.read_scan_apart`: a file on which its reader crashes does not end the page.
    """
    scan = read_scan_once(path, series)
    image = scan.image
    known = doubts(image), scan_key(image)
    identity = identity_of(scan, _stem_of(name))
    return OpenedScan(
        image, path, name, scan.notes, *known, series=series, header=scan.header, scan=scan, identity=identity
    )


def add_scan(scene: slicer.vtkMRMLScene, scan: OpenedScan) -> slicer.vtkMRMLScalarVolumeNode:
    """Put a scan into the scene."""
    node = scene.AddNewNodeByClass(
        "vtkMRMLScalarVolumeNode", marked(_stem_of(scan.name), scan.scan.mark if scan.scan else "")
    )
    if scan.identity is not None:
        keep_origin(node, Origin(scan.name, scan.identity))
    fill_volume(node, sitk.GetArrayViewFromImage(scan.image), geometry_of(scan.image))
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
    node.GetDisplayNode().SetInterpolate(True)
    scan.node = node
    return node


def _stem_of(name: str) -> str:
    return scan_stem(Path(name.replace("/", "_")))
