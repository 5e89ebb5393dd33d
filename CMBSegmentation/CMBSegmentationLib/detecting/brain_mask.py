"""Where there is brain: shading off, Otsu's threshold and morphology, on a coarse copy of the scan."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

WORKING_SPACING_MM = 2.0  # the mask is found at about this voxel size: fast, and smooth enough
SHADING_SPACING_MM = 6.0  # the coils' shading is smooth: found at this voxel size
SCALP_GAP_MM = 5.0  # an erosion by this much parts brain from scalp across the dark skull
SULCUS_CLOSING_MM = 12.0  # closes sulci, sinuses and surface lesions over
MARGIN_MM = 2.0


def brain_mask(image: sitk.Image) -> sitk.Image:
    """Find the brain of a head scan or of a skull-stripped one.

    Parameters
    ----------
    image : SimpleITK.Image
        3D magnitude image, any geometry, finite values.

    Returns
    -------
    SimpleITK.Image
        UInt8 mask (0, 1) on the grid of `image`. All ones where thresholding leaves nothing, so
        that a scan is never searched nowhere.

    References
    ----------
    del Pozo Lerida 2023, section V-B: Otsu's threshold, morphology, largest component.
    Tustison et al., IEEE Trans Med Imaging 29:1310, 2010: N4 shading correction.
    """
    coarse = _resample_to(image, WORKING_SPACING_MM)
    coarse = sitk.DiscreteGaussian(coarse, variance=[WORKING_SPACING_MM**2] * 3)
    tissue = sitk.OtsuThreshold(_without_shading(coarse), 0, 1)
    brain = _largest_component(_erode(tissue, SCALP_GAP_MM))
    if not _any(brain):  # a very small or thin object: keep what the threshold gave
        brain = _largest_component(tissue)
    if not _any(brain):
        return _full_mask(image)
    brain = _dilate(brain, SCALP_GAP_MM + MARGIN_MM)
    brain = _close(brain, SULCUS_CLOSING_MM)
    brain = sitk.BinaryFillhole(brain, fullyConnected=False)
    onto_scan = sitk.Resample(sitk.Cast(brain, sitk.sitkFloat32), image, sitk.Transform(), sitk.sitkLinear, 0.0)
    mask = sitk.BinaryThreshold(onto_scan, 0.5, 2.0, 1, 0)
    return mask if _any(mask) else _full_mask(image)


def _without_shading(image: sitk.Image) -> sitk.Image:
    """Even out the receive coils' brightness (N4), which else puts the brain's middle below the threshold."""
    lowest = float(sitk.GetArrayViewFromImage(image).min())
    positive = sitk.Cast(image - lowest, sitk.sitkFloat32) + 1e-3
    shrunk = _resample_to(positive, SHADING_SPACING_MM)
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([25, 25, 25])
    try:
        n4.Execute(shrunk, sitk.LiThreshold(shrunk, 0, 1))
    except RuntimeError:  # too few voxels for a spline: such an image has no shading worth removing
        return positive
    return positive / sitk.Exp(sitk.Cast(n4.GetLogBiasFieldAsImage(positive), sitk.sitkFloat32))


def _resample_to(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """Cover the same box with voxels of at least `spacing_mm` (finer axes are averaged)."""
    shrink = [max(1, round(spacing_mm / s)) for s in image.GetSpacing()]
    shrink = [min(k, n) for k, n in zip(shrink, image.GetSize(), strict=True)]
    return sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), shrink)


def _radius_voxels(image: sitk.Image, radius_mm: float) -> list[int]:
    return [round(radius_mm / s) for s in image.GetSpacing()]


def _erode(mask: sitk.Image, radius_mm: float) -> sitk.Image:
    return sitk.BinaryErode(mask, _radius_voxels(mask, radius_mm), sitk.sitkBall, 0, 1, False)


def _dilate(mask: sitk.Image, radius_mm: float) -> sitk.Image:
    return sitk.BinaryDilate(mask, _radius_voxels(mask, radius_mm), sitk.sitkBall, 0, 1, False)


def _close(mask: sitk.Image, radius_mm: float) -> sitk.Image:
    radius = _radius_voxels(mask, radius_mm)
    padded = sitk.ConstantPad(mask, radius, radius, 0)  # else closing sticks to the border
    closed = sitk.BinaryMorphologicalClosing(padded, radius, sitk.sitkBall, 1, False)
    return sitk.Crop(closed, radius, radius)


def _largest_component(mask: sitk.Image) -> sitk.Image:
    return sitk.RelabelComponent(sitk.ConnectedComponent(mask), sortByObjectSize=True) == 1


def _any(mask: sitk.Image) -> bool:
    return bool(sitk.GetArrayViewFromImage(mask).any())


def _full_mask(image: sitk.Image) -> sitk.Image:
    full = sitk.GetImageFromArray(np.ones(image.GetSize()[::-1], np.uint8))
    full.CopyInformation(image)
    return full
