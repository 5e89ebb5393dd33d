"""Phase in the page: found with the scan, in the list, and one key away in the pictures."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from module_file import ROOT
from web_browser import choose, drag_grey_window, open_sample, state_of_page, wait_until
from web_pictures import AXIAL, picture
from web_review import give_review, rows_of

sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))
from dicom_series import PHASE, a_volume, write_series

from CMBSegmentationLib.files.bundled import sample_scan
from CMBSegmentationLib.results.names import ENDINGS, ENDINGS_PHASE
from CMBSegmentationLib.vocabulary.regions import ASSIGNABLE, SIDES, brief
from CMBSegmentationLib.vocabulary.verdicts import MIMICS

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("chromium")]


@pytest.fixture
def results_with_phase(results: Path, tmp_path: Path) -> Path:
    """What the detector found in the sample, as if it had had phase: a chessboard, and calcium first."""
    folder = Path(shutil.copytree(results, tmp_path / "results"))
    (labels,) = folder.glob(f"*{ENDINGS['labels']}")
    image = sitk.ReadImage(str(labels))
    z, y, x = np.indices(image.GetSize()[::-1], sparse=True)
    field = sitk.GetImageFromArray((1000 * ((x // 8 + y // 8 + z // 8) % 2)).astype(np.int16))
    field.CopyInformation(image)
    sitk.WriteImage(field, str(labels).replace(ENDINGS["labels"], ENDINGS_PHASE["field"]))
    (path,) = folder.glob(f"*{ENDINGS['json']}")
    content = json.loads(path.read_text(encoding="utf-8"))
    for rows in (content["lesions"], content["candidates"]):
        for row in rows:
            row["phase"] = "calcium" if row is rows[0] else "unclear"
    path.write_text(json.dumps(content), encoding="utf-8")
    return folder


def where_it_looks(page):
    return page.locator(".view-offset").all_inner_texts()


def test_one_key_shows_the_local_phase_where_one_looks(reading, server, results_with_phase):
    page = reading
    page.evaluate("() => window.trame.state.update({ panel: 'review' })")
    assert not state_of_page(page)["phase_there"]
    give_review(server, server.key_of(page), results_with_phase)
    page.get_by_role("button", name="Sample", exact=True).click()
    wait_until(page, lambda: state_of_page(page)["phase_there"], lambda: "no phase in the page")
    assert {"unclear", "calcium"} >= set(page.locator("[data-lesion] td:nth-child(7)").all_inner_texts())
    assert rows_of(page)
    page.keyboard.press("n")
    page.keyboard.press("z")
    page.wait_for_timeout(800)
    scan, where = picture(page, AXIAL), where_it_looks(page)
    page.keyboard.press("v")
    wait_until(page, lambda: np.abs(picture(page, AXIAL) - scan).mean() > 20, lambda: "the picture is the scan's")
    assert page.get_by_role("button", name="Local phase", exact=True).get_attribute("aria-pressed") == "true"
    assert where_it_looks(page) == where
    page.keyboard.press("v")
    wait_until(page, lambda: np.abs(picture(page, AXIAL) - scan).mean() < 2, lambda: "the scan does not come back")


def test_the_grey_windows_tools_are_those_of_what_is_shown(reading, server, results_with_phase):
    page = reading
    page.evaluate("() => window.trame.state.update({ panel: 'review' })")
    give_review(server, server.key_of(page), results_with_phase)
    page.get_by_role("button", name="Sample", exact=True).click()
    wait_until(page, lambda: state_of_page(page)["phase_there"], lambda: "no phase in the page")

    def window():
        return state_of_page(page)["window_range"]

    scans, phases = window(), [-600, 600]
    page.get_by_title("Scan intensity shown black, and white").wait_for()
    for ends_with in ("v", "reset"):
        page.keyboard.press("v")
        wait_until(page, lambda: window() == phases, window)
        label = page.get_by_title("Local phase shown black, and white: thousandths of a radian")
        assert label.inner_text() == "-600 to 600"
        drag_grey_window(page)
        if ends_with == "reset":
            page.get_by_label("Reset the grey window").click()
            wait_until(page, lambda: window() == phases, window)
            assert state_of_page(page)["window_limits"] == [-600, 1000]
        page.keyboard.press("v")
        wait_until(page, lambda: window() == scans, window)


WIDTHS = """() => [...document.querySelectorAll('.cmb-table td, .cmb-table th:not(.cmb-col-merge)')]
    .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"""
"""The words of the list that reach beyond their cells."""
SIZES = ((900, 700), (1280, 720), (1280, 800), (1920, 1080))


def test_no_word_of_the_list_is_broken_beside_the_phase(reading, server, results_with_phase):
    page = reading
    page.evaluate("() => window.trame.state.update({ panel: 'review' })")
    give_review(server, server.key_of(page), results_with_phase)
    page.get_by_role("button", name="Sample", exact=True).click()
    wait_until(page, lambda: state_of_page(page)["phase_there"], lambda: "no phase in the page")
    like = state_of_page(page)["rows"][0]
    words = ("unclear", "calcium", "blood")
    sides = (*SIDES, "")
    rows = [
        {**like, "id": 100 + n, "state": "uncertain", "phase": words[n % 3],
         "place": f"{sides[n % 4]} {region}", "brief_place": f"{brief(sides[n % 4])} {brief(region)}".strip()}
        for n, region in enumerate(ASSIGNABLE)
    ]  # fmt: skip
    rows += [{**rows[n], "id": 300 + n, "state": "rejected", "mimic": mimic} for n, mimic in enumerate(MIMICS)]
    for size in SIZES:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.evaluate("rows => window.trame.state.update({ rows })", rows)
        page.locator("[data-lesion='300']").wait_for(state="attached")
        wait_until(page, lambda: page.evaluate(WIDTHS) == [], lambda: (size, page.evaluate(WIDTHS)))  # noqa: B023
        line = page.locator("[data-lesion='100'] .cmb-number").first.evaluate(
            "one => parseFloat(getComputedStyle(one).lineHeight)"
        )
        highest = max(
            page.locator(f"[data-lesion='{row['id']}']").bounding_box()["height"] for row in rows[: len(ASSIGNABLE)]
        )
        assert highest < 2.7 * line, size
    page.set_viewport_size({"width": 1280, "height": 800})


def test_a_file_and_its_phase_are_opened_together(page, tmp_path):
    scan, phase = tmp_path / "sub-01_part-mag_T2starw.nii.gz", tmp_path / "sub-01_part-phase_T2starw.nii.gz"
    image = sitk.ReadImage(str(sample_scan()))[::4, ::4, ::2]
    sitk.WriteImage(image, str(scan))
    sitk.WriteImage(sitk.Cast(image, sitk.sitkFloat32) * 0.01, str(phase))
    choose(page, "Open", [phase, scan], exact=True)
    page.get_by_text(scan.name, exact=True).wait_for()
    chooser = page.get_by_label("Phase image")
    chooser.wait_for()
    assert state_of_page(page)["phase_used"] == phase.name
    shutil.copy(scan, tmp_path / "sub-01_swi.nii.gz")
    choose(page, "Open", [phase, scan, tmp_path / "sub-01_swi.nii.gz"], exact=True)
    dialog = page.get_by_role("dialog", name="Choose a series")
    dialog.get_by_role("heading", name="Which scan?").wait_for()
    dialog.get_by_text("sub-01_swi.nii.gz", exact=True).click()
    page.locator(".cmb-scan").get_by_text("sub-01_swi.nii.gz", exact=True).wait_for()
    open_sample(page)
    chooser.wait_for(state="detached")


def test_the_phase_of_a_study_is_chosen_by_itself(page, tmp_path):
    write_series(tmp_path / "study", number=2, SeriesDescription="SWI", ImageType=["ORIGINAL", "PRIMARY", "M", "SWI"])
    write_series(tmp_path / "study", a_volume(), number=3, SeriesDescription="Pha_Images", ImageType=PHASE)
    choose(page, "DICOM folder", tmp_path / "study", exact=True)
    chooser = page.get_by_label("Phase image")
    chooser.wait_for()
    assert [one.strip() for one in chooser.locator("option").all_inner_texts()] == ["as found", "none"]
    assert "Found with the scan: series 3 'Pha_Images'" in page.locator(".cmb-phase-choice").get_attribute("title")
    assert state_of_page(page)["phase_used"] == "series 3 'Pha_Images'"
    chooser.select_option("none")
    wait_until(page, lambda: state_of_page(page)["phase_used"] == "", lambda: "still chosen")
    open_sample(page)
    chooser.wait_for(state="detached")
