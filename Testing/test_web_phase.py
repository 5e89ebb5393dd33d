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
from web_browser import choose, open_sample, state_of_page, wait_until
from web_pictures import AXIAL, picture
from web_review import give_review, rows_of

sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))
from dicom_series import PHASE, a_volume, write_series

from CMBSegmentationLib.results.names import ENDINGS, ENDINGS_PHASE

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


def test_the_phase_of_a_study_is_chosen_by_itself(page, tmp_path):
    write_series(tmp_path / "study", number=2, SeriesDescription="SWI", ImageType=["ORIGINAL", "PRIMARY", "M", "SWI"])
    write_series(tmp_path / "study", a_volume(), number=3, SeriesDescription="Pha_Images", ImageType=PHASE)
    choose(page, "DICOM folder", tmp_path / "study", exact=True)
    chooser = page.get_by_label("Phase image")
    chooser.wait_for()
    assert [one.strip() for one in chooser.locator("option").all_inner_texts()] == ["series 3 'Pha_Images'", "none"]
    assert state_of_page(page)["phase_used"] == "series 3 'Pha_Images'"
    chooser.select_option("none")
    wait_until(page, lambda: state_of_page(page)["phase_used"] == "", lambda: "still chosen")
    open_sample(page)
    chooser.wait_for(state="detached")
