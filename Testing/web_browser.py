"""The web page under test: a server in a process of its own, its state in a temporary folder, and a browser."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, sync_playwright

from CMBSegmentationLib.resources import sample_scan

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_MS = 120_000  # what is waited for at most on a machine that does other things, too
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""


class Server:
    """`python -m CMBWeb` on a free port.

    Parameters
    ----------
    state : Path
        Takes the place of the user's folder for state.
    *arguments : str
    """

    def __init__(self, state: Path, *arguments: str) -> None:
        self.state = state
        if "--port" not in arguments:
            arguments = (*arguments, "--port", "0")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "CMBWeb", "--no-browser", *arguments],
            env={**os.environ, "XDG_STATE_HOME": str(state)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = self.process.stdout.readline() if self.process.stdout else ""
        assert "served at" in line, f"the server said {line!r} and ended with {self.process.wait(30)}"
        self.url = line.split()[-1]
        self.port = urlsplit(self.url).port or 0

    @property
    def cookie(self) -> str:
        """Name of the cookie of a session."""
        return f"cmb_session_{self.port}"

    def folder(self, key: str) -> Path:
        """Give the folder of a session."""
        return self.state / "slicer-cmb" / "web" / hashlib.sha256(key.encode()).hexdigest()[:32]

    def workers(self) -> list[int]:
        """Give the process ids of the detectors that run for its pages."""
        every = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
        rows = [line.split(None, 2) for line in every.splitlines()]
        pages = {pid for pid, parent, _ in rows if int(parent) == self.process.pid}
        return [int(pid) for pid, parent, command in rows if parent in pages and "CMBSegmentationLib.worker" in command]

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def kill(self) -> None:
        """End it without a warning."""
        self.process.kill()
        self.process.wait(30)


@contextmanager
def chromium() -> Iterator[Any]:
    """Start Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser: Any, hosts: set[str], size: tuple[int, int] = (1280, 800)) -> Page:
    """Open a browser session of its own; the hosts that it asks are added to `hosts`."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, accept_downloads=True)
    context.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def give_review(server: Server, key: str, results: Path) -> None:
    """Leave a session of the sample scan with results behind, as a server that was stopped does."""
    review = server.folder(key) / "review"
    review.mkdir(parents=True)
    shutil.copytree(results, review / "results")
    kept = {"path": str(sample_scan()), "name": "cmb-sample_T2starw", "uploaded": False}
    (review / "scan.json").write_text(json.dumps(kept), encoding="utf-8")


def resume(page: Page, server: Server, key: str) -> None:
    """Open the page of a session that was left behind, and go on with its review."""
    page.context.add_cookies([{"name": server.cookie, "value": key, "url": server.url}])
    page.goto(server.url)
    page.get_by_role("button", name="Resume the review").click()
    page.get_by_role("button", name="Accept", exact=True).wait_for()


def open_sample(page: Page, server: Server) -> None:
    """Open the page and in it the bundled sample."""
    page.goto(server.url)
    page.get_by_role("button", name="Open the sample scan").click()
    page.get_by_role("button", name="Detect microbleeds").wait_for()


def state_of(page: Page, lesion: int) -> str:
    """Give the status that a lesion's row shows."""
    return page.locator(f"[data-lesion='{lesion}'] .cmb-state").inner_text()


def wait_for_state(page: Page, lesion: int, state: str) -> None:
    """Wait until a lesion's row shows a status."""
    page.locator(f"[data-lesion='{lesion}'] .cmb-state", has_text=state).wait_for()


def rows_of(page: Page) -> list[int]:
    """Give the numbers of the lesions that are listed."""
    return [int(one) for one in page.locator("[data-lesion]").evaluate_all("all => all.map(e => e.dataset.lesion)")]


def view_of(page: Page, number: int) -> dict[str, float]:
    """Give the box of a view: 0 axial, 1 sagittal, 2 coronal, 3 3D."""
    box = page.locator(".layout-grid-item").nth(number).bounding_box()
    assert box is not None
    return dict(box)
