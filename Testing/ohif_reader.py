"""What a radiologist does in OHIF: open a study, look at the segmentation, go through the findings, read the PDF."""

from __future__ import annotations

import io
import re
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from web_browser import PATIENCE_MS, new_page, wait_until

SIZE = (1500, 950)
PAGES = ("http", "https", "ws", "wss")  # the browser has addresses of its own for its viewer of PDF
READ_BLOB = """async () => {
  const found = document.querySelector('[data-cy=viewport-pane] :is(object, iframe, embed)');
  const bytes = new Uint8Array(await (await fetch(found.data || found.src)).arrayBuffer());
  return String.fromCharCode(...bytes.slice(0, 5)) + bytes.length;
}"""


class Reader:
    """A window of OHIF.

    Attributes
    ----------
    faults : list of str
        What the page raised and nobody caught.
    asked : set of str
        Origins that it asked.
    """

    def __init__(self, browser: Any, address: str, study_uid: str) -> None:
        self.page = new_page(browser, set(), SIZE, reader="")
        self.faults: list[str] = []
        self.asked: set[str] = set()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self._note(request.url))
        self.page.goto(f"{address}/viewer?StudyInstanceUIDs={study_uid}")
        self.page.get_by_text("Skip all").click()  # the tour that it begins with
        self._bright()

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in PAGES:
            self.asked.add(f"{parts.scheme}://{parts.netloc}")

    def _bright(self) -> None:
        wait_until(self.page, lambda: "I:" in self._corner() or self.view().max() > 60)

    def _corner(self) -> str:
        corner = self.page.locator("[data-cy=viewport-overlay-bottom-right]").first
        return str(corner.inner_text()) if corner.count() else ""

    def view(self) -> NDArray[np.int64]:
        """What the view shows: array (row, column, RGB)."""
        shot = self.page.locator("[data-cy=viewport-pane]").first.screenshot()
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(np.int64)

    def plane(self) -> int:
        """Which slice is shown, from 0 at the feet; OHIF counts from the head, and says so in every kind of view."""
        found = re.search(r"\((\d+)/(\d+)\)", self._corner())
        return int(found[2]) - int(found[1]) if found else -1

    def series(self) -> str:
        """Which series is shown."""
        return str(self.page.locator("[data-cy=viewport-overlay-top-left]").first.inner_text())

    def _open(self, modality: str) -> None:
        self.page.get_by_text(modality, exact=True).first.dblclick()

    def _agree(self, question: str) -> None:
        self.page.get_by_text(question).wait_for()
        self.page.get_by_role("button", name="Yes").first.click()
        self.page.get_by_text(question).wait_for(state="detached")

    def open_report(self) -> None:
        """Have the findings of the structured report listed."""
        self._open("SR")
        self._agree("Do you want to continue tracking measurements for this study?")
        self.page.locator("[data-cy=trackedMeasurements-btn]").first.click()
        self.page.get_by_text(re.compile("^CMB 1,")).first.wait_for()

    def findings(self) -> list[str]:
        """The list of findings."""
        return [str(text) for text in self.page.get_by_text(re.compile(r"^CMB \d+,")).all_inner_texts()]

    def go_to(self, number: int, plane: float) -> None:
        """Click a finding, and wait for a slice next to a plane, counted in slices from 0."""
        self.page.get_by_text(re.compile(f"^CMB {number},")).first.click()
        wait_until(self.page, lambda: abs(self.plane() - plane) < 0.6, lambda: f"but {self._corner()!r}")

    def open_segmentation(self) -> None:
        """Have the segments drawn over the scan."""
        self._open("SEG")
        self._agree("Do you want to open this Segmentation?")

    def list_findings(self) -> None:
        """Have the list of findings in place of the list of segments."""
        self.page.locator("[data-cy=trackedMeasurements-btn]").first.click()

    def painted(self) -> NDArray[np.bool_]:
        """Which pixels (row, column) have the reddish colour of unread lesions."""
        pixels = self.view()
        return (pixels[..., 0] - pixels[..., 2] > 25) & (pixels[..., 0] - pixels[..., 1] > 25)

    def marked(self) -> NDArray[np.bool_]:
        """Which pixels (row, column) have the green of a finding's mark."""
        pixels = self.view()
        return (pixels[..., 1] - pixels[..., 0] > 60) & (pixels[..., 1] - pixels[..., 2] > 60)

    def open_pdf(self) -> tuple[str, int]:
        """Open the report for reading; gives how it begins and its length in bytes."""
        self._open("DOC")
        pane = "[data-cy=viewport-pane] :is(object, iframe, embed)"
        self.page.locator(pane).first.wait_for(state="attached", timeout=PATIENCE_MS)
        wait_until(self.page, lambda: str(self.page.evaluate(READ_BLOB)).startswith("%PDF"))
        told = str(self.page.evaluate(READ_BLOB))
        return told[:5], int(told[5:])
