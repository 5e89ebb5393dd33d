"""The web page under test: a server in a process of its own, its state in a temporary folder, and a browser."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from playwright.sync_api import Download, Page, sync_playwright

if TYPE_CHECKING:
    import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_MS = 120_000  # what is waited for at most on a machine that does other things, too
LOOK_AGAIN_MS = 100
REMEMBER = "location.protocol === 'http:' && localStorage.setItem('cmb_reader', %s)"
SAMPLE_NAME = "cmb-sample_T2starw"
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
        self.origin = f"http://127.0.0.1:{self.port}/"  # without the token

    @property
    def cookie(self) -> str:
        """Name of the cookie of a session."""
        return f"cmb_session_{self.port}"

    def key_of(self, page: Page) -> str:
        """Give the key of a page's session."""
        return next(str(one["value"]) for one in page.context.cookies() if one["name"] == self.cookie)

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
    assert CHROMIUM, "There is no Chromium on this machine: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def new_page(
    browser: Any, hosts: set[str], size: tuple[int, int] = (1280, 800), *, scale: float = 1.0, reader: str = "SI"
) -> Page:
    """Open a browser session of its own, which remembers a reader; the hosts that it asks are added to `hosts`.

    It asks for reduced motion: drawing a spinner without a GPU takes half a core while a scan is opened.
    """
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        device_scale_factor=scale,
        accept_downloads=True,
        reduced_motion="reduce",
    )
    if reader:
        context.add_init_script(REMEMBER % json.dumps(reader))
    context.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    context.on("page", lambda page: page.on("websocket", lambda socket: hosts.add(urlsplit(socket.url).netloc)))
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def are_ours(hosts: set[str]) -> bool:
    """Whether all hosts that were asked are this machine; the address of a blob has none."""
    return all(host == "" or host.startswith("127.0.0.1:") for host in hosts)


class SharedPage:
    """A page, and the process behind it, that tests use one after the other.

    Parameters
    ----------
    browser
    hosts : set of str
        As for `new_page`.
    prepare : callable
        Brings the page to what each test begins with, whatever the one before left.
    """

    def __init__(self, browser: Any, hosts: set[str], prepare: Callable[[Page], None]) -> None:
        self._browser, self._hosts, self._prepare = browser, hosts, prepare
        self._page: Page | None = None

    @contextmanager
    def lent(self, session: pytest.Session) -> Iterator[Page]:
        """Lend it to a test; where that fails, the next one gets a new page and process."""
        failed = session.testsfailed
        page, self._page = self._page or new_page(self._browser, self._hosts), None
        for other in page.context.pages:
            if other is not page:
                other.close()
        self._prepare(page)
        yield page
        if session.testsfailed == failed:
            self._page = page
        else:
            page.context.close()


def wait_until(page: Page, is_so: Callable[[], object], instead: Callable[[], object] = lambda: "") -> None:
    """Wait for what the browser has no event for; where it does not come, `instead` gives what was seen."""
    until = time.monotonic() + PATIENCE_MS / 1000
    while not is_so():
        assert time.monotonic() < until, f"not so within {PATIENCE_MS // 1000} s {instead()}"
        page.wait_for_timeout(LOOK_AGAIN_MS)  # the browser's events are heard meanwhile


def go_to(page: Page, server: Server) -> None:
    """Open the page, whatever its session shows, and wait until it is connected; help and messages are closed."""
    page.goto(server.url)
    page.wait_for_function("() => window.trame?.state?.get('trame__title') && document.querySelector('.cmb-bar')")
    page.evaluate("() => window.trame.state.update({ message_shown: false, help_shown: false })")


def state_of_page(page: Page) -> dict[str, Any]:
    """Give what page and process both know."""
    return dict(page.evaluate("() => JSON.parse(JSON.stringify(window.trame.state.get()))"))


def open_sample(page: Page) -> None:
    """Open the bundled sample from the bar, which is there whatever is shown, where it is not open yet."""
    if state_of_page(page)["scan_name"] == SAMPLE_NAME:
        return
    page.get_by_role("button", name="Sample", exact=True).click()
    page.get_by_text(SAMPLE_NAME, exact=True).wait_for()
    page.locator(".cmb-busy").wait_for(state="detached")


def choose(page: Page, button: str, paths: Path | Sequence[Path], *, exact: bool = False) -> None:
    """Click a button that asks for files, and choose some."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button, exact=exact).click()
    chooser.value.set_files(paths)


def take(page: Page, what: str) -> Download:
    """Choose in the Export menu what comes as a file."""
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_text(what, exact=True).click()
    return download.value


def wait_until_told(page: Page, message: str, hint: str = "") -> None:
    """Wait for a message, and close it."""
    alert = page.get_by_role("alert").filter(has_text=message).filter(has_text=hint)
    alert.get_by_role("button", name="Close").click()
    alert.wait_for(state="hidden")


def drag_grey_window(page: Page) -> None:
    """Drag in the axial view until the grey window is another, as slowly as a hand: few moves at once are lost."""
    box, before = view_of(page, 0), state_of_page(page)["window_range"]
    across, down = [box["x"] + 50], box["y"] + 150

    def is_another() -> bool:
        across.append(across[-1] + 4)
        page.mouse.move(across[-1], down)
        return bool(state_of_page(page)["window_range"] != before)

    page.mouse.move(across[-1], down)
    page.mouse.down()
    wait_until(page, is_another, lambda: before)
    page.mouse.up()


def view_of(page: Page, number: int) -> dict[str, float]:
    """Give the box of a view: 0 axial, 1 sagittal, 2 coronal, 3 3D."""
    box = page.locator(".layout-grid-item").nth(number).bounding_box()
    assert box is not None
    return dict(box)
