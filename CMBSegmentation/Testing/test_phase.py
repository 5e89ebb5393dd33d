"""Phase tells blood from calcium: in any scale, sign and direction, and says so where it cannot."""

import gc
import os
import weakref
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from phase_brain import MOMENT, NUCLEUS_MM, nuclei_of, phase_brain

from CMBSegmentationLib.detecting.phase.convention import Witness, settled
from CMBSegmentationLib.detecting.phase.iron import deep_grey, iron_boxes
from CMBSegmentationLib.detecting.phase.radians import scale_of
from CMBSegmentationLib.detecting.phase.source_field import Geometry
from CMBSegmentationLib.detecting.phase.substances import PhaseSigns, Place, read_signs
from CMBSegmentationLib.detecting.phase.veins import vein_boxes, vein_correlation
from CMBSegmentationLib.detecting.regions import FIRST_TISSUE
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.phase.image import PhaseImage
from CMBSegmentationLib.vocabulary.regions import REGIONS

DATA = Path(os.environ.get("CMB_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
GRE_7T = DATA / "gre_7t"
TURNED = sitk.Euler3DTransform((0.0, 0.0, 0.0), 1.2, 0.2, 0.1).GetMatrix()  # coronal, nearly


pytestmark = pytest.mark.xdist_group("phase")
made = phase_brain


@pytest.fixture(scope="module")
def signs_of_made() -> PhaseSigns:
    return signs_of(*made())


def brain_of(magnitude) -> sitk.Image:
    return sitk.BinaryMorphologicalClosing(sitk.Cast(magnitude > 300, sitk.sitkUInt8), [3, 3, 3])


def signs_of(magnitude, phase, places, manufacturer="") -> PhaseSigns:
    given = [PhaseImage(phase, "phase", 20.0, manufacturer)]
    return read_signs(magnitude, brain_of(magnitude), given, spots(places))


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


def test_without_veins_the_manufacturer_tells_the_sign_or_nobody_and_nothing_is_dropped_by_it():
    magnitude, phase, places = made(-1, veins=0)
    assert said(magnitude, phase, places) == ["unclear", "unclear"]
    signs = signs_of(magnitude, phase, places, "GE MEDICAL SYSTEMS")
    assert signs.convention.by == "manufacturer"
    assert any("that of GE was taken" in note for note in signs.notes)
    blood, calcium = signs.substances(spots(places))
    assert (blood.name, calcium.name) == ("blood", "calcium")
    assert not calcium.surely_calcium  # a header may lie


def test_where_there_is_nothing_nothing_is_told(signs_of_made):
    places = made()[2]
    empty = [Place(*(places[0] + (-4.5, -16.6, 1.0)), 3.0)]  # 7 mm from any vein
    assert [one.name for one in signs_of_made.substances(empty)] == ["unclear"]


def test_a_magnitude_given_as_phase_is_refused():
    magnitude, _, places = made()
    with pytest.raises(InputError, match="looks like a magnitude"):
        signs_of(magnitude, rescaled(magnitude, lambda m: m * 0.8 + 3), places)


def test_a_constant_phase_is_refused():
    magnitude, phase, places = made()
    with pytest.raises(InputError, match="same everywhere"):
        signs_of(magnitude, rescaled(phase, lambda p: 0 * p), places)


def test_the_local_field_is_bright_above_and_below_blood_and_dark_by_calcium(signs_of_made):
    magnitude, _, places = made()
    assert not any("high-passed" in note for note in signs_of_made.notes)
    field = signs_of_made.local_field(brain_of(magnitude))
    for place, one in zip(places, (1, -1), strict=True):
        above = [-place[0], -place[1], place[2] + 3.5]
        assert one * field[field.TransformPhysicalPointToIndex(above)] > 250  # thousandths of a radian
    values, inside = sitk.GetArrayFromImage(field), sitk.GetArrayFromImage(brain_of(magnitude)) > 0
    assert not values[~inside].any()
    assert np.percentile(np.abs(values[inside]), 75) < 400  # nothing is left of three turns across the brain


def test_prepared_phase_keeps_the_image_it_looks_into():
    magnitude, phase, places = made()
    given = rescaled(phase, lambda p: p)
    alive = weakref.ref(given)
    signs = signs_of(magnitude, given, places)
    del given
    gc.collect()
    assert alive() is not None  # a view into an image that is gone ends the process
    assert [one.name for one in signs.substances(spots(places))] == ["blood", "calcium"]


@pytest.mark.skipif(not GRE_7T.exists(), reason="platform: the real phase does not lie beside the checkout")
@pytest.mark.parametrize("block", ["ROMEO", "CLEARSWI"])
def test_real_veins_at_7_tesla_come_out_paramagnetic(block):
    magnitudes, phases = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(GRE_7T / f"{block}_{kind}.nii.gz"))) for kind in ("Mag", "Phase")
    )
    scale, geometry = scale_of(phases, block), Geometry((0.469, 0.469, 1.0), (0.0, 0.0, 1.0))
    for magnitude, phase in zip(magnitudes, phases, strict=True):  # echoes
        radians = ((phase - scale.zero) * scale.per_value).astype(np.float32)
        middle = magnitude.shape[0] // 2
        for beside in (slice(0, 19), slice(26, None)):  # of the falx, which is dark and long and no vein
            for slices in (slice(0, middle), slice(middle, None)):
                where = (slices, slice(None), beside)
                assert vein_correlation(radians[where], magnitude[where], geometry) > 0.03


def test_slices_that_alternate_by_half_a_turn_do_no_harm():
    """As GE's real and imaginary images do."""
    magnitude, phase, places = made()
    odd = np.pi * (np.arange(phase.GetSize()[2]) % 2)[:, None, None]
    alternating = rescaled(phase, lambda p: np.angle(np.exp(1j * (p + odd))))
    assert said(magnitude, alternating, places) == ["blood", "calcium"]


def test_thick_slices_may_lie_along_any_axis_of_the_array():
    magnitude, phase, places = made()
    turned = [sitk.PermuteAxes(one, [2, 0, 1]) for one in (magnitude, phase)]
    signs = signs_of(*turned, places)
    assert signs.convention.sign == 1
    moments = [one.moment_rad_mm3 for one in signs.substances(spots(places))]
    assert moments == pytest.approx((MOMENT, -MOMENT), rel=0.25)


def test_a_candidate_at_the_images_border_is_asked_like_any_other():
    magnitude, phase, places = made()
    index = magnitude.TransformPhysicalPointToIndex((places[0] * [-1, -1, 1]).tolist())
    for axis, first in ((0, True), (1, False), (2, True)):
        start, size = [0, 0, 0], list(magnitude.GetSize())
        if first:
            start[axis] = index[axis]
        size[axis] = size[axis] - index[axis] if first else index[axis] + 1
        fine = [sitk.RegionOfInterest(one, size, start) for one in (magnitude, phase)]
        for one in fine:
            one.SetSpacing((0.5, 0.5, 0.5))  # where the centre may stray by several voxels
        at = fine[0].TransformIndexToPhysicalPoint([i - s for i, s in zip(index, start, strict=True)])
        signs = PhaseSigns(signs_of_image(fine[1]), 1000.0, fine[0], brain_of(fine[0]), settled(()), ())
        assert signs.substance(Place(-at[0], -at[1], at[2], 4.0)).name == "unclear"


def signs_of_image(phase):
    from CMBSegmentationLib.detecting.phase.substances import Echo

    return (Echo(phase, scale_of(sitk.GetArrayFromImage(phase), "phase"), 20.0),)


def test_an_echo_that_is_no_phase_is_left_out():
    magnitude, phase, places = made()
    given = [PhaseImage(magnitude, "echo 1", 5.0), PhaseImage(phase, "echo 2", 20.0)]
    signs = read_signs(magnitude, brain_of(magnitude), given, spots(places))
    assert any("One echo's phase was not used: echo 1 looks like a magnitude" in note for note in signs.notes)
    assert [one.name for one in signs.substances(spots(places))] == ["blood", "calcium"]


# The sign


def test_boxes_that_settle_the_sign_do_not_overlap():
    magnitude = sitk.GetArrayFromImage(made()[0])
    boxes = vein_boxes(magnitude, magnitude > 300, (1.2, 1.2, 2.2), np.zeros((0, 3)))
    deep = iron_boxes(nuclei_of(made()[0], 9.0), (1.2, 1.2, 2.2), np.zeros((0, 3)))
    assert len(boxes) > 8
    assert len(deep) > 1
    for some in (boxes, deep):
        for one, other in combinations(some, 2):
            assert np.any((one.low >= other.high) | (other.low >= one.high))


def test_chance_seldom_settles_a_sign():
    rng = np.random.default_rng(4)
    found = [
        settled([Witness(name, tuple(rng.normal(0, 0.2, rng.integers(4, 80)))) for name in ("veins", "deep")]).sign
        for _ in range(400)
    ]
    assert np.count_nonzero(found) <= 16  # one in twenty-five, and no scan is mere chance


def test_a_phase_of_noise_tells_nothing():
    magnitude, phase, places = made()
    rng = np.random.default_rng(8)
    noise = rescaled(phase, lambda p: rng.uniform(-np.pi, np.pi, p.shape))
    assert said(magnitude, noise, places) == ["unclear", "unclear"]


@pytest.mark.parametrize("against", [-0.2, -0.4])
def test_witnesses_that_contradict_one_another_leave_it_open(against):
    spread = np.linspace(-0.1, 0.1, 9)
    veins, deep = Witness("veins", tuple(0.3 + spread)), Witness("deep grey matter", tuple(against + spread))
    assert settled([veins]).sign == 1
    convention = settled([veins, deep], "SIEMENS")
    assert convention.sign == 0
    assert "contradict" in convention.said


def test_a_manufacturer_is_not_believed_against_the_scan():
    leaning = Witness("veins", (0.2, 0.1, 0.15, -0.05, 0.1))  # not sure, but more than a hint
    assert settled([leaning], "SIEMENS").sign == 1
    assert settled([leaning], "GE MEDICAL SYSTEMS").sign == 0


def test_deep_grey_matter_tells_the_sign_where_there_are_no_veins():
    sign = -1
    magnitude, phase, places = made(sign, veins=0, iron=True)
    regions = sitk.GetArrayFromImage(brain_of(magnitude)) * np.uint8(FIRST_TISSUE + REGIONS.index("frontal"))
    regions[nuclei_of(magnitude, NUCLEUS_MM + 3)] = FIRST_TISSUE + REGIONS.index("basal ganglia")
    mapped = sitk.GetImageFromArray(regions)
    mapped.CopyInformation(magnitude)
    assert deep_grey(regions).any()
    signs = read_signs(magnitude, mapped, [PhaseImage(phase, "phase", 20.0)], spots(places), mapped=True)
    assert signs.convention.sign == sign
    assert signs.convention.by.endswith("deep grey matter")
    assert signs_of(magnitude, phase, places).convention.sign == 0  # without the map
    assert [one.name for one in signs.substances(spots(places))] == ["blood", "calcium"]


@pytest.mark.parametrize("off_mm", [(2.5, 0.0, 0.0), (0.0, -2.5, 0.0), (1.5, 1.5, -1.5)])
def test_a_body_that_was_outlined_in_part_is_asked_at_its_middle(signs_of_made, off_mm):
    _, _, places = made()
    parts = [Place(*(place + off_mm), diameter_mm=1.5) for place in places]
    assert [one.name for one in signs_of_made.substances(parts)] == ["blood", "calcium"]
