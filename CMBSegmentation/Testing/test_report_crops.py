"""The report's pictures: sides, millimetres, outlines, windows."""

from __future__ import annotations

import base64
import io
import itertools
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from property_tests import examples
from report_scans import _on_grid, a_detection, an_empty_scan

from CMBSegmentationLib.detecting.detect import Detection
from CMBSegmentationLib.report.crops import (
    FIELD_MM,
    PIXEL_MM,
    Overview,
    Window,
    display_window,
    lesion_crops,
    tilt_degrees,
)
from CMBSegmentationLib.report.page import report_html

ORIENTATIONS = [
    "".join(code) for axes in itertools.permutations(("RL", "AP", "SI")) for code in itertools.product(*axes)
]
BRIGHT = 1000.0
LEFT_ANTERIOR_ABOVE = ((10.0, 0.0, 0.0), (0.0, -10.0, 0.0), (0.0, 0.0, 12.0))  # mm, LPS


def with_marks(detection: Detection, offsets_mm: Sequence[Sequence[float]]) -> Detection:
    """The same with one bright voxel at each offset (LPS mm) from its first lesion."""
    image = sitk.Image(detection.image)
    lesion = detection.lesions[0]
    for offset in offsets_mm:
        at = np.array((-lesion.r_mm, -lesion.a_mm, lesion.s_mm)) + offset
        image[image.TransformPhysicalPointToIndex(at.tolist())] = BRIGHT
    return replace(detection, image=image)


def pixels(data_uri: str) -> np.ndarray:
    assert data_uri.startswith("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data_uri.split(",")[1]))))


def brightest_mm(data_uri: str) -> tuple[float, float]:
    """Middle of what is white, in mm right of and below the picture's centre."""
    rows, columns = np.nonzero(pixels(data_uri) > 120)
    return tuple(float((axis.mean() + 0.5) * PIXEL_MM - FIELD_MM / 2) for axis in (columns, rows))


def box_of(path: str) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of an outline in mm."""
    xs = [float(x) for x in re.findall(r"[MH](-?[\d.]+)", path)]
    ys = [float(y) for y in re.findall(r"(?:M-?[\d.]+ |V)(-?[\d.]+)", path)]
    return min(xs), min(ys), max(xs), max(ys)


# --- sides and millimetres ---------------------------------------------------------------------------


@examples(60)
@given(orientation=st.sampled_from(ORIENTATIONS), turn_degrees=st.integers(-12, 12))
def test_the_patients_left_is_on_the_right_of_the_picture_however_the_scan_is_stored(orientation, turn_degrees):
    scan = an_empty_scan((1.6, 1.6, 1.6), turn_degrees)
    plain = a_detection([((18, 18, 20), 0.9)], scan=scan, orientation=orientation)
    seen = []
    for offset in LEFT_ANTERIOR_ABOVE:
        marked = with_marks(plain, [np.array(scan.GetDirection()).reshape(3, 3) @ offset])  # along the scan's axes
        seen.append([brightest_mm(crop.png) for crop in _crops_with_mark(marked)])
    left, anterior, above = seen
    assert left[0][0] > 8
    assert left[1][0] > 8
    assert anterior[0][1] < -8
    assert anterior[1][0] < -8
    assert above[0][1] < -10
    assert above[1][1] < -10


def _crops_with_mark(detection: Detection):
    crops = lesion_crops(detection, detection.lesions[0], Window(0, BRIGHT))
    return [crop for crop in crops if (pixels(crop.png) > 120).any()]


def test_the_letters_say_where_the_edges_of_each_plane_point():
    crops = lesion_crops(detection := a_detection(), detection.lesions[0], Window(0, 200))
    letters = {c.plane.name: (c.plane.left, c.plane.right, c.plane.top, c.plane.bottom) for c in crops}
    assert letters == {"axial": tuple("RLAP"), "coronal": tuple("RLSI"), "sagittal": tuple("APSI")}
    article = re.findall(r"<article.*?</article>", report_html(detection, scan_name="s"), re.S)[0]
    assert re.findall(r'class="edge \w+"[^>]*>(\w)<', article) == list("RLAPRLSIAPSI")


@pytest.mark.parametrize("spacing", [(0.45, 0.45, 4.0), (0.9, 0.9, 1.6), (1.6, 0.8, 1.6)])
def test_crops_cover_thirty_millimetres_at_one_scale_whatever_the_voxels(spacing):
    scan = an_empty_scan(spacing, turn_degrees=5)
    middle = tuple(n // 2 for n in scan.GetSize())
    detection = a_detection([(middle, 0.9)], scan=scan)
    marked = with_marks(detection, [np.array(scan.GetDirection()).reshape(3, 3) @ (0.0, 0.0, 12.0)])
    axial, coronal, sagittal = lesion_crops(marked, detection.lesions[0], Window(0, BRIGHT))
    assert {pixels(c.png).shape for c in (axial, coronal, sagittal)} == {(120, 120)}
    assert brightest_mm(coronal.png) == pytest.approx((0, -12), abs=max(spacing) / 2 + PIXEL_MM)
    assert brightest_mm(sagittal.png) == pytest.approx((0, -12), abs=max(spacing) / 2 + PIXEL_MM)


def test_the_outline_follows_the_voxels_of_the_lesion_around_the_middle():
    scan = an_empty_scan((0.9, 0.9, 4.0), turn_degrees=8)
    detection = a_detection([((32, 32, 8), 0.9)], scan=scan, radius_mm=2.5)  # 5 x 5 x 1 voxels
    axial, coronal, sagittal = lesion_crops(detection, detection.lesions[0], Window(0, 200))
    half = 2.5 * 0.9
    assert box_of(axial.outline) == pytest.approx((15 - half, 15 - half, 15 + half, 15 + half), abs=0.03)
    for crop in (coronal, sagittal):
        assert box_of(crop.outline) == pytest.approx((15 - half, 13, 15 + half, 17), abs=0.03)


def test_what_the_outline_encloses_is_dark():
    detection = a_detection(scan=an_empty_scan((0.9, 0.9, 1.6)), radius_mm=4)
    crops = lesion_crops(detection, detection.lesions[0], Window(0, 100))
    assert len(crops) == 3
    for crop in crops:
        left, top, right, bottom = (round(v / PIXEL_MM) for v in box_of(crop.outline))
        picture = pixels(crop.png)
        assert picture[(top + bottom) // 2, left + 3 : right - 3].max() < 100
        assert picture[(top + bottom) // 2, : left - 3].min() > 200


def test_another_lesion_in_the_field_is_outlined_apart():
    detection = a_detection([((32, 32, 8), 0.9), ((40, 32, 8), 0.8)])
    axial, _, sagittal = lesion_crops(detection, detection.lesions[0], Window(0, 200))
    assert box_of(axial.neighbours)[0] > box_of(axial.outline)[2]
    assert sagittal.neighbours == ""


def test_beyond_the_scan_a_crop_is_black():
    detection = a_detection([((2, 32, 8), 0.9)])  # near the patient's right border
    axial = lesion_crops(detection, detection.lesions[0], Window(0, 100))[0]
    assert pixels(axial.png)[:, :40].max() == 0
    assert pixels(axial.png)[60, -20:].min() > 200


def test_the_outermost_slice_is_shown_in_its_whole_thickness():
    detection = a_detection([((32, 32, 0), 0.9)])  # 4 mm slices: the scan ends 2 mm below the middle
    coronal = lesion_crops(detection, detection.lesions[0], Window(0, 100))[1]
    below = pixels(coronal.png)[60:, 5]
    assert below[:8].min() > 200
    assert below[8:].max() == 0


def test_a_dropped_candidate_is_outlined_too():
    detection = a_detection([((32, 32, 8), 0.3), ((12, 12, 4), 0.9)])
    weak = next(lesion for lesion in detection.lesions if lesion.dropped_because)
    assert [bool(crop.outline) for crop in lesion_crops(detection, weak, Window(0, 200))] == [True] * 3


def test_the_whole_slice_shows_where_the_lesion_lies():
    detection = a_detection([((50, 20, 8), 0.9)], orientation="RAS")  # left and anterior of the middle
    at = Overview(detection.image, detection.brain, Window(0, 100)).locate(detection.lesions[0])
    assert at.x_mm > at.width_mm / 2 + 10
    assert at.y_mm < at.height_mm / 2 - 5
    picture = pixels(at.png).astype(float)
    scale = np.array(picture.shape) / (at.height_mm, at.width_mm)
    row, column = (np.array([at.y_mm, at.x_mm]) * scale).astype(int)
    assert picture[row, column] < 0.8 * np.median(picture[picture > 0])


def test_the_window_ignores_what_is_outside_the_brain_and_survives_a_flat_one():
    detection = a_detection()
    values = sitk.GetArrayFromImage(detection.image)
    brain = np.zeros(values.shape, np.uint8)
    brain[4:12, 16:48, 16:48] = 1
    values[brain == 0] = 30000
    window = display_window(_on_grid(values, detection.image), _on_grid(brain, detection.image))
    assert window.high <= 100
    assert Window(5, 5).grey(np.array([4.0, 5.0])).tolist() == [0, 0]


def test_the_tilt_of_an_oblique_scan_is_told():
    scan = an_empty_scan(turn_degrees=10)
    assert tilt_degrees(scan) == pytest.approx(9.6, abs=0.5)
    assert "off the patient’s axes" in report_html(a_detection(scan=scan), scan_name="s")
    assert "off the patient’s axes" not in report_html(a_detection(), scan_name="s")
