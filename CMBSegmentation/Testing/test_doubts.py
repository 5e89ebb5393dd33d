"""What can be read as a scan and is none, or is too coarse: it is searched, and the doubt is said."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CMBSegmentationLib.reading.scan import read_scan


def write(path: Path, values, spacing_mm=(1.0, 1.0, 3.0)) -> Path:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing_mm)
    sitk.WriteImage(image, str(path))
    return path


def a_ball(shape=(30, 60, 60)):
    z, y, x = (np.linspace(-1, 1, n) for n in shape)
    return (z[:, None, None] ** 2 + y[:, None] ** 2 + x**2) < 0.8


def regions_of(ball):
    return (ball * (1 + np.indices(ball.shape)[2] // 7)).astype(np.int16)


@pytest.mark.parametrize("made", [lambda ball: ball.astype(np.uint8), regions_of])
def test_a_mask_or_a_label_map_is_called_one(tmp_path, made):
    (note,) = read_scan(write(tmp_path / "labels.nii.gz", made(a_ball()))).notes
    assert "looks like a mask or a label map" in note
    assert "SWI magnitude" in note


@pytest.mark.parametrize("levels", [8, 255, 4000])
def test_a_scan_is_not_taken_for_one_however_few_grey_levels_it_has(tmp_path, levels):
    signal = a_ball() * (0.6 + 0.1 * np.random.default_rng(0).standard_normal((30, 60, 60)))
    scan = np.clip(np.rint(levels * signal), 0, levels).astype(np.int16)
    assert read_scan(write(tmp_path / "scan.nii.gz", scan)).notes == ()


@pytest.mark.parametrize("spacing_mm", [(3.0, 3.0, 3.0), (3.0, 0.9, 3.0)])
def test_voxels_wider_than_a_microbleed_are_told(tmp_path, spacing_mm):
    scan = np.random.default_rng(0).normal(100, 10, (30, 40, 40)).astype(np.float32)
    (note,) = read_scan(write(tmp_path / "coarse.nii.gz", scan, spacing_mm)).notes
    assert "3.0 mm wide in plane" in note


def test_thick_slices_of_fine_pixels_are_what_clinics_have(tmp_path):
    scan = np.random.default_rng(0).normal(100, 10, (24, 60, 60)).astype(np.float32)
    assert read_scan(write(tmp_path / "scan.nii.gz", scan, (0.9, 0.9, 6.0))).notes == ()
