"""The web page as a reader uses it, in a browser: detect, read, scribble, take home; and what goes wrong."""

from __future__ import annotations

import base64
import csv
import http.client
import io
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from module_file import ROOT
from PIL import Image

pytest.importorskip("trame_slicer")
pytest.importorskip("playwright")

sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))  # the series that the reader's own tests use
from dicom_series import write_series
from playwright.sync_api import expect
from web_browser import (
    CHROMIUM,
    Server,
    chromium,
    give_review,
    new_page,
    open_sample,
    resume,
    rows_of,
    state_of,
    view_of,
    wait_for_state,
)

from CMBSegmentationLib.resources import sample_scan

SEARCHED_WITHIN_MS = 360_000  # by a detector that lets all other programs go first
pytestmark = [pytest.mark.timeout(600), pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium")]


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("state"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def asked_hosts():
    return set()


@pytest.fixture
def page(browser, asked_hosts):
    page = new_page(browser, asked_hosts)
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def results(browser, server, asked_hosts):
    """What the detector found in the sample, searched in the page; once for all tests."""
    page = new_page(browser, asked_hosts)
    open_sample(page, server)
    page.get_by_role("button", name="Detect microbleeds").click()
    page.get_by_role("button", name="Cancel").wait_for()
    offset = page.locator(".view-offset").first.inner_text()
    box = view_of(page, 0)
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.wheel(0, -120)  # the page is there for its reader while it searches
    page.locator(".view-offset").first.filter(has_not_text=offset).wait_for()
    assert page.get_by_role("button", name="Cancel").is_visible()
    page.get_by_role("button", name="Accept", exact=True).wait_for(timeout=SEARCHED_WITHIN_MS)
    key = next(one["value"] for one in page.context.cookies() if one["name"] == server.cookie)
    found = rows_of(page)
    page.context.close()
    folder = server.folder(key) / "review" / "results"
    assert len(found) == len(accepted_in(next(folder.glob("*_lesions.csv"))))
    return folder


@pytest.fixture
def reading(page, server, results, request):
    """A page with the sample's lesions, none read yet, in a session of its own."""
    give_review(server, request.node.name, results)
    resume(page, server, request.node.name)
    return page


def accepted_in(table):
    return [row for row in csv.DictReader(io.StringIO(table.read_text())) if row["status"] == "accepted"]


def status(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def choose(page, button, paths):
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button).first.click()
    chooser.value.set_files(paths)


def choose_earlier(page, paths):
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Export").click()
        page.get_by_text("Compare with an earlier scan").click()
    chooser.value.set_files(paths)


def picture(page, view):
    """What a view shows: int array (row, column, RGB)."""
    image = Image.open(io.BytesIO(page.locator(".layout-grid-item").nth(view).screenshot()))
    return np.asarray(image.convert("RGB")).astype(int)


def bluish(page, view):
    """How many pixels have the colour of a pointed outline, below the view's names and buttons."""
    pixels = picture(page, view)[30:-30]
    return int((pixels[..., 2] - pixels[..., 0] > 15).sum())


def lit(page, view):
    """How much of a view is not background."""
    return float((picture(page, view).max(axis=-1) > 30).mean())


def eventually(page, is_so, seconds=60):
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        page.wait_for_timeout(200)


def told(page):
    page.get_by_role("alert").wait_for()
    return page.get_by_role("alert").inner_text()


# reading


def test_the_sample_is_searched_and_every_lesion_is_listed(results):
    assert len(accepted_in(next(results.glob("*_lesions.csv")))) >= 8  # of the ten put into it


def test_a_reader_goes_through_by_keys_and_the_zip_holds_the_decisions(reading):
    page, ids = reading, rows_of(reading)
    page.keyboard.press("n")
    page.locator(f".cmb-current[data-lesion='{ids[0]}']").wait_for()
    page.keyboard.press("a")
    wait_for_state(page, ids[0], "accepted")
    page.locator(f".cmb-current[data-lesion='{ids[1]}']").wait_for()  # on to the next by itself
    page.keyboard.press("1")
    wait_for_state(page, ids[1], "rejected")
    page.keyboard.press("u")
    wait_for_state(page, ids[2], "uncertain")
    page.keyboard.press("Control+z")
    wait_for_state(page, ids[2], "to read")
    page.keyboard.press("p")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_text("Results", exact=True).click()
    with zipfile.ZipFile(download.value.path()) as archive:
        names = archive.namelist()
        table = io.TextIOWrapper(archive.open(next(name for name in names if name.endswith("_lesions.csv"))))
        decided = {int(row["id"]): (row["decision"], row["mimic"], row["status"]) for row in csv.DictReader(table)}
        labels = Path(
            archive.extract(next(n for n in names if n.endswith("_dseg.nii.gz")), download.value.path().parent)
        )
    assert decided[ids[0]] == ("accepted", "", "accepted")
    assert decided[ids[1]] == ("rejected", "vessel", "dropped")
    assert decided[ids[2]][0] == ""
    assert any(name.endswith("_report.html") for name in names)
    voxels = sitk.GetArrayFromImage(sitk.ReadImage(str(labels)))
    assert (voxels == ids[0]).any()
    assert not (voxels == ids[1]).any()


def test_a_verdict_stays_while_the_threshold_moves(reading):
    page, ids = reading, rows_of(reading)
    page.locator(f"[data-lesion='{ids[-1]}']").click()  # the least probable
    page.get_by_role("button", name="Reject", exact=True).click()
    wait_for_state(page, ids[-1], "rejected")
    page.get_by_label("Threshold, probability").fill("0.9")
    page.wait_for_function("n => document.querySelectorAll('[data-lesion]').length < n", arg=len(ids))
    assert state_of(page, ids[-1]) == "rejected"
    page.get_by_label("Operating point").select_option("sensitive")
    page.wait_for_function("n => document.querySelectorAll('[data-lesion]').length >= n", arg=len(ids))


def test_dropped_candidates_say_why(reading):
    reading.get_by_label("Listed lesions").select_option("dropped")
    first = reading.locator("[data-lesion].cmb-state-dropped").first
    first.click()
    said = reading.locator(".cmb-why").inner_text()
    assert " below " in said or said == "outside brain tissue"  # a threshold, the smallest volume, or the place


def test_a_rejected_lesion_is_still_outlined_while_it_is_looked_at(reading):
    page, (first, *_) = reading, rows_of(reading)
    page.locator(f"[data-lesion='{first}']").click()
    page.get_by_role("button", name="Reject", exact=True).click()
    wait_for_state(page, first, "rejected")
    page.locator(f"[data-lesion='{first}']").click()
    eventually(page, lambda: bluish(page, 0) > 150)
    page.keyboard.press("h")
    eventually(page, lambda: bluish(page, 0) < 100)


def test_the_list_is_sorted_and_filtered(reading):
    page = reading
    page.get_by_role("button", name="Ø mm").click()
    page.get_by_role("columnheader", name="Ø mm").and_(page.locator("[aria-sort=descending]")).wait_for()
    sizes = [float(one) for one in page.locator("[data-lesion] td:nth-child(4)").all_inner_texts()]
    assert sizes == sorted(sizes, reverse=True)
    page.get_by_label("Listed lesions").select_option("accepted")
    page.get_by_text("Nothing here.").wait_for()


def test_the_pictures_follow_their_tools(reading):
    page = reading
    before = page.locator(".layout-grid-item img").first.get_attribute("src")
    page.get_by_label("Minimum-intensity slab, mm").select_option("16")
    page.wait_for_function("was => document.querySelector('.layout-grid-item img').src !== was", arg=before)
    for key, name in (("c", "Crosshair"), ("h", "Outlines")):
        button = page.get_by_role("button", name=name, exact=True)
        was = button.get_attribute("aria-pressed")
        page.keyboard.press(key)
        expect(button).to_have_attribute("aria-pressed", "false" if was == "true" else "true")
    page.get_by_role("button", name="Show Coronal alone, or all four").click()
    expect(page.locator(".layout-grid-item img")).to_have_count(1)
    page.get_by_role("button", name="Show Coronal alone, or all four").click()
    expect(page.locator(".layout-grid-item img")).to_have_count(4)
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Help").wait_for()


def test_every_control_has_a_name(reading):
    nameless = """() => [...document.querySelectorAll('button, input, select, [role=slider], [role=tab]')].filter(one =>
        !one.getAttribute('aria-label') && !one.getAttribute('aria-labelledby') && !one.innerText.trim() &&
        !one.closest('label') && !one.closest('[aria-label]') && !one.labels?.length).map(one => one.outerHTML)"""
    assert reading.evaluate(nameless) == []
    reading.get_by_role("tab", name="Scribble").click()
    assert reading.evaluate(nameless) == []
    assert reading.get_by_role("note").get_by_text("not a medical device").is_visible()


# taking home


def test_the_report_opens_in_a_tab_and_comes_as_pdf(reading):
    page = reading
    page.get_by_role("button", name="Export").click()
    with page.expect_popup() as report:
        page.get_by_text("Report", exact=True).click()
    report.value.get_by_text("not a medical device").first.wait_for()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_text("Report as PDF").click()
    assert download.value.suggested_filename == "cmb-sample_T2starw_desc-cmb_report.pdf"
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")


def test_a_scene_opens_where_the_review_was_left(reading, tmp_path):
    page, (first, *_) = reading, rows_of(reading)
    page.keyboard.press("n")
    page.keyboard.press("a")
    wait_for_state(page, first, "accepted")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_text("Scene", exact=True).click()
    download.value.save_as(tmp_path / "review.mrb")
    choose(page, "Open", tmp_path / "review.mrb")
    page.get_by_text("review.mrb", exact=True).wait_for()
    wait_for_state(page, first, "accepted")
    eventually(page, lambda: 0.15 < lit(page, 3) < 0.7)  # the brain fills the 3D view, and is all in it


def test_what_changed_since_an_earlier_scan_is_shown_side_by_side(reading, tmp_path):
    page = reading
    image = sitk.ReadImage(str(sample_scan()), sitk.sitkFloat32)
    earlier = tmp_path / "earlier.nii.gz"
    sitk.WriteImage(sitk.AdditiveGaussianNoise(image, 3.0, 0.0, 1), str(earlier))
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_text("Results", exact=True).click()
    results = tmp_path / "results.zip"
    download.value.save_as(results)
    choose_earlier(page, [results])
    page.get_by_role("alert").get_by_text("are needed, both").wait_for()
    choose_earlier(page, [sample_scan(), results])
    page.get_by_role("alert").get_by_text("under review").wait_for()
    with page.expect_popup() as comparison:
        choose_earlier(page, [earlier, results])
    comparison.value.get_by_text("0 gone").first.wait_for()
    comparison.value.get_by_role("img").nth(5).wait_for()


# scribbling


def test_a_scribble_grows_and_is_accepted_as_a_lesion(reading):
    page, count = reading, len(rows_of(reading))
    page.get_by_role("tab", name="Scribble").click()
    page.keyboard.press("f")
    page.keyboard.press("b")
    page.get_by_role("button", name="Paint", pressed=True).wait_for()
    box = view_of(page, 0)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.57
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 2, y + 1, steps=3)
    page.mouse.up()
    page.keyboard.press("g")
    page.get_by_role("list", name="Grown microbleeds").get_by_text("CMB 1").wait_for()
    page.locator(".cmb-curve .scatterlayer").wait_for()
    page.get_by_label("Location").select_option("thalamus")
    page.get_by_role("list", name="Grown microbleeds").get_by_text("thalamus").wait_for()
    page.get_by_role("button", name="Accept as lesion").click()
    page.get_by_role("list", name="Grown microbleeds").get_by_text("accepted", exact=True).wait_for()
    page.get_by_role("tab", name="Read").click()
    page.wait_for_function("n => document.querySelectorAll('[data-lesion]').length === n", arg=count + 1)


def test_findings_and_quality_are_said_and_taken_home(reading):
    page = reading
    page.get_by_role("tab", name="Scribble").click()
    page.get_by_label("Quality", exact=True).select_option("sufficient")
    page.get_by_label("Included", exact=True).select_option("no")
    page.get_by_label("Why not").fill("another sequence")
    page.get_by_label("other artefact", exact=True).check()
    page.get_by_label("Which artefact").fill("coil")
    for name, across in (("mimic", 0.4), ("finding", 0.6)):
        button = page.get_by_role("button", name=f"Place a {name}")
        button.click()
        button.get_by_text("Click in a view").wait_for()
        box = view_of(page, 0)
        page.mouse.click(box["x"] + box["width"] * across, box["y"] + box["height"] / 2)
        page.get_by_role("button", name=f"{name.title()} 1", exact=True).wait_for()
    page.get_by_label("Type of mimic 1").select_option("basal-ganglia calcification")
    page.get_by_label("Side of mimic 1").select_option("left")
    page.get_by_label("What was found at 1").fill("old infarct")
    page.get_by_label("Annotation finished").check()
    page.get_by_text("Marked as done and saved.").wait_for()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_text("Results", exact=True).click()
    with zipfile.ZipFile(download.value.path()) as archive:
        (name,) = (one for one in archive.namelist() if "annotation" in one and one.endswith(".json"))
        text = archive.read(name).decode()
    for said in (
        "sufficient",
        "another sequence",
        "other artefact",
        "coil",
        "basal-ganglia calcification",
        "old infarct",
    ):
        assert said in text


# what goes wrong


def test_what_is_no_scan_is_refused_and_the_page_goes_on(page, server, tmp_path):
    before = set(server.state.rglob("upload/*"))
    (tmp_path / "letter.txt").write_text("Dear colleague")
    (tmp_path / "broken.nii.gz").write_bytes(sample_scan().read_bytes()[:5000])
    page.goto(server.url)
    choose(page, "Open a file", tmp_path / "letter.txt")
    assert "letter.txt is not a scan of a known kind" in told(page)
    page.get_by_role("alert").get_by_role("button", name="Close").click()
    page.get_by_role("alert").wait_for(state="hidden")
    choose(page, "Open a file", tmp_path / "broken.nii.gz")
    assert "broken.nii.gz" in told(page)
    assert set(server.state.rglob("upload/*")) == before  # nothing of it is kept
    page.get_by_role("button", name="Open the sample scan").click()
    page.get_by_role("button", name="Detect microbleeds").wait_for()


def test_a_broken_dicom_folder_is_refused(page, server, tmp_path):
    series = tmp_path / "series"
    series.mkdir()
    for number in range(3):
        (series / f"{number}.dcm").write_bytes(b"\0" * 128 + b"DICM" + os.urandom(300))
    page.goto(server.url)
    choose(page, "Open a DICOM folder", series)
    assert "series" in told(page)


def test_a_dicom_folder_is_opened(page, server, tmp_path):
    write_series(tmp_path / "series", SeriesDescription="SWI")
    page.goto(server.url)
    choose(page, "Open a DICOM folder", tmp_path / "series")
    page.get_by_role("button", name="Detect microbleeds").wait_for()
    assert page.get_by_text("22 × 24 × 12 voxels").is_visible()


def test_what_is_too_small_for_a_head_is_told(page, server, tmp_path):
    noise = np.random.default_rng(1).integers(90, 110, (8, 10, 9)).astype(np.uint16)
    sitk.WriteImage(sitk.GetImageFromArray(noise), str(tmp_path / "finger.nii.gz"))
    page.goto(server.url)
    choose(page, "Open a file", tmp_path / "finger.nii.gz")
    assert "mm" in told(page)
    assert page.get_by_role("button", name="Open the sample scan").is_visible()


def test_a_file_is_opened_by_dropping_it(page, server):
    page.goto(server.url)
    page.get_by_role("button", name="Open a file").wait_for()
    content = base64.b64encode(sample_scan().read_bytes()).decode()
    dropped = page.evaluate_handle(
        """content => {
            const bytes = Uint8Array.from(atob(content), one => one.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], 'dropped_T2starw.nii.gz'));
            return data;
        }""",
        content,
    )
    page.dispatch_event("body", "drop", {"dataTransfer": dropped})
    page.get_by_role("button", name="Detect microbleeds").wait_for()
    assert page.get_by_text("dropped_T2starw.nii.gz", exact=True).is_visible()


def test_a_search_that_is_cancelled_leaves_the_page_as_it_was(page, server):
    open_sample(page, server)
    page.get_by_role("button", name="Detect microbleeds").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Detect microbleeds").wait_for()
    assert not server.workers()
    assert rows_of(page) == []


def test_an_upload_that_is_too_large_is_refused_before_it_is_sent(page, server):
    page.goto(server.url)
    page.get_by_role("button", name="Open a file").wait_for()
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in page.context.cookies())
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", "/upload")
    connection.putheader("Cookie", cookies)
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(3 << 30))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 422
    assert "larger than" in json.loads(answer.read())["message"]
    connection.close()


def test_an_uploaded_scan_is_shown_under_its_own_name_and_stored_under_another(page, server, tmp_path):
    scan = tmp_path / "sub-7_SWI.nii.gz"
    image = sitk.ReadImage(str(sample_scan()))
    sitk.WriteImage(image[::4, ::4, ::2], str(scan))
    before = set(server.state.rglob("upload/*/*"))
    page.goto(server.url)
    choose(page, "Open a file", scan)
    page.get_by_role("button", name="Detect microbleeds").wait_for()
    assert page.get_by_text("sub-7_SWI.nii.gz", exact=True).is_visible()
    stored = [path for path in server.state.rglob("upload/*/*") if path.is_file() and path not in before]
    assert [path.name for path in stored] == ["00000.nii.gz"]
    assert stored[0].parent.stat().st_mode & 0o077 == 0
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Export").click()
    page.get_by_text("Close this session").click()
    page.get_by_role("button", name="Open the sample scan").wait_for()
    assert not stored[0].exists()


def test_a_worker_that_is_killed_is_told_of_and_the_page_goes_on(page, server):
    open_sample(page, server)
    page.get_by_role("button", name="Detect microbleeds").click()
    page.get_by_role("button", name="Cancel").wait_for()
    (worker,) = server.workers()
    os.kill(worker, signal.SIGKILL)
    assert "ended by the system" in told(page)
    page.get_by_role("button", name="Detect microbleeds").wait_for()


def test_a_second_tab_takes_the_session_over(reading):
    second = reading.context.new_page()
    second.goto(reading.url.split("index.html")[0])
    second.get_by_role("button", name="Accept", exact=True).wait_for()
    ended = reading.get_by_role("alertdialog")
    ended.get_by_text("another tab").wait_for()
    ended.get_by_role("button", name="Use it here").click()
    reading.get_by_role("button", name="Accept", exact=True).wait_for()
    second.get_by_role("alertdialog").wait_for()


def test_after_a_crash_of_the_server_the_review_goes_on(page, results, tmp_path):
    server = Server(tmp_path)
    give_review(server, "key", results)
    resume(page, server, "key")
    lesion = rows_of(page)[0]
    page.keyboard.press("n")
    page.keyboard.press("r")
    wait_for_state(page, lesion, "rejected")
    page.wait_for_timeout(3000)  # what is decided is on the disk within two seconds
    server.kill()
    ended = page.get_by_role("alertdialog")
    ended.get_by_text("stopped or restarted").wait_for()
    again = Server(tmp_path, "--port", str(server.port))
    try:
        ended.get_by_text("answers again").wait_for()
        ended.get_by_role("button", name="Go on").click()
        page.get_by_role("button", name="Resume the review").click()
        wait_for_state(page, lesion, "rejected")
    finally:
        again.stop()


# who may see it


def test_no_request_has_left_the_machine(results, server, asked_hosts):
    assert f"127.0.0.1:{server.port}" in asked_hosts
    assert all(host == "" or host.startswith("127.0.0.1:") for host in asked_hosts)  # blobs have none


def test_a_served_host_asks_for_its_token(tmp_path):
    server = Server(tmp_path, "--host", "0.0.0.0")
    try:
        here = f"http://127.0.0.1:{server.port}/"
        assert "?token=" in server.url
        assert status(here) == 403
        assert status(here + "?token=guessed") == 403
        assert status(here + "index.html", Cookie=f"{server.cookie}=guessed") == 403
        assert status(here + "ws", Connection="Upgrade", Upgrade="websocket") == 403
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(here + "?token=" + server.url.split("token=")[1], timeout=120) as answer:
            assert answer.status == 200
            assert "token" not in answer.url
        with opener.open(here, timeout=60) as answer:
            assert answer.status == 200
    finally:
        server.stop()


def test_a_server_with_all_places_taken_says_so(browser, asked_hosts, tmp_path):
    server = Server(tmp_path, str(sample_scan()), "--sessions", "1")
    first, second = new_page(browser, asked_hosts), new_page(browser, asked_hosts)
    try:
        first.goto(server.url)
        first.get_by_role("button", name="Detect microbleeds").wait_for()  # the scan of the command line
        assert second.goto(server.url).status == 503
        assert "All places on this server are taken (1)." in second.get_by_role("alert").inner_text()
        first.context.close()
        eventually(second, lambda: second.goto(server.url).status == 200)
    finally:
        server.stop()
        second.context.close()


def test_other_sites_cannot_use_the_page(server):
    assert status(server.url, Host="evil.example") == 403
    assert status(server.url + "alive", Origin="http://evil.example") == 403
    assert status(server.url + "_begin") == 403
    assert status(server.url + "alive") == 204
