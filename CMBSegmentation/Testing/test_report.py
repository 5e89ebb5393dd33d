"""The report: complete in itself, true to the patient's sides and millimetres, never silent about an empty result."""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from listed_candidates import detection_in
from PIL import Image
from property_tests import examples

from CMBSegmentationLib.detecting.detect import Detection
from CMBSegmentationLib.detecting.lesions import Lesion, LesionRules
from CMBSegmentationLib.detecting.search import Search, UsedModel
from CMBSegmentationLib.report.content import MOST_DROPPED_PICTURED, MOST_PICTURED, content_of
from CMBSegmentationLib.report.crops import (
    FIELD_MM,
    PIXEL_MM,
    Overview,
    Window,
    display_window,
    lesion_crops,
    tilt_degrees,
)
from CMBSegmentationLib.report.page import SHOWN, grouped_reasons, page_of, report_html
from CMBSegmentationLib.results.counts import CLASSES, count_class, counts_of
from CMBSegmentationLib.results.summary import summary_of
from CMBSegmentationLib.vocabulary.reasons import Reason, Rule

SCAN_MM = (57.6, 57.6, 64.0)  # L, P, S
ORIENTATIONS = [
    "".join(code) for axes in itertools.permutations(("RL", "AP", "SI")) for code in itertools.product(*axes)
]
BRIGHT = 1000.0
LEFT_ANTERIOR_ABOVE = ((10.0, 0.0, 0.0), (0.0, -10.0, 0.0), (0.0, 0.0, 12.0))  # mm, LPS


class Page(HTMLParser):
    """All tags of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def an_empty_scan(spacing: Sequence[float] = (0.9, 0.9, 4.0), turn_degrees: float = 0.0) -> sitk.Image:
    """A grey box in L, P, S axis order, turned about a skew axis, far from the origin."""
    size = [round(extent / s) for extent, s in zip(SCAN_MM, spacing, strict=True)]
    image = sitk.GetImageFromArray(np.full(size[::-1], 100, np.float32))
    image.SetSpacing(spacing)
    turn = sitk.VersorTransform((1, 2, 3), float(np.radians(turn_degrees)))
    image.SetDirection(turn.GetMatrix())
    image.SetOrigin((-31.0, 12.0, 48.0))
    return image


def a_detection(
    blobs: Sequence[tuple[tuple[int, int, int], float]] = (((32, 32, 8), 0.9),),
    *,
    scan: sitk.Image | None = None,
    radius_mm: float = 2.5,
    rules: LesionRules = LesionRules(threshold=0.5),  # noqa: B008 - frozen
    search: Search | None = None,
    orientation: str = "LPS",
) -> Detection:
    """Dark balls at voxel indices (x, y, z), each with a probability."""
    scan = an_empty_scan() if scan is None else scan
    values = sitk.GetArrayFromImage(scan)
    p = np.zeros(values.shape, np.float32)
    grid = np.indices(p.shape)[::-1]
    for centre, probability in blobs:
        steps = zip(grid, centre, scan.GetSpacing(), strict=True)
        inside = sum(((axis - at) * s) ** 2 for axis, at, s in steps) <= radius_mm**2
        p[inside] = probability
        values[inside] *= 0.3
    image, probability_image, brain = (
        sitk.DICOMOrient(_on_grid(array, scan), orientation) for array in (values, p, np.ones(p.shape, np.uint8))
    )
    return detection_in(probability_image, image, brain, rules, search)


def _on_grid(array: np.ndarray, like: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(like)
    return image


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


def a_lesion(number: int = 1, **values: Any) -> Lesion:
    base = Lesion(number, "kept", 1.0, -2.0, 3.0, 14.0, 3.0, 1.2, 0.5, 0.9)
    return replace(base, **values)


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


# --- the page ----------------------------------------------------------------------------------------


def test_the_report_loads_nothing_and_runs_nothing():
    html = report_html(a_detection([((32, 32, 8), 0.9), ((10, 10, 4), 0.3)]), scan_name="a")
    page = Page(html)
    links = [v for _, attrs in page.tags for k, v in attrs.items() if k in ("href", "src", "srcset", "action", "data")]
    assert links
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in links)
    assert "script" not in {tag for tag, _ in page.tags}
    assert not [k for _, attrs in page.tags for k in attrs if k.startswith("on")]
    assert "url(" not in html
    assert "@import" not in html
    assert "http://" not in html
    assert "https://" not in html


def test_every_accepted_lesion_has_three_outlined_crops():
    detection = a_detection([((32, 32, 8), 0.9), ((12, 50, 4), 0.8), ((50, 12, 12), 0.7), ((10, 10, 3), 0.2)])
    html = report_html(detection, scan_name="a")
    cards = dict(re.findall(r'<article class="card listed" id="number-(\d+)">(.*?)</article>', html, re.S))
    assert list(cards) == ["1", "2", "3"]
    for card in cards.values():
        assert card.count('<figure class="crop">') == 3
        assert card.count('<figure class="locator">') == 1
        assert len(re.findall(r'class="outline own" d="M[^"]+V', card)) == 3


def test_links_lead_to_the_pictures():
    page = Page(report_html(a_detection([((32, 32, 8), 0.9), ((12, 50, 4), 0.3)]), scan_name="a"))
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    targets = {attrs["href"][1:] for tag, attrs in page.tags if tag == "a"}
    assert targets == {"number-1", "number-2"}
    assert targets <= ids


def test_outlines_are_switched_without_a_script():
    html = report_html(a_detection(), scan_name="a")
    assert ("input", {"type": "checkbox", "id": "outlines", "accesskey": "o", "checked": None}) in Page(html).tags
    assert "#outlines:not(:checked) ~ main .outline { visibility: hidden; }" in html


def test_names_notes_and_provenance_are_escaped():
    evil = '<script>alert("1")</script>&amp;'
    training = {"statement": evil, "data": evil, evil: [evil, {evil: evil}]}
    detection = a_detection(search=Search(UsedModel(evil, training=training, intended_use=evil), device=evil))
    region = [replace(lesion, region=evil, side=evil) for lesion in detection.lesions]
    html = report_html(replace(detection, lesions=region), scan_name=evil, notes=[evil])
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 8
    assert f"Cerebral microbleeds – {evil}" in Page(html).text  # reads as it was given


def test_the_notice_and_the_models_own_caution_are_on_the_page():
    model = UsedModel(intended_use="Not yet validated on patients.", training={"data": "simulated scans only"})
    text = Page(report_html(a_detection(search=Search(model)), scan_name="a")).text
    assert "Research software, not a medical device." in text
    assert "Not yet validated on patients." in text
    assert "simulated scans only" in text


@pytest.mark.parametrize("model", [None, UsedModel(), UsedModel(training={"statement": "Trained."})])
def test_what_is_not_recorded_is_said(model):
    text = Page(report_html(a_detection(search=Search(model)), scan_name="a")).text
    assert "Intended use of the model not recorded" in text
    assert "Trained on not recorded" in text


def test_provenance_of_any_shape_is_printed_with_units():
    provenance = {
        "settings": {"min_volume_mm3": 1.5, "mirrored": False, "extra": {"deeper": {"still": 7}}},
        "timings_s": {"network": 61.23456},
        "input": {"size": [512, 512, 35], "sha256": None, "empty": {}},
        "runs": [{"fold": 1}, {"fold": 2}],
    }
    text = Page(page_of(replace(content_of(a_detection(), scan_name="a"), provenance=provenance))).text
    for words in (
        "min volume (mm³) 1.5",
        "mirrored no",
        "still 7",
        "network 61.23",
        "512, 512, 35",
        "sha256 –",
        "fold 2",
    ):
        assert words in text


def test_notes_of_reading_are_listed():
    text = Page(report_html(a_detection(), scan_name="a", notes=["12 voxels were NaN."])).text
    assert "Notes on the scan" in text
    assert "12 voxels were NaN." in text


def test_columns_that_are_empty_everywhere_are_left_out_and_said():
    text = Page(report_html(a_detection(), scan_name="a")).text
    assert "Regions were not assessed." in text
    assert "not verified by a second stage" in text
    detection = a_detection(search=Search(verifier=UsedModel("second")))
    known = [replace(lesion, region="frontal", side="left", detector=0.7) for lesion in detection.lesions]
    text = Page(report_html(replace(detection, lesions=known), scan_name="a")).text
    assert "not assessed" not in text
    assert "second stage" not in text
    assert "left frontal" in text
    assert "0.70" in text


def test_numbers_have_sensible_decimals_and_true_minus_signs():
    assert SHOWN["r_mm"].text(-12.345) == "−12.3"
    assert SHOWN["contrast"].text(0.567) == "57"
    assert SHOWN["contrast"].text(-0.001) == "0"
    assert SHOWN["detector"].text(None) == SHOWN["region"].text("") == "–"


# --- nothing found, much found -----------------------------------------------------------------------


def test_an_empty_result_says_how_many_candidates_there_were_and_why_they_were_dropped():
    detection = a_detection([((32, 32, 8), 0.3), ((12, 50, 4), 0.42), ((50, 12, 12), 0.2)])
    html = report_html(detection, scan_name="a")
    text = Page(html).text
    assert "3 candidates examined and dropped" in text
    assert "3 like this: probability 0.42 is below the threshold 0.50" in text
    assert "A threshold below 0.50 lists" in text
    assert "<details open>" in html
    assert html.count('class="card dropped"') == 3


def test_an_empty_result_without_candidates_says_so():
    text = Page(report_html(a_detection([]), scan_name="a")).text
    assert "The network found no candidate" in text
    assert "no cerebral microbleed, no candidate." in text
    assert "Outlines" not in text


def test_a_lower_threshold_is_proposed_only_where_it_would_help():
    detection = a_detection([((32, 32, 8), 0.9)], rules=LesionRules(0.5, min_volume_mm3=500))
    text = Page(report_html(detection, scan_name="a")).text
    assert "is below the smallest volume 500.0 mm³" in text
    assert "A threshold below" not in text


def test_dropped_candidates_are_listed_with_their_reasons():
    rules = LesionRules(0.5, max_diameter_mm=4.0)
    detection = a_detection([((32, 32, 8), 0.9), ((12, 50, 4), 0.42)], rules=rules, radius_mm=6)
    html = report_html(detection, scan_name="a")
    text = Page(html).text
    for lesion in detection.lesions:
        assert html.count(lesion.dropped_because) >= 2  # in the table and beside its pictures
    assert "2 dropped candidates" in text


def test_reasons_are_counted_by_kind():
    reasons = [*(Reason(Rule.BELOW_THRESHOLD, score, 0.5) for score in (0.42, 0.2)), Reason(Rule.OUTSIDE_TISSUE)]
    dropped = [a_lesion(status="dropped", reason=reason) for reason in reasons]
    assert grouped_reasons(dropped) == [
        (2, "probability 0.42 is below the threshold 0.50"),
        (1, "outside brain tissue"),
    ]


def test_very_many_lesions_stay_small_and_the_cut_is_told():
    places = [(x, y, z) for x in range(4, 62, 10) for y in range(4, 62, 10) for z in (3, 8)]  # 72
    scan = an_empty_scan()
    noise = np.random.default_rng(0).uniform(50, 150, scan.GetSize()[::-1]).astype(np.float32)
    blobs = [(place, 0.9 if k < 65 else 0.3) for k, place in enumerate(places)] + [
        ((x, 9, 13), 0.2) for x in range(4, 62, 10)
    ]
    detection = a_detection(blobs, scan=_on_grid(noise, scan), radius_mm=1.5)
    html = report_html(detection, scan_name="a")
    assert html.count('class="card listed"') == MOST_PICTURED
    assert html.count('class="card dropped"') == MOST_DROPPED_PICTURED
    assert "Pictures of the 60 most probable of 65 follow" in Page(html).text
    crops = re.findall(r'href="data:image/png;base64,([^"]+)"', html)
    assert max(len(base64.b64decode(crop)) for crop in crops) <= 15_000


# --- the summary -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, "0"), (1, "1"), (2, "2-4"), (4, "2-4"), (5, "5-10"), (10, "5-10"), (11, ">10"), (99, ">10")],
)
def test_counts_fall_in_the_readers_classes(number, name):
    assert count_class(number) == name
    assert name in CLASSES


def test_a_summary_counts_sizes_and_regions_and_is_json_ready():
    lesions = [
        a_lesion(1, diameter_mm=4.99, region="frontal"),
        a_lesion(2, diameter_mm=5.0, region="thalamus"),
        a_lesion(3, diameter_mm=2.0, region="frontal"),
        a_lesion(4, diameter_mm=2.0),
        a_lesion(5, status="dropped", reason=Reason(Rule.OUTSIDE_BRAIN), region="frontal"),
    ]
    summary = json.loads(json.dumps(summary_of(counts_of(lesions))))
    assert summary == {
        "is_read": False,
        "readers": [],
        "microbleeds": 4,
        "class": "2-4",
        "below_5_mm": 3,
        "from_5_to_10_mm": 1,
        "above_10_mm": 0,
        "by_region": {"frontal": 2, "thalamus": 1, "unassigned": 1},
        "by_group": {"infratentorial": 0, "deep": 1, "lobar": 2},
        "pattern": "mixed",
        "definite": None,
        "possible": None,
        "rejected": None,
        "not_read": 4,
        "dropped": 1,
        "sentence": "Automated detection with research software, not confirmed by a reader: 4 cerebral microbleeds "
        "(3 smaller than 5 mm, 1 of 5–10 mm; 2 frontal, 1 thalamus, 1 unassigned). Pattern: mixed.",
    }


def test_a_summary_does_not_invent_regions():
    summary = summary_of(counts_of([a_lesion()]))
    assert summary["by_region"] == {}
    assert summary["sentence"].endswith("1 cerebral microbleed (1 smaller than 5 mm; locations not assessed).")


def test_a_summary_of_nothing_stays_true_where_it_is_pasted():
    assert summary_of(counts_of([]))["sentence"].endswith("no cerebral microbleed, no candidate.")
    weak = a_lesion(status="dropped", reason=Reason(Rule.BELOW_THRESHOLD, 0.2, 0.5))
    assert summary_of(counts_of([weak, weak]))["sentence"].endswith("no cerebral microbleed (2 candidates dropped).")
