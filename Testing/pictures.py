"""Make the pictures of the page, the report and the node from the program as it is: `make pictures`."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from node_picture import with_studies
from PIL import Image
from web_browser import Server, chromium, new_page
from web_search import search_sample

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))  # the brain with phase of the module's own tests
from dark_spots import only, write_dark_voxel_model  # noqa: E402
from phase_brain import phase_brain  # noqa: E402

PICTURES = ROOT / "Resources" / "Screenshots"
SETTLED_MS = 2500  # the views draw what the last key asked for


def main() -> None:
    """Search the sample twice, in the page and in the shell, and a brain with phase; photograph them, and a node."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        _page(browser, Path(folder) / "state")
        _report(browser, Path(folder) / "results")
        _phase(browser, Path(folder))
        _node(browser, Path(folder))


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


def _phase(browser, folder: Path) -> None:
    """The report's rows of a microbleed and of a calcification: what the phase says, its picture beside the scan's."""
    magnitude, phase, places = phase_brain()
    for image, name in ((magnitude, "head_mag"), (phase, "head_phase")):
        sitk.WriteImage(image, str(folder / f"{name}.nii.gz"))
    model = write_dark_voxel_model(folder / "dark.onnx")
    out = folder / "phase"
    call = [sys.executable, "-m", "CMBCommand.cli", "detect", folder / "head_mag.nii.gz", "-o", out, *only(model)]
    subprocess.run(call, check=True)
    (found,) = out.glob("*_lesions.json")
    rows = json.loads(found.read_text(encoding="utf-8"))["lesions"]
    page = new_page(browser, set(), (1280, 1000))
    (report,) = out.glob("*_report.html")
    page.goto(report.as_uri())
    page.evaluate("() => document.querySelectorAll('details').forEach(one => { one.open = true })")
    cards = []
    for place in places:
        apart = [np.linalg.norm(place - [row[key] for key in ("r_mm", "a_mm", "s_mm")]) for row in rows]
        card = page.locator(f"#number-{rows[int(np.argmin(apart))]['id']}")
        cards.append(Image.open(io.BytesIO(card.screenshot())))
    both = Image.new("RGB", (max(card.width for card in cards), sum(card.height for card in cards)), "white")
    for number, card in enumerate(cards):
        both.paste(card, (0, sum(one.height for one in cards[:number])))
    both.save(PICTURES / "phase.png", optimize=True)


def _node(browser, folder: Path) -> None:
    """The status page of a node, with studies in every state."""
    scene, _ = with_studies(folder)
    try:
        page = new_page(browser, set(), (1280, 1000))
        page.goto(f"http://127.0.0.1:{scene.node.status.port}/")
        page.screenshot(path=PICTURES / "node.png", full_page=True)
    finally:
        scene.stop()


if __name__ == "__main__":
    main()
