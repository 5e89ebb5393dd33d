"""The report's page and its summary."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from report_scans import Page, _on_grid, a_detection, an_empty_scan

from CMBSegmentationLib.detecting.lesions import Lesion, LesionRules
from CMBSegmentationLib.detecting.search import Search, UsedModel
from CMBSegmentationLib.report.content import MOST_DROPPED_PICTURED, MOST_PICTURED, content_of
from CMBSegmentationLib.report.page import SHOWN, grouped_reasons, page_of, report_html
from CMBSegmentationLib.results.counts import CLASSES, count_class, counts_of
from CMBSegmentationLib.results.summary import summary_of
from CMBSegmentationLib.vocabulary.published.scales import SIDEROSIS
from CMBSegmentationLib.vocabulary.reasons import Reason, Rule


def a_lesion(number: int = 1, **values: Any) -> Lesion:
    base = Lesion(number, "kept", 1.0, -2.0, 3.0, 14.0, 3.0, 1.2, 0.5, 0.9)
    return replace(base, **values)


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
    assert "not assessed" not in text.replace(SIDEROSIS, "")
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
    assert "3 of this kind; the most probable: probability 0.42 is below the threshold 0.50" in text
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
        "2 of this kind; the most probable: probability 0.42 is below the threshold 0.50",
        "1: outside brain tissue",
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
        "scales": {"aria_baseline": "1-4", "cromis_2": "2-4", "eso_thrombolysis": "1-10"},
        "superficial_siderosis": "not assessed",
        "sentence": "Automated detection with research software, not confirmed by a reader: 4 cerebral microbleeds "
        "(3 smaller than 5 mm, 1 of 5–10 mm; 2 frontal, 1 thalamus, 1 unassigned). "
        "Pattern: mixed, 1 without a region left out.",
    }


def test_a_summary_does_not_invent_regions():
    summary = summary_of(counts_of([a_lesion()]))
    assert summary["by_region"] == {}
    assert summary["sentence"].endswith("1 cerebral microbleed (1 smaller than 5 mm; locations not assessed).")


def test_a_summary_of_nothing_stays_true_where_it_is_pasted():
    assert summary_of(counts_of([]))["sentence"].endswith("no cerebral microbleed, no candidate.")
    weak = a_lesion(status="dropped", reason=Reason(Rule.BELOW_THRESHOLD, 0.2, 0.5))
    assert summary_of(counts_of([weak, weak]))["sentence"].endswith("no cerebral microbleed (2 candidates dropped).")
