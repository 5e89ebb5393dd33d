"""The same scan otherwise stored: lesions and mimics stay where they are."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from cmbtraining.benchmark.variants import VARIANTS, write_variant
from cmbtraining.synthesis.acquisition import swi_magnitude


def a_subject(folder):
    """A ball in an oblique grid, with its label and a mimic's."""
    index = np.indices((16, 24, 28)).transpose(1, 2, 3, 0)
    ball = np.linalg.norm((index - (8, 12, 14)) * (2.0, 1.0, 1.0), axis=-1) <= 4
    mimics = np.where(np.roll(ball, 8, axis=2), 3, 0).astype(np.uint8)
    turn = sitk.Euler3DTransform((0, 0, 0), 0.1, -0.2, 0.3)
    folder.mkdir()
    for name, values in (
        ("T2S", np.where(ball, 100, 900).astype(np.int16)),
        ("CMB", ball.astype(np.uint8)),
        ("mimics", mimics),
    ):
        image = sitk.GetImageFromArray(values)
        image.SetSpacing((1.0, 1.0, 2.0))
        image.SetDirection(turn.GetMatrix())
        image.SetOrigin((5.0, -7.0, 11.0))
        sitk.WriteImage(image, str(folder / f"sub-1_{name}.nii.gz"))


def centre_mm(image, label):
    z, y, x = ndimage.center_of_mass(sitk.GetArrayFromImage(image) == label)
    return image.TransformContinuousIndexToPhysicalPoint((x, y, z))


@pytest.mark.parametrize("variant", VARIANTS)
def test_lesions_and_mimics_stay_where_they_are(tmp_path, variant):
    a_subject(tmp_path / "sub-1")
    write_variant(tmp_path / "sub-1", tmp_path / "out", variant)
    for name, label in (("CMB", 1), ("mimics", 3)):
        before, after = (sitk.ReadImage(str(tmp_path / f / f"sub-1_{name}.nii.gz")) for f in ("sub-1", "out"))
        assert centre_mm(after, label) == pytest.approx(centre_mm(before, label), abs=1.0)
        assert set(np.unique(sitk.GetArrayFromImage(after))) == {0, label}
    scan, mask = (sitk.ReadImage(str(tmp_path / "out" / f"sub-1_{name}.nii.gz")) for name in ("T2S", "CMB"))
    assert scan.GetSize() == mask.GetSize()
    values, inside = sitk.GetArrayFromImage(scan), sitk.GetArrayFromImage(mask) > 0
    assert values[inside].mean() < 0.5 * values[~inside].mean()


def test_the_variants_are_what_they_say(tmp_path):
    a_subject(tmp_path / "sub-1")
    plain = sitk.ReadImage(str(tmp_path / "sub-1" / "sub-1_T2S.nii.gz"))
    made = {name: change(plain) for name, change in VARIANTS.items()}
    assert made["half-resolution"].GetSpacing() == pytest.approx((2, 2, 2))
    assert made["thick-slices"].GetSpacing() == pytest.approx((1, 1, 4))
    assert made["reoriented"].GetSize() == (24, 16, 28)
    assert sitk.GetArrayFromImage(made["times-1000"]).max() == 900_000


def test_swi_of_the_other_phase_convention_shows_paramagnetic_matter_less_dark():
    signal = np.ones((1, 64, 64), np.complex64)
    signal[0, 30:34, 30:34] = np.exp(2j)
    dark, other = (swi_magnitude(values)[0, 31, 31] for values in (signal, np.conj(signal)))
    assert dark < 0.2 < 0.9 < other
