"""Ways to take the background off a phase image: what comes from outside the brain goes, what lies in it stays."""

import numpy as np
import pytest
import SimpleITK as sitk

from CMBSegmentationLib.detecting.phase.radians import scale_of
from CMBSegmentationLib.reading.phase.image import PhaseImage
from cmbtraining.benchmark.backgrounds import without_background

SHAPE = (40, 48, 48)


def image_of(values):
    image = sitk.GetImageFromArray(values.astype(np.float32))
    image.SetSpacing((1.0, 1.0, 1.0))
    return image


@pytest.mark.parametrize(("how", "left"), [("high-pass", 0.25), ("v-sharp", 0.05)])
def test_a_field_from_outside_goes_and_a_dipole_inside_stays(how, left):
    z, y, x = np.indices(SHAPE, dtype=float) - (np.array(SHAPE) / 2)[:, None, None, None]
    r = np.sqrt(z**2 + y**2 + x**2)
    brain = r < 17
    far = np.sqrt((z - 45) ** 2 + (y - 20) ** 2 + x**2)  # a source outside the brain
    outside = 2e5 * (3 * (z - 45) ** 2 / far**2 - 1) / far**3
    dipole = np.where(r > 1.5, 8 * (3 * z**2 / np.maximum(r, 1) ** 2 - 1) / np.maximum(r, 1.5) ** 3, 0)
    near = (r > 1.5) & (r < 4)
    assert np.ptp(outside[brain]) > 2 * np.pi  # it wraps
    turned = np.angle(np.exp(1j * (outside + dipole)))
    turned[0, 0, :2] = -np.pi, np.pi
    done = without_background(PhaseImage(image_of(turned), "p"), image_of(brain), how)
    result = sitk.GetArrayFromImage(done.image)
    assert scale_of(result, "p").per_value == pytest.approx(1)
    assert np.corrcoef(result[near], dipole[near])[0, 1] > 0.95
    smooth = (r > 6) & (r < 12)
    assert np.abs(result[smooth]).mean() < left * np.abs(outside[smooth] - outside[smooth].mean()).mean()
