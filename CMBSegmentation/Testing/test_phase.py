"""Phase tells blood from calcium: in any scale, sign and direction, and says so where it cannot."""

import gc
import os
import weakref
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from phase_brain import MOMENT, phase_brain

from CMBSegmentationLib.detecting.phase.convention import vein_correlation
from CMBSegmentationLib.detecting.phase.radians import scale_of
from CMBSegmentationLib.detecting.phase.substances import PhaseSigns, Place, read_signs
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.phase.image import PhaseImage

DATA = Path(os.environ.get("CMB_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
GRE_7T = DATA / "gre_7t"
TURNED = sitk.Euler3DTransform((0.0, 0.0, 0.0), 1.2, 0.2, 0.1).GetMatrix()  # coronal, nearly


@lru_cache(maxsize=8)
def made(sign=1, **how):
    return phase_brain(sign, **how)


@lru_cache(maxsize=8)
def signs_of_made(sign=1) -> PhaseSigns:
    return signs_of(*made(sign))


def signs_of(magnitude, phase, places, manufacturer="") -> PhaseSigns:
    brain = sitk.Cast(magnitude > 300, sitk.sitkUInt8)
    brain = sitk.BinaryMorphologicalClosing(brain, [3, 3, 1])
    return read_signs(magnitude, brain, [PhaseImage(phase, "phase", 20.0, manufacturer)], spots(places))


def spots(places) -> list[Place]:
    return [Place(*one, 5.0) for one in places.tolist()]


def said(magnitude, phase, places, manufacturer="") -> list[str]:
    signs = signs_of(magnitude, phase, places, manufacturer)
    return [one.name for one in signs.substances(spots(places))]


def rescaled(phase: sitk.Image, change, kind=np.float32) -> sitk.Image:
    image = sitk.GetImageFromArray(change(sitk.GetArrayFromImage(phase).astype(float)).astype(kind))
    image.CopyInformation(phase)
    return image


@pytest.mark.parametrize(("sign", "direction"), [(1, None), (-1, TURNED)], ids=["axial", "coronal, other sign"])
def test_blood_and_calcium_are_told_in_either_sign_and_any_direction(sign, direction):
    how = {} if direction is None else {"direction": direction}
    magnitude, phase, places = made(sign, **how)
    signs = signs_of(magnitude, phase, places)
    assert (signs.convention.sign, signs.convention.by) == (sign, "veins")
    blood, calcium = signs.substances(spots(places))
    assert (blood.name, calcium.name) == ("blood", "calcium")
    assert (blood.moment_rad_mm3, calcium.moment_rad_mm3) == pytest.approx((MOMENT, -MOMENT), rel=0.25)
    assert calcium.surely_calcium
    assert not blood.surely_calcium


SCALES = {
    "siemens": (lambda p: np.floor((p + np.pi) / (2 * np.pi) * 4096) * 2 - 4096, np.int16),
    "stored": (lambda p: np.floor((p + np.pi) / (2 * np.pi) * 4096), np.uint16),
    "milliradians": (lambda p: np.rint(p * 1000), np.int16),
    "degrees": (np.degrees, np.float32),
    "turn": (lambda p: p % (2 * np.pi), np.float32),
    "odd": (lambda p: p * 0.00367 / np.pi, np.float32),
}


@pytest.mark.parametrize("scale", SCALES)
def test_any_range_becomes_radians(scale):
    phase = made()[1]
    change, kind = SCALES[scale]
    stored = sitk.GetArrayFromImage(rescaled(phase, change, kind))
    found = scale_of(stored, "phase")
    radians = (stored.astype(float) - found.zero) * found.per_value
    apart = np.exp(1j * (radians - sitk.GetArrayFromImage(phase)))  # a constant is part of the background
    np.testing.assert_allclose(apart, apart.flat[0], atol=0.01)


def test_an_unwrapped_phase_is_taken_as_it_is():
    magnitude, phase, places = made()
    unwrapped = rescaled(phase, lambda p: p + 2 * np.pi * np.rint(np.linspace(-4, 4, p.shape[2])))
    found = scale_of(sitk.GetArrayFromImage(unwrapped), "phase")
    assert (found.zero, found.per_value) == (0.0, 1.0)
    assert "already unwrapped" in found.said
    assert said(magnitude, unwrapped, places) == ["blood", "calcium"]


def test_the_difference_of_two_wrapped_phases_is_wrapped_again():
    phase = sitk.GetArrayFromImage(made()[1]).astype(float)
    twice = phase - 2 * np.pi * (np.arange(phase.size).reshape(phase.shape) % 3 == 0) * np.sign(phase)
    found = scale_of(twice, "phase")
    assert "over two turns" in found.said
    np.testing.assert_allclose(np.cos((twice - found.zero) * found.per_value - phase), 1, atol=1e-4)


def test_a_high_passed_phase_is_used_and_that_is_said():
    magnitude, phase, places = made(high_passed=True)
    signs = signs_of(magnitude, phase, places)
    assert any("high-passed already" in note for note in signs.notes)
    assert [one.name for one in signs.substances(spots(places))] == ["blood", "calcium"]


def test_without_veins_the_manufacturer_tells_the_sign_or_nobody():
    magnitude, phase, places = made(-1, veins=0)
    assert said(magnitude, phase, places) == ["unclear", "unclear"]
    signs = signs_of(magnitude, phase, places, "GE MEDICAL SYSTEMS")
    assert signs.convention.by == "manufacturer"
    assert any("that of GE was taken" in note for note in signs.notes)
    assert [one.name for one in signs.substances(spots(places))] == ["blood", "calcium"]


def test_where_there_is_nothing_nothing_is_told():
    places = made()[2]
    empty = [Place(places[0][0] + 14.0, places[0][1] + 6, places[0][2], 3.0)]
    assert [one.name for one in signs_of_made().substances(empty)] == ["unclear"]


def test_a_magnitude_given_as_phase_is_refused():
    magnitude, _, places = made()
    with pytest.raises(InputError, match="looks like a magnitude"):
        signs_of(magnitude, rescaled(magnitude, lambda m: m * 0.8 + 3), places)


def test_a_constant_phase_is_refused():
    magnitude, phase, places = made()
    with pytest.raises(InputError, match="same everywhere"):
        signs_of(magnitude, rescaled(phase, lambda p: 0 * p), places)


def test_the_local_field_is_bright_above_and_below_blood_and_dark_by_calcium():
    places, signs = made()[2], signs_of_made()
    assert not any("high-passed" in note for note in signs.notes)
    for place, one in zip(places, (1, -1), strict=True):
        field = signs.local_field(Place(*place.tolist(), 5.0), (15.0, 15.0, 5.0))
        above = [-place[0], -place[1], place[2] + 3.0]
        assert one * field[field.TransformPhysicalPointToIndex(above)] > 0.3


def test_prepared_phase_keeps_the_image_it_looks_into():
    magnitude, phase, places = made()
    given = rescaled(phase, lambda p: p)
    alive = weakref.ref(given)
    signs = signs_of(magnitude, given, places)
    del given
    gc.collect()
    assert alive() is not None  # a view into an image that is gone ends the process
    assert [one.name for one in signs.substances(spots(places))] == ["blood", "calcium"]


@pytest.mark.skipif(not GRE_7T.exists(), reason="needs real phase, which is not part of the project")
@pytest.mark.parametrize("block", ["ROMEO", "CLEARSWI"])
def test_real_veins_at_7_tesla_come_out_paramagnetic(block):
    magnitudes, phases = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(GRE_7T / f"{block}_{kind}.nii.gz"))) for kind in ("Mag", "Phase")
    )
    scale = scale_of(phases, block)
    for magnitude, phase in zip(magnitudes, phases, strict=True):  # echoes
        radians = ((phase - scale.zero) * scale.per_value).astype(np.float32)
        middle = magnitude.shape[0] // 2
        for beside in (slice(0, 19), slice(26, None)):  # of the falx, which is dark and long and no vein
            for slices in (slice(0, middle), slice(middle, None)):
                where = (slices, slice(None), beside)
                assert vein_correlation(radians[where], magnitude[where], (0.469, 0.469, 1.0), (0.0, 0.0, 1.0)) > 0.03
