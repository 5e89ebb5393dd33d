"""From a scan's own grid to the model's grid, and back.

The scan is turned to the nearest canonical orientation (axes permuted and flipped, never
interpolated), cropped to the brain, resampled to the model's voxel size and normalised. Everything
after the turn happens in index space, so a scan saved in another axis order gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import InputError
from ..models.input_spec import InputSpec
from ..reading.grid import labels_on_grid
from .brain_mask import brain_mask
from .tissue_level import tissue_level

SIGNAL_UNIT = 0.25  # of the local tissue's signal: one step of "local-tissue", so that a signal void lies at -4
BRIGHTEST = 2.0  # times the local tissue: inflow and scalp beyond it are cut off
SPACING_DECIMALS = 4
CROP_MARGIN_MM = 4.0  # context kept around the brain's bounding box


@dataclass(frozen=True)
class PreparedScan:
    """A scan on the model's grid, and the way back.

    Attributes
    ----------
    voxels : float32 array (i, j, k)
        Normalised intensities; axes as in the spec.
    brain : bool array (i, j, k)
        Brain mask on the same grid.
    scan_brain : SimpleITK.Image
        The mask on the scan's own grid.
    """

    voxels: NDArray[np.float32]
    brain: NDArray[np.bool_]
    scan_brain: sitk.Image
    spec: InputSpec
    _scan: sitk.Image
    _orientation: str
    _crop_start: tuple[int, int, int]
    _crop_size: tuple[int, int, int]

    def ras_to_index(self) -> NDArray[np.float64]:
        """Matrix (4, 4) from patient RAS mm to fractional indices (i, j, k) of `voxels`."""
        canonical = sitk.DICOMOrient(_geometry_of(self._scan), self.spec.axes)
        spacing = np.array(_without_position(canonical).GetSpacing())
        turn = np.array(canonical.GetDirection()).reshape(3, 3)
        to_mm = np.diag([-1.0, -1.0, 1.0]) @ turn  # from the canonical grid's mm to RAS; SimpleITK's frame is LPS
        first = np.array([-1.0, -1.0, 1.0]) * canonical.GetOrigin()
        matrix = np.eye(4)
        model = np.array(self.spec.spacing_mm)
        matrix[:3, :3] = to_mm.T / model[:, None]
        edge_mm = (np.array(self._crop_start) - 0.5) * spacing  # where the box begins, from the first voxel's centre
        matrix[:3, 3] = (-to_mm.T @ first - edge_mm) / model - 0.5
        return matrix

    def parts_of_a_voxel(self) -> NDArray[np.float64]:
        """Give the places (n, 3) that `to_scan_grid` looks at in a scan voxel, from its centre, in voxels here."""
        canonical = sitk.DICOMOrient(_geometry_of(self._scan), self.spec.axes)
        spacing = _without_position(canonical).GetSpacing()
        steps = [((np.arange(n) + 0.5) / n - 0.5) * s for n, s in zip(self._parts_along(spacing), spacing, strict=True)]
        return np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3) / self.spec.spacing_mm

    def _parts_along(self, spacing: Sequence[float]) -> list[int]:
        """Say into how many parts a scan voxel is cut along each of the model's axes."""
        return [max(1, round(s / m)) for s, m in zip(spacing, self.spec.spacing_mm, strict=True)]

    def to_scan_grid(self, values: NDArray[np.float32], outside: float = 0.0) -> sitk.Image:
        """Bring values from the model's grid onto the scan's own grid.

        A scan voxel that covers several model voxels takes their largest value: a coarse scan
        never loses a small lesion between its voxel centres.

        Parameters
        ----------
        values : float32 array (i, j, k)
            On the grid of `voxels`.
        outside : float
            Value outside the cropped box.

        Returns
        -------
        SimpleITK.Image
            Float32, with the geometry of the scan.
        """
        canonical = sitk.DICOMOrient(_geometry_of(self._scan), self.spec.axes)
        spacing = _without_position(canonical).GetSpacing()
        fine = self._parts_along(spacing)
        moving = _index_space_image(values, self.spec.spacing_mm)
        box_mm = [n * s for n, s in zip(self._crop_size, spacing, strict=True)]
        on_fine = _resample_box(moving, box_mm, [s / f for s, f in zip(spacing, fine, strict=True)], sitk.sitkLinear)
        nx, ny, nz = self._crop_size
        fx, fy, fz = fine
        blocks = sitk.GetArrayViewFromImage(on_fine).reshape(nz, fz, ny, fy, nx, fx)
        cropped = blocks.max(axis=(1, 3, 5))

        full = np.full(canonical.GetSize()[::-1], outside, np.float32)
        x, y, z = self._crop_start
        full[z : z + nz, y : y + ny, x : x + nx] = cropped
        image = sitk.GetImageFromArray(full)
        image.CopyInformation(canonical)
        back = sitk.DICOMOrient(image, self._orientation)
        back.CopyInformation(self._scan)  # undo rounding in the origin
        return back


def prepare(image: sitk.Image, spec: InputSpec, mask: sitk.Image | None = None) -> PreparedScan:
    """Turn, mask, crop, resample and normalise a scan.

    Parameters
    ----------
    image : SimpleITK.Image
        3D scalar image, finite values, any geometry.
    spec : InputSpec
        What the model expects.
    mask : SimpleITK.Image, optional
        Brain mask of the scan's voxels, in any order of axes; found by `brain_mask` if not given.

    Returns
    -------
    PreparedScan

    Raises
    ------
    InputError
        The mask is on another grid or empty.

    References
    ----------
    del Pozo Lerida 2023, section V-B.
    """
    orientation = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection())
    canonical = sitk.DICOMOrient(sitk.Cast(image, sitk.sitkFloat32), spec.axes)
    plain = _without_position(canonical)
    if mask is None:
        plain_mask = brain_mask(plain)
    else:
        given = _mask_of(mask, image)
        plain_mask = _without_position(sitk.DICOMOrient(given, spec.axes))

    start, size = _crop_box(plain_mask)
    box_mm = [n * s for n, s in zip(size, plain.GetSpacing(), strict=True)]
    voxels = _cropped_and_resampled(plain, start, size, box_mm, spec.spacing_mm, sitk.sitkLinear)
    brain = _cropped_and_resampled(plain_mask, start, size, box_mm, spec.spacing_mm, sitk.sitkNearestNeighbor) > 0

    scan_brain = sitk.GetImageFromArray(sitk.GetArrayViewFromImage(plain_mask))
    scan_brain.CopyInformation(canonical)
    scan_brain = sitk.DICOMOrient(scan_brain, orientation)
    scan_brain.CopyInformation(image)
    return PreparedScan(
        voxels=_normalised(voxels, brain, spec),
        brain=brain,
        scan_brain=scan_brain,
        spec=spec,
        _scan=_geometry_of(image),
        _orientation=orientation,
        _crop_start=start,
        _crop_size=size,
    )


def resample_labels(labels: sitk.Image, prepared: PreparedScan) -> NDArray[Any]:
    """Bring a label image of the scan's grid onto the model's grid (nearest neighbour).

    Parameters
    ----------
    labels : SimpleITK.Image
        Integer labels on the grid of the scan that was prepared.
    prepared : PreparedScan
        What `prepare` returned for that scan.

    Returns
    -------
    array (i, j, k)
        Labels on the grid of ``prepared.voxels``.
    """
    plain = _without_position(sitk.DICOMOrient(labels, prepared.spec.axes))
    size = prepared._crop_size
    box_mm = [n * s for n, s in zip(size, plain.GetSpacing(), strict=True)]
    return _cropped_and_resampled(
        plain, prepared._crop_start, size, box_mm, prepared.spec.spacing_mm, sitk.sitkNearestNeighbor
    )


def _mask_of(mask: sitk.Image, image: sitk.Image) -> sitk.Image:
    """Give a brain mask 0 or 1 in the scan's order of axes."""
    if not sitk.GetArrayViewFromImage(mask).any():
        raise InputError("The brain mask is empty.", "Give a mask with the brain set to 1, or none.")
    return labels_on_grid(image, sitk.Cast(mask != 0, sitk.sitkUInt8), "The brain mask")


def _geometry_of(image: sitk.Image) -> sitk.Image:
    """Hold size, spacing, origin and direction in an image that costs one byte a voxel."""
    shell = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    shell.CopyInformation(image)
    return shell


def _without_position(image: sitk.Image) -> sitk.Image:
    """Keep voxels and spacing, drop origin and direction: what follows is in index space."""
    plain = sitk.Image(image)
    plain.SetOrigin((0.0, 0.0, 0.0))
    plain.SetSpacing([round(s, SPACING_DECIMALS) for s in plain.GetSpacing()])  # formats round differently
    plain.SetDirection(np.eye(3).ravel().tolist())
    return plain


def _index_space_image(values: NDArray[Any], spacing: Sequence[float]) -> sitk.Image:
    """Make an image whose box begins at 0 mm from an array (i, j, k)."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(2, 1, 0)))
    image.SetSpacing(spacing)
    image.SetOrigin([s / 2 for s in spacing])
    return image


def _crop_box(mask: sitk.Image) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(mask)
    box = statistics.GetBoundingBox(1)
    start, size = [], []
    for axis in range(3):
        margin = int(np.ceil(CROP_MARGIN_MM / mask.GetSpacing()[axis]))
        low = max(0, box[axis] - margin)
        high = min(mask.GetSize()[axis], box[axis] + box[axis + 3] + margin)
        start.append(low)
        size.append(high - low)
    return (start[0], start[1], start[2]), (size[0], size[1], size[2])


def _resample_box(moving: sitk.Image, box_mm: Sequence[float], spacing: Sequence[float], how: int) -> sitk.Image:
    """Fill the box from 0 to `box_mm` with voxels of `spacing`, edge to edge."""
    size = [max(1, round(b / s)) for b, s in zip(box_mm, spacing, strict=True)]
    grid = sitk.ResampleImageFilter()
    grid.SetSize(size)
    grid.SetOutputSpacing(list(spacing))
    grid.SetOutputOrigin([s / 2 for s in spacing])
    grid.SetInterpolator(how)
    grid.SetUseNearestNeighborExtrapolator(True)
    return grid.Execute(moving)


def _cropped_and_resampled(
    image: sitk.Image,
    start: Sequence[int],
    size: Sequence[int],
    box_mm: Sequence[float],
    spacing: Sequence[float],
    how: int,
) -> NDArray[Any]:
    cropped = sitk.RegionOfInterest(image, list(size), list(start))
    cropped.SetOrigin([s / 2 for s in image.GetSpacing()])
    resampled = _resample_box(cropped, box_mm, spacing, how)
    return np.ascontiguousarray(sitk.GetArrayViewFromImage(resampled).transpose(2, 1, 0))


def _normalised(voxels: NDArray[Any], brain: NDArray[np.bool_], spec: InputSpec) -> NDArray[np.float32]:
    values = voxels.astype(np.float32, copy=False)
    if spec.normalization == "local-tissue":
        share = np.clip(values / tissue_level(values, brain, spec.spacing_mm), 0, np.float32(BRIGHTEST))
        return (share - np.float32(1)) / np.float32(SIGNAL_UNIT)
    sample = values[brain] if spec.normalization == "zscore-brain" and brain.any() else values
    mean, deviation = float(sample.mean(dtype=np.float64)), float(sample.std(dtype=np.float64))
    if deviation <= 0:
        deviation = 1.0
    return (values - np.float32(mean)) / np.float32(deviation)
