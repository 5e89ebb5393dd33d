"""The report in a browser and on paper: nothing is wider than what it is shown on."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from web_browser import new_page

from CMBSegmentationLib import read_detection
from CMBSegmentationLib.files.bundled import sample_scan
from CMBSegmentationLib.report.page import report_html

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("chromium")]
A4_PX = round((210 - 2 * 14) / 25.4 * 96)  # between the margins of the style
WIDEST = """() => Math.max(...Array.from(document.querySelectorAll("main table, main table *"),
    one => one.getBoundingClientRect().right + window.scrollX))"""


@pytest.fixture
def report(results, tmp_path) -> Path:
    """The sample's, with every column: half of it read, values where they are rare, all that was dropped below."""
    detection = read_detection(results, sample_scan()).detection
    decisions = itertools.cycle(("accepted", "uncertain", "rejected", "none"))
    said = [
        replace(one, decision=decision, phase="paramagnetic", reader="S. I.")
        for one, decision in zip(detection.lesions, decisions, strict=False)
    ]
    path = tmp_path / "report.html"
    path.write_text(report_html(replace(detection, lesions=said), scan_name="sub-01"), encoding="utf-8")
    return path


@pytest.mark.parametrize(("width", "medium"), [(1000, "screen"), (1280, "screen"), (A4_PX, "print")])
def test_the_report_is_no_wider_than_the_window_or_the_paper(browser, asked_hosts, report, width, medium):
    page = new_page(browser, asked_hosts, (width, 800))
    page.goto(report.as_uri())
    page.emulate_media(media=medium)
    page.evaluate("() => document.querySelectorAll('details').forEach(one => { one.open = true })")
    headings = page.locator("thead").all_inner_texts()
    assert any("Phase" in one and "Decision" in one and "Detector" in one for one in headings)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert page.evaluate(WIDEST) <= width
    page.context.close()
