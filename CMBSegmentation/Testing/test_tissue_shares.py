"""What the verifier is shown of the tissue at and around a candidate."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from CMBSegmentationLib.detecting.candidates.hills import Hill
from CMBSegmentationLib.detecting.model_grid import prepare
from CMBSegmentationLib.detecting.regions import Regions
from CMBSegmentationLib.detecting.tissue_shares import RING_MM, ring_around, shares_of
from CMBSegmentationLib.detecting.verifier import crop
from CMBSegmentationLib.models.input_spec import CROP, InputSpec

SPEC = InputSpec("RAS", (1.0, 1.0, 2.0), "zscore-brain")
PLANE_MM = 4.0  # fluid lies to the right of it


def a_scan(axes: str) -> sitk.Image:
    """A ball of tissue about the origin."""
    z, y, x = np.indices((30, 60, 60))
    ball = ((z - 15) * 2) ** 2 + (y - 30) ** 2 + (x - 30) ** 2 < 27**2
    image = sitk.GetImageFromArray((ball * 500 + np.random.default_rng(0).normal(0, 9, ball.shape)).astype(np.float32))
    image.SetSpacing((1, 1, 2))
    image.SetOrigin((-30, -30, -30))
    return sitk.DICOMOrient(image, axes)


def a_map() -> Regions:
    """Fluid to the right of a plane, parenchyma to its left, on a coarse grid of its own."""
    share = np.zeros((40, 40, 40), np.float32)
    image = sitk.GetImageFromArray(share)
    image.SetSpacing((1.5, 1.5, 1.5))
    image.SetOrigin((-30, -30, -30))
    right = np.array([-(i * 1.5 - 30) for i in range(40)])  # of each plane, mm: SimpleITK's x points left
    fluid = np.broadcast_to((right > PLANE_MM).astype(np.float32), share.shape)
    images = [sitk.GetImageFromArray(np.ascontiguousarray(values)) for values in (fluid, 1 - fluid)]
    for one in images:
        one.CopyInformation(image)
    return Regions(image, (1.0, 0.0, 0.0, 0.0), *images)


@pytest.mark.parametrize("axes", ["LPS", "RAS", "PIR"])
@pytest.mark.parametrize(("right_mm", "fluid", "around"), [(12.0, 1.0, 0.0), (-12.0, 0.0, 1.0)])
def test_a_candidate_is_shown_what_lies_there_however_the_scan_is_stored(axes, right_mm, fluid, around):
    prepared = prepare(a_scan(axes), SPEC)
    shares = shares_of(a_map(), prepared.ras_to_index(), SPEC.spacing_mm)
    index = np.rint(prepared.ras_to_index() @ (right_mm, 2.0, 1.0, 1.0))[:3].astype(int)
    one = Hill(tuple(index[:, None]), np.array([0.9], np.float32), index.astype(float), tuple(index))
    shown = crop(prepared.voxels, np.zeros_like(prepared.voxels), one, shares)
    middle = tuple(n // 2 for n in CROP)
    assert shown[(*middle, 3)] == pytest.approx(fluid)
    assert shown[(*middle, 4)] == pytest.approx(around)


def test_the_plane_between_them_lies_where_the_map_has_it():
    prepared = prepare(a_scan("LPS"), SPEC)
    shares = shares_of(a_map(), prepared.ras_to_index(), SPEC.spacing_mm)
    index = np.rint(prepared.ras_to_index() @ (PLANE_MM, 0.0, 0.0, 1.0))[:3].astype(int)
    one = Hill(tuple(index[:, None]), np.array([0.9], np.float32), index.astype(float), tuple(index))
    along = crop(prepared.voxels, np.zeros_like(prepared.voxels), one, shares)[:, 12, 8, 3]
    assert (np.diff(along) >= 0).all()  # the axis runs to the right
    assert abs(int(np.argmax(along > 0.5)) - 12) <= 1


def test_the_ring_is_what_lies_within_two_millimetres_and_not_the_candidate():
    spacing = (0.6, 0.6, 1.0)
    places = np.argwhere(np.ones((3, 2, 1))) + 20
    ring = ring_around(tuple(places.T), spacing)
    inside = np.zeros((60, 60, 60), bool)
    inside[tuple(places.T)] = True
    apart = ndimage.distance_transform_edt(~inside, sampling=spacing)
    expected = np.argwhere((apart > 0) & (apart <= RING_MM))
    assert sorted(map(tuple, ring)) == sorted(map(tuple, expected))
