"""Opening scans in the web page, and searching them: what comes in, what is refused, and what is stopped."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import sys

import numpy as np
import pytest
import SimpleITK as sitk
from module_file import ROOT
from web_browser import are_ours, choose, open_sample, state_of_page, wait_until, wait_until_told
from web_controls import assert_all_named, controls_of
from web_review import rows_of

sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))  # the series that the reader's own tests use
from dicom_series import write_series

from CMBSegmentationLib.files.bundled import sample_scan

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("chromium")]


# the first page


def test_every_control_of_the_first_page_has_a_name(first_page):
    controls = controls_of(first_page)
    assert_all_named(controls)
    assert {"Open the sample scan", "Open a file", "Open a DICOM folder", "Help"} <= {one.name for one in controls}


def test_what_is_too_small_for_a_head_is_told(first_page, tmp_path):
    noise = np.random.default_rng(1).integers(90, 110, (8, 10, 9)).astype(np.uint16)
    sitk.WriteImage(sitk.GetImageFromArray(noise), str(tmp_path / "finger.nii.gz"))
    choose(first_page, "Open a file", tmp_path / "finger.nii.gz")
    wait_until_told(first_page, "finger.nii.gz is 9 x 10 x 8 mm: not the size of a head.")
    assert first_page.get_by_role("button", name="Open the sample scan").is_visible()


def test_a_broken_dicom_folder_is_refused(first_page, tmp_path):
    series = tmp_path / "series"
    series.mkdir()
    for number in range(3):
        (series / f"{number}.dcm").write_bytes(b"\0" * 128 + b"DICM" + np.random.default_rng(number).bytes(300))
    choose(first_page, "Open a DICOM folder", series)
    wait_until_told(first_page, "series holds no DICOM image that can be read")
    assert first_page.get_by_role("button", name="Open the sample scan").is_visible()


def test_an_upload_that_is_too_large_is_refused_before_it_is_sent(first_page, server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", "/upload")
    connection.putheader("Cookie", f"{server.cookie}={server.key_of(first_page)}")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(3 << 30))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 422
    assert "larger than" in json.loads(answer.read())["message"]
    connection.close()


def test_no_request_leaves_the_machine(first_page, server, asked_hosts):
    first_page.get_by_role("button", name="Help").click()
    first_page.get_by_role("dialog", name="Help").wait_for()
    assert f"127.0.0.1:{server.port}" in asked_hosts
    assert are_ours(asked_hosts)  # looked at again when all other tests are through


# scans


def test_what_is_no_scan_is_refused_and_the_page_goes_on(page, server, tmp_path):
    before = set(server.state.rglob("upload/*"))
    (tmp_path / "letter.txt").write_text("Dear colleague")
    (tmp_path / "broken.nii.gz").write_bytes(sample_scan().read_bytes()[:5000])
    choose(page, "Open", tmp_path / "letter.txt", exact=True)
    wait_until_told(page, "letter.txt is not a scan in a supported format")
    choose(page, "Open", tmp_path / "broken.nii.gz", exact=True)
    wait_until_told(page, "broken.nii.gz is cut off or damaged")
    assert set(server.state.rglob("upload/*")) == before  # nothing of it is kept
    open_sample(page)
    page.get_by_role("button", name="Detect microbleeds").wait_for()


def test_a_dicom_folder_is_opened(page, tmp_path):
    write_series(tmp_path / "series", SeriesDescription="SWI")
    choose(page, "DICOM folder", tmp_path / "series", exact=True)
    page.get_by_text("22 × 24 × 12 voxels").wait_for()
    page.get_by_role("button", name="Detect microbleeds").wait_for()


def test_what_is_wrong_with_a_scan_is_told_when_it_opens(page, tmp_path):
    image = sitk.ReadImage(str(sample_scan()))[::4, ::4, ::2]
    sitk.WriteImage(image > 100, str(tmp_path / "mask.nii.gz"))
    image.SetSpacing((3.0, 3.0, 3.0))
    sitk.WriteImage(image, str(tmp_path / "coarse.nii.gz"))
    choose(page, "Open", tmp_path / "mask.nii.gz", exact=True)
    wait_until_told(page, "This looks like a mask or a label map")
    choose(page, "Open", tmp_path / "coarse.nii.gz", exact=True)
    wait_until_told(page, "most microbleeds, which are 2 to 5 mm, cannot be seen")


def test_where_two_series_are_equally_suitable_the_reader_chooses(page, tmp_path):
    for number in (14, 15):
        write_series(tmp_path / "study" / str(number), number=number, SeriesDescription="SWI")
    choose(page, "DICOM folder", tmp_path / "study", exact=True)
    dialog = page.get_by_role("dialog", name="Choose a series")
    dialog.get_by_text("equally suitable").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    choose(page, "DICOM folder", tmp_path / "study", exact=True)
    dialog.get_by_text("equally suitable").wait_for()
    dialog.get_by_text("15 'SWI'", exact=True).click()
    dialog.wait_for(state="hidden")
    page.locator(".cmb-scan").get_by_text("study", exact=True).wait_for()
    page.locator(".cmb-scan").get_by_text("series 15 'SWI', 2026-01-02").wait_for()


def test_a_file_is_opened_by_dropping_it(page):
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
    page.get_by_text("dropped_T2starw.nii.gz", exact=True).wait_for()
    page.get_by_role("button", name="Detect microbleeds").wait_for()


def test_an_uploaded_scan_is_shown_under_its_own_name_and_stored_under_another(page, server, tmp_path):
    scan = tmp_path / "sub-7_SWI.nii.gz"
    image = sitk.ReadImage(str(sample_scan()))
    sitk.WriteImage(image[::4, ::4, ::2], str(scan))
    before = set(server.state.rglob("upload/*/*"))
    choose(page, "Open", scan, exact=True)
    page.get_by_text("sub-7_SWI.nii.gz", exact=True).wait_for()
    stored = [path for path in server.state.rglob("upload/*/*") if path.is_file() and path not in before]
    assert [path.name for path in stored] == ["00000.nii.gz"]
    assert stored[0].parent.stat().st_mode & 0o077 == 0
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Export").click()
    page.get_by_text("Close this session").click()
    page.get_by_role("button", name="Open the sample scan").wait_for()
    assert not stored[0].exists()


# searching


def test_a_search_that_is_cancelled_leaves_the_page_as_it_was(page, server):
    open_sample(page)
    page.get_by_role("button", name="Detect microbleeds").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Detect microbleeds").wait_for()
    wait_until(page, lambda: not server.workers())
    assert rows_of(page) == []
    assert not state_of_page(page)["searched"]


def test_a_worker_that_is_killed_is_told_of_and_the_page_goes_on(page, server):
    open_sample(page)
    page.get_by_role("button", name="Detect microbleeds").click()
    page.get_by_role("button", name="Cancel").wait_for()
    wait_until(page, server.workers)
    (worker,) = server.workers()
    os.kill(worker, signal.SIGKILL)
    wait_until_told(page, "ended by the system")
    page.get_by_role("button", name="Detect microbleeds").wait_for()
