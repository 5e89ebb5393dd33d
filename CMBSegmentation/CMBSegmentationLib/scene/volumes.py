"""Volumes between the scene and the core: MRML nodes to SimpleITK images and back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import slicer
import slicer.util
import vtk
from numpy.typing import NDArray

from ..errors import InputError, MachineError
from .names import RESULT_ATTRIBUTE

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
LARGEST_SHEAR = 1e-4  # cosine between axes; DICOM's six decimals leave about 1e-6
OTHER_KINDS = {  # node classes that derive from the scalar volume's and are none
    "vtkMRMLLabelMapVolumeNode": "a label map",
    "vtkMRMLVectorVolumeNode": "a colour or vector volume",
    "vtkMRMLDiffusionWeightedVolumeNode": "a diffusion volume",
    "vtkMRMLDiffusionTensorVolumeNode": "a diffusion volume",
    "vtkMRMLMultiVolumeNode": "a multi-frame volume",
    "vtkMRMLStreamingVolumeNode": "a stream of pictures",
}


@dataclass(frozen=True)
class ExportedScan:
    """A scan's node as a file for the worker.

    Attributes
    ----------
    path : Path
        NRRD file.
    notes : tuple of str
        What was done to the volume, worded for the user.
    """

    path: Path
    notes: tuple[str, ...] = ()


def export_scan(volume_node: slicer.vtkMRMLScalarVolumeNode, folder: Path) -> ExportedScan:
    """Write a scan's node to a file that `reading.scan.read_scan` can read.

    Parameters
    ----------
    volume_node : vtkMRMLScalarVolumeNode
    folder : Path
        Exists; the file is named after the node.

    Returns
    -------
    ExportedScan

    Raises
    ------
    InputError
        As `image_from_volume`.
    MachineError
        The file cannot be written.
    """
    image, notes = image_from_volume(volume_node)
    path = folder / f"{_file_stem(volume_node.GetName())}.nrrd"
    _write(image, path, "scan")
    return ExportedScan(path, notes)


def export_mask(
    mask_node: slicer.vtkMRMLLabelMapVolumeNode, scan_node: slicer.vtkMRMLScalarVolumeNode, folder: Path
) -> Path:
    """Write a brain mask's node to a file beside the scan's.

    Parameters
    ----------
    mask_node : vtkMRMLLabelMapVolumeNode
        Of the scan's size; any value above 0 is brain.
    scan_node : vtkMRMLScalarVolumeNode
    folder : Path
        Exists.

    Raises
    ------
    InputError
        It has no voxels, or another size than the scan.
    MachineError
        The file cannot be written.
    """
    own = mask_node.GetImageData()
    if (
        own is None
        or scan_node.GetImageData() is None
        or own.GetDimensions() != scan_node.GetImageData().GetDimensions()
    ):
        raise InputError(
            f"{mask_node.GetName()} has another size than {scan_node.GetName()}.",
            "Choose a brain mask on the scan's own grid, or none.",
        )
    mask = sitk.GetImageFromArray((slicer.util.arrayFromVolume(mask_node) > 0).astype(np.uint8))
    set_geometry(mask, world_ijk_to_ras(mask_node))
    path = folder / "brain_mask.nii.gz"
    _write(mask, path, "brain mask")
    return path


def _write(image: sitk.Image, path: Path, what: str) -> None:
    try:
        sitk.WriteImage(image, str(path))
    except RuntimeError as error:
        raise MachineError(
            f"The {what} could not be written to the temporary folder {path.parent}.",
            "Free some disk space and try again.",
        ) from error


def image_from_volume(volume_node: slicer.vtkMRMLScalarVolumeNode) -> tuple[sitk.Image, tuple[str, ...]]:
    """Copy a scan's node into an image, with its parent transform hardened into the geometry.

    Parameters
    ----------
    volume_node : vtkMRMLScalarVolumeNode

    Returns
    -------
    image : SimpleITK.Image
        3D; lies where the node is shown (world coordinates).
    notes : tuple of str
        What was done, worded for the user.

    Raises
    ------
    InputError
        No node, another kind of volume, no voxels, several values a voxel, or a geometry that an
        image cannot have (a warp, or axes that are not at right angles).
    """
    _check_kind(volume_node)
    ijk_to_ras = world_ijk_to_ras(volume_node)
    voxels = slicer.util.arrayFromVolume(volume_node)
    image = sitk.GetImageFromArray(voxels)
    set_geometry(image, ijk_to_ras)
    parent = volume_node.GetParentTransformNode()
    if parent is None:
        return image, ()
    note = f"{volume_node.GetName()} lies under the transform {parent.GetName()}: it was searched as it is shown."
    return image, (note,)


def world_ijk_to_ras(volume_node: slicer.vtkMRMLScalarVolumeNode) -> NDArray[np.float64]:
    """Give the matrix from the indices of a volume's voxel array to world RAS.

    Parameters
    ----------
    volume_node : vtkMRMLScalarVolumeNode

    Returns
    -------
    float64 array (4, 4)
        Index (i, j, k, 1), counted from 0, to RAS mm; parent transforms included.

    Raises
    ------
    InputError
        The volume has no voxels, is warped or sheared, or has an axis of no length.
    """
    name = volume_node.GetName()
    image_data = volume_node.GetImageData()
    if image_data is None or image_data.GetNumberOfPoints() == 0:
        raise InputError(f"{name} has no voxels.", "Load the scan again.")
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    parent = volume_node.GetParentTransformNode()
    if parent is not None:
        if not parent.IsTransformToWorldLinear():
            raise InputError(
                f"{name} lies under the warp {parent.GetName()}, which an image's geometry cannot hold.",
                "Harden the transform (Transforms module), or take the scan out of it.",
            )
        to_world = vtk.vtkMatrix4x4()
        parent.GetMatrixTransformToWorld(to_world)
        vtk.vtkMatrix4x4.Multiply4x4(to_world, matrix, matrix)
    ijk_to_ras = np.array(slicer.util.arrayFromVTKMatrix(matrix))
    first_index = image_data.GetExtent()[::2]  # not 0 in a volume that a filter cropped
    ijk_to_ras[:3, 3] += ijk_to_ras[:3, :3] @ first_index
    spacing = np.linalg.norm(ijk_to_ras[:3, :3], axis=0)
    if not np.all(np.isfinite(ijk_to_ras)) or spacing.min() <= 0:
        raise InputError(f"{name} has voxels of {spacing} mm.", "Voxel sizes must be above zero: load the scan again.")
    axes = ijk_to_ras[:3, :3] / spacing
    if np.abs(axes.T @ axes - np.eye(3)).max() > LARGEST_SHEAR:
        raise InputError(
            f"The axes of {name} are not at right angles (a sheared or tilted-gantry volume).",
            "Resample it to a regular grid first (module Resample Scalar/Vector/DWI Volume).",
        )
    return ijk_to_ras


def place_of(volume_node: slicer.vtkMRMLScalarVolumeNode) -> str:
    """Give a text that changes whenever a volume is moved in the world."""
    try:
        return str(world_ijk_to_ras(volume_node).round(6).tolist())
    except InputError as error:
        return str(error)


def set_geometry(image: sitk.Image, ijk_to_ras: NDArray[np.float64]) -> None:
    """Give an image its place from a matrix.

    Parameters
    ----------
    image : SimpleITK.Image
        Changed in place.
    ijk_to_ras : float64 array (4, 4)
        Axes at right angles.
    """
    ijk_to_lps = LPS_FROM_RAS @ ijk_to_ras
    spacing = np.linalg.norm(ijk_to_lps[:3, :3], axis=0)
    # the nearest exact rotation: file formats and ITK refuse cosines that were rounded
    left, _, right = np.linalg.svd(ijk_to_lps[:3, :3] / spacing)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((left @ right).ravel().tolist())
    image.SetOrigin(ijk_to_lps[:3, 3].tolist())


def geometry_of(image: sitk.Image) -> NDArray[np.float64]:
    """Give the matrix (4, 4) from an image's voxel indices (i, j, k, 1) to RAS mm."""
    ijk_to_lps = np.eye(4)
    ijk_to_lps[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    ijk_to_lps[:3, 3] = image.GetOrigin()
    return LPS_FROM_RAS @ ijk_to_lps


def fill_volume(
    volume_node: slicer.vtkMRMLScalarVolumeNode, voxels: NDArray[np.generic], ijk_to_ras: NDArray[np.float64]
) -> None:
    """Replace a volume node's voxels and geometry.

    Parameters
    ----------
    volume_node : vtkMRMLScalarVolumeNode
        Or a label map's node; changed in place.
    voxels : array (k, j, i)
        Copied.
    ijk_to_ras : float64 array (4, 4)
    """
    with slicer.util.NodeModify(volume_node):
        volume_node.SetAndObserveTransformNodeID(None)  # `ijk_to_ras` is in world coordinates already
        volume_node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras))
        slicer.util.updateVolumeFromArray(volume_node, voxels)


def file_of(scan_node: slicer.vtkMRMLScalarVolumeNode) -> str:
    """Give a scan's own file; empty if it has none."""
    storage = scan_node.GetStorageNode()
    return (storage.GetFullNameFromFileName() or "") if storage and storage.GetFileName() else ""


def _check_kind(volume_node: slicer.vtkMRMLScalarVolumeNode) -> None:
    if volume_node is None:
        raise InputError("No scan is chosen.", "Load a T2* or SWI volume and choose it.")
    name = volume_node.GetName()
    kind = volume_node.GetClassName()
    if kind != "vtkMRMLScalarVolumeNode":
        what = OTHER_KINDS.get(kind, f"of another kind ({kind})")
        raise InputError(f"{name} is {what}, not a scan.", "Choose the magnitude or SWI volume itself.")
    if volume_node.GetAttribute(RESULT_ATTRIBUTE):
        raise InputError(f"{name} is the result of a detection, not a scan.", "Choose the scan itself.")
    components = volume_node.GetImageData().GetNumberOfScalarComponents() if volume_node.GetImageData() else 1
    if components != 1:
        raise InputError(
            f"{name} has {components} values a voxel (a colour, vector or multi-frame volume).",
            "Choose the magnitude or SWI volume itself, with one value a voxel.",
        )


def _file_stem(name: str | None) -> str:
    """Make a file name that every system takes from a node's name."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name or "").strip("._-")[:80] or "scan"
