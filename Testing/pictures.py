"""Make the pictures of the page and of the report from the program as it is: `make pictures`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from web_browser import Server, chromium, new_page
from web_search import search_sample

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "Resources" / "Screenshots"
SETTLED_MS = 2500  # the views draw what the last key asked for


def main() -> None:
    """Search the sample twice, in the page and in the shell, and photograph both."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        _page(browser, Path(folder) / "state")
        _report(browser, Path(folder) / "results")


def _page(browser, state: Path) -> None:
    """Two lesions accepted, the third looked at."""
    page = new_page(browser, set())
    server = Server(state)
    try:
        search_sample(page, server)
        for key in ("a", "a"):
            page.keyboard.press(key)
            page.wait_for_timeout(SETTLED_MS)
        page.screenshot(path=PICTURES / "web.png")
    finally:
        server.stop()


def _report(browser, results: Path) -> None:
    scan = ROOT / "Resources" / "SampleData" / "cmb-sample_T2starw.nii.gz"
    subprocess.run([sys.executable, "-m", "CMBCommand.cli", "detect", scan, "-o", results], check=True)
    (report,) = results.glob("*_report.html")
    page = new_page(browser, set(), (1280, 1500))
    page.goto(report.as_uri())
    page.screenshot(path=PICTURES / "report.png")


if __name__ == "__main__":
    main()
