"""The sample's lesions in the page: opened as if nobody had read them, and what the list shows of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from playwright.sync_api import Page
from web_browser import SAMPLE_NAME, Server, go_to, open_sample, state_of_page, wait_until

from CMBSegmentationLib.files.bundled import sample_scan
from CMBSegmentationLib.reading.scan import read_scan
from CMBWeb.files.kept_results import scan_key

OTHER_SCAN = "other.nii.gz"
LOOKS = (  # what stays as it is while another scan is opened
    "panel", "help_shown", "message_shown", "outlines", "crosshair", "slab_mm",
    "brush", "brush_mm", "grouped", "grow_mode", "reader",
)  # fmt: skip
LAST_SAID = ("message", "message_hint", "message_kind", "grow_message", "curve", "tolerance")  # of what was closed


class UnreadSample:
    """Brings a page to the sample with its lesions, none read, whatever was done in it before.

    A new process would load its packages for seconds. Instead the page is made to let go of the review: it opens
    another scan, what was saved of the sample is replaced, and it opens the sample again.

    Parameters
    ----------
    server : Server
    results : Path
        What the detector found in the sample.
    """

    def __init__(self, server: Server, results: Path) -> None:
        self._server, self._results = server, results
        self._first: dict[str, Any] = {}

    def __call__(self, page: Page) -> None:
        """Open it, and check that all that the page knows is as it was the first time."""
        go_to(page, self._server)
        if state_of_page(page)["has_scan"]:
            self._let_go(page)
        give_review(self._server, self._server.key_of(page), self._results)
        open_sample(page)
        page.get_by_role("button", name="Accept", exact=True).wait_for()
        if not self._first:
            self._first = _lasting(state_of_page(page))
        wait_until(page, lambda: not self._changed(page), lambda: f"(at first, now): {self._changed(page)}")

    def _let_go(self, page: Page) -> None:
        """Open another scan, and look at it as at first."""
        self._set_as_at_first(page, LOOKS)
        if alone := state_of_page(page)["shown_alone"]:
            page.get_by_role("button", name=f"Show {alone} alone, or all four").click()
        path = self._server.state / OTHER_SCAN
        sitk.WriteImage(_black_but_for_a_dot(), str(path))
        upload = {"scan": {"name": OTHER_SCAN, "mimeType": "application/gzip", "buffer": path.read_bytes()}}
        assert page.request.post(f"{self._server.origin}upload", multipart=upload).ok
        wait_until(page, page.get_by_text(OTHER_SCAN, exact=True).is_visible, lambda: _said(page))
        page.locator("[data-lesion]").first.wait_for(state="detached")
        self._set_as_at_first(page, LAST_SAID)

    def _set_as_at_first(self, page: Page, names: Sequence[str]) -> None:
        page.evaluate("values => window.trame.state.update(values)", {name: self._first[name] for name in names})

    def _changed(self, page: Page) -> dict[str, tuple[Any, Any]]:
        now = _lasting(state_of_page(page))
        # what was last said may arrive after it was set back
        return {name: (self._first.get(name), now.get(name)) for name in {*now, *self._first} - {*LAST_SAID}
                if now.get(name) != self._first.get(name)}  # fmt: skip


def _black_but_for_a_dot() -> sitk.Image:
    """A scan whose pictures are not taken for those of the sample."""
    voxels = np.zeros((12, 24, 22), np.uint16)
    voxels[6, 12, 11] = 1000
    scan = sitk.GetImageFromArray(voxels)
    scan.SetSpacing((8.0, 8.0, 12.0))
    return scan


def _said(page: Page) -> dict[str, Any]:
    """What the page tells of an opening."""
    state = state_of_page(page)
    return {name: state[name] for name in ("scan_name", "busy", "message", "message_shown", "series_shown")}


def _lasting(state: dict[str, Any]) -> dict[str, Any]:
    """Leave out what trame keeps for itself, and where the mouse is."""
    mouse = "_active_view_cursor"
    return {name: value for name, value in state.items() if not name.startswith("trame__") and mouse not in name}


def give_review(server: Server, key: str, results: Path) -> None:
    """Leave the sample with its results in a session's folder, as a server that was stopped does."""
    review = server.folder(key) / "review"
    shutil.rmtree(review, ignore_errors=True)
    shutil.copytree(results, review / scan_key(read_scan(sample_scan()).image).name / "results")
    kept = {"path": str(sample_scan()), "name": SAMPLE_NAME, "uploaded": False}
    (review / "scan.json").write_text(json.dumps(kept), encoding="utf-8")


def accepted_in(results: Path) -> list[dict[str, Any]]:
    """Give the lesions that count, as the list of a result folder has them."""
    (path,) = results.glob("*_lesions.json")
    return [row for row in json.loads(path.read_text(encoding="utf-8"))["lesions"] if row["status"] == "kept"]


def rows_of(page: Page) -> list[int]:
    """Give the numbers of the lesions that are listed."""
    return [int(one) for one in page.locator("[data-lesion]").evaluate_all("all => all.map(e => e.dataset.lesion)")]


def state_of(page: Page, lesion: int) -> str:
    """Give the status that a lesion's row shows."""
    return page.locator(f"[data-lesion='{lesion}'] .cmb-state span").first.inner_text()


def wait_for_state(page: Page, lesion: int, state: str) -> None:
    """Wait until a lesion's row shows a status."""
    page.locator(f"[data-lesion='{lesion}'] .cmb-state", has_text=state).wait_for()


def reject(page: Page, lesion: int) -> None:
    """Reject a lesion with the mouse."""
    page.locator(f"[data-lesion='{lesion}']").click()
    page.get_by_role("button", name="Reject as …", exact=True).click()
    page.get_by_role("group", name="What is it?").get_by_role("button", name="not specified").click()
    wait_for_state(page, lesion, "rejected")
