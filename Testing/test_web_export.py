"""What a reader takes home from the web page: results, report, scene, and what changed since an earlier scan."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image
from tsv_table import rows_of as rows_of_table
from web_browser import (
    SAMPLE_NAME,
    choose,
    drag_grey_window,
    go_to,
    open_sample,
    state_of_page,
    take,
    wait_until,
    wait_until_told,
)
from web_pictures import THREE_D, lit
from web_review import reject, rows_of, wait_for_state

from CMBSegmentationLib.files.bundled import sample_scan
from CMBSegmentationLib.reading.scan import read_scan
from CMBSegmentationLib.reading.scan_identity import scan_name_of

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("chromium")]


def test_the_zip_holds_the_decisions(reading, tmp_path):
    page, ids = reading, rows_of(reading)
    page.keyboard.press("n")
    page.keyboard.press("a")
    wait_for_state(page, ids[0], "accepted")
    page.locator(f".cmb-current[data-lesion='{ids[1]}']").wait_for()
    page.keyboard.press("r")
    page.keyboard.press("1")
    wait_for_state(page, ids[1], "rejected")
    page.locator(f"[data-lesion='{ids[0]}']").click()
    page.get_by_label("Suspected cause of the lesion").select_option("CAA")
    page.get_by_text(f"CMB {ids[0]}: CAA.").wait_for()
    with zipfile.ZipFile(take(page, "Results").path()) as archive:
        archive.extractall(tmp_path)
    (table,), (labels,) = tmp_path.glob("*_desc-cmb_dseg.tsv"), tmp_path.glob("*_desc-cmb_dseg.nii.gz")
    rows = {int(row["index"]): row for row in rows_of_table(table)}
    decided = [tuple(rows[one][name] for name in ("decision", "mimic", "status")) for one in ids[:3]]
    assert [rows[one]["cause"] for one in ids[:2]] == ["CAA", ""]
    assert decided == [("accepted", "", "kept"), ("rejected", "vessel", "kept"), ("none", "", "kept")]
    assert len(list(tmp_path.glob("*_report.html"))) == 1
    labelled = set(np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(labels)))))
    assert labelled == {0, *ids} - {ids[1]}


def test_the_report_opens_in_a_tab_and_comes_as_pdf(reading):
    page = reading
    page.get_by_role("button", name="Export").click()
    with page.expect_popup() as report:
        page.get_by_text("Report", exact=True).click()
    report.value.get_by_text("not a medical device").first.wait_for()
    pdf = take(page, "Report as PDF")
    assert pdf.suggested_filename == f"{SAMPLE_NAME}_desc-cmb_report.pdf"
    assert Path(pdf.path()).read_bytes().startswith(b"%PDF")


def test_a_scene_opens_where_the_review_was_left_and_both_have_one_review(reading, tmp_path):
    page, (first, second, *_) = reading, rows_of(reading)
    page.keyboard.press("n")
    page.keyboard.press("a")
    wait_for_state(page, first, "accepted")
    take(page, "Scene").save_as(tmp_path / "review.mrb")
    choose(page, "Open", tmp_path / "review.mrb", exact=True)
    page.get_by_text("review.mrb", exact=True).wait_for()
    wait_for_state(page, first, "accepted")
    wait_until(page, lambda: 0.15 < lit(page, THREE_D) < 0.7)  # the brain fills the 3D view, and is all in it
    drag_grey_window(page)
    reject(page, second)
    open_sample(page)
    wait_for_state(page, second, "rejected")
    choose(page, "Open", tmp_path / "review.mrb", exact=True)
    page.get_by_text("it goes on from the one in the scene").wait_for()
    wait_for_state(page, second, "rejected")
    shutil.copy(sample_scan(), tmp_path / "copy.nii.gz")
    choose(page, "Open", tmp_path / "copy.nii.gz", exact=True)
    page.get_by_text("copy.nii.gz", exact=True).wait_for()
    wait_for_state(page, second, "rejected")


# an earlier scan


MOVED_MM = np.array((9.0, -6.0, 4.0))  # R, A, S
GONE = 900  # number of the lesion that only the earlier scan has
APART_MM = 8.0


def test_only_an_earlier_scan_with_its_results_is_compared(reading, tmp_path):
    page = reading
    results = tmp_path / "results.zip"
    take(page, "Results").save_as(results)
    compare_with(page, [results])
    wait_until_told(page, "The earlier scan and its results are needed, both.")
    compare_with(page, [sample_scan(), results])
    wait_until_told(
        page, "The results in the .zip are those of the scan under review.", "Give those of an earlier scan"
    )


def test_what_changed_since_an_earlier_scan_is_shown_side_by_side(reading, results, tmp_path):
    page, (missed, rejected, *stable) = reading, rows_of(reading)
    reject(page, rejected)
    with page.expect_popup() as comparison:
        compare_with(page, earlier_visit(tmp_path, results, without=missed))
    shown = comparison.value
    shown.get_by_role("heading", name="Side by side").wait_for()
    # the earlier scan's numbers on the left, this one's on the right
    expected = {
        "New": [],
        "Gone": [(GONE, None)],
        "Stable": [(one, one) for one in stable],
        "There before, not detected": [(None, missed)],
        "Still there, not detected": [],
        "Not seen": [(rejected, None)],
    }
    totals = dict(one.split("\n")[::-1] for one in shown.locator(".totals li").all_inner_texts())
    assert totals == {status.lower(): str(len(pairs)) for status, pairs in expected.items()}
    pairs = [Pair.of(one) for one in shown.locator("article").all()]
    for status, numbers in expected.items():
        assert [(one.first, one.second) for one in pairs if one.status == status] == numbers
    assert shown.locator("h2:has-text('List') + div tbody tr:not(.why)").count() == len(pairs)
    first, second, movement = shown.locator(".scans dd").all_inner_texts()
    assert first.startswith("earlier (patient not recorded")
    assert second.startswith(SAMPLE_NAME)
    by_mm = float(re.search(r"and (\d+\.\d) mm", movement)[1])
    assert by_mm == pytest.approx(np.linalg.norm(MOVED_MM), abs=1)
    shown.get_by_text("second scan: a candidate there was rejected by SI").first.wait_for()
    for one in pairs:
        before, after = one.pictures[:3], one.pictures[3:]
        alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(before, after, strict=True)]
        assert min(alike) > 0.7, one  # the same place
        assert not any(np.array_equal(a, b) for a, b in zip(before, after, strict=True))  # in another scan


def test_a_comparison_is_taken_home_also_after_a_reload(reading, server, results, tmp_path):
    page, (missed, *_) = reading, rows_of(reading)
    assert not state_of_page(page)["compared"]
    with page.expect_popup() as comparison:
        compare_with(page, earlier_visit(tmp_path, results, without=missed))
    wait_until(page, lambda: state_of_page(page)["compared"], lambda: state_of_page(page)["message"])
    comparison.value.get_by_role("heading", name="Side by side").wait_for()
    go_to(page, server)
    wait_until(page, lambda: state_of_page(page)["compared"].startswith("earlier, "))
    taken = take(page, "Comparison")
    assert taken.suggested_filename == f"{SAMPLE_NAME}_desc-cmb_changes.zip"
    with zipfile.ZipFile(taken.path()) as archive:
        endings = ("csv", "html", "json")
        assert sorted(archive.namelist()) == [f"{SAMPLE_NAME}_desc-cmb_changes.{ending}" for ending in endings]
        assert json.loads(archive.read(f"{SAMPLE_NAME}_desc-cmb_changes.json"))["first"] == "earlier"


def compare_with(page, paths):
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Export").click()
        page.get_by_text("Compare with an earlier scan").click()
    chooser.value.set_files(paths)


def earlier_visit(folder, results, without):
    """The sample as another scan, and its results: noisy, the head elsewhere, one lesion not detected, one more.

    Returns
    -------
    list of Path
        The scan and the zip.
    """
    scan = moved(sitk.ReadImage(str(sample_scan()), sitk.sitkFloat32))
    noise = 0.02 * float(sitk.GetArrayViewFromImage(scan).std())
    sitk.WriteImage(sitk.AdditiveGaussianNoise(scan, noise, 0.0, 1), str(folder / "earlier.nii.gz"))
    (listed,) = results.glob("*_lesions.json")
    content = json.loads(listed.read_text())
    content["search"]["scan"] = asdict(scan_name_of(read_scan(folder / "earlier.nii.gz").image, None, ""))
    rows = [row for row in content["lesions"] if row["id"] != without]
    like = next(row for row in rows if row["status"] == "kept")
    gone = dict(zip(("r_mm", "a_mm", "s_mm"), place_apart(results, content["lesions"]), strict=True))
    content["lesions"] = [*rows, {**like, **gone, "id": GONE}]
    for row in content["lesions"]:
        for name, by in zip(("r_mm", "a_mm", "s_mm"), MOVED_MM, strict=True):
            row[name] += by
    with zipfile.ZipFile(folder / "results.zip", "w") as archive:
        archive.writestr("earlier_desc-cmb_lesions.json", json.dumps(content))
        for path in results.glob("*_dseg.nii.gz"):
            image = sitk.ReadImage(str(path))
            if path.name.endswith("_desc-cmb_dseg.nii.gz"):
                image = sitk.ChangeLabel(image, {without: 0})
            sitk.WriteImage(moved(image), str(folder / "one.nii.gz"))
            archive.write(folder / "one.nii.gz", path.name.replace(SAMPLE_NAME, "earlier"))
    return [folder / "earlier.nii.gz", folder / "results.zip"]


def moved(image):
    image.SetOrigin((np.array(image.GetOrigin()) + MOVED_MM * (-1, -1, 1)).tolist())  # LPS
    return image


def place_apart(results, rows):
    """A place in the brain (RAS, mm) where nothing was found."""
    (regions,) = results.glob("*_desc-regions_dseg.nii.gz")
    brain = sitk.ReadImage(str(regions)) > 0
    taken = np.array([(row["r_mm"], row["a_mm"], row["s_mm"]) for row in rows])
    for at in np.argwhere(sitk.GetArrayFromImage(sitk.BinaryErode(brain, [4, 4, 2])))[::501, ::-1].tolist():
        place = np.array(brain.TransformIndexToPhysicalPoint(at)) * (-1, -1, 1)
        if np.linalg.norm(taken - place, axis=1).min() > APART_MM:
            return place.tolist()
    raise AssertionError("something was found everywhere")


@dataclass(frozen=True)
class Pair:
    """A lesion in both scans, as the comparison shows it: its numbers, three pictures of the first, of the second."""

    status: str
    first: int | None
    second: int | None
    pictures: list[np.ndarray]

    @classmethod
    def of(cls, article):
        numbers = [re.search(r"CMB (\d+),", one) for one in article.locator(".visit").all_inner_texts()]
        first, second = (int(one[1]) if one else None for one in numbers)
        uris = article.locator("svg[role=img] image").evaluate_all("all => all.map(one => one.getAttribute('href'))")
        assert len(uris) == 6
        pictures = [np.asarray(Image.open(io.BytesIO(base64.b64decode(one.split(",")[1])))) for one in uris]
        return cls(article.get_by_role("heading").inner_text(), first, second, [one.astype(float) for one in pictures])
