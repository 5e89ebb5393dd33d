"""How fast the web page is: `python Testing/benchmark_web.py`, in Debian's Chromium, as a table for the README."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from web_browser import Server, chromium, new_page, view_of

JUMPS, SCROLL_S, WHEELS_A_SECOND = 12, 4.0, 30
WATCH = """view => {
    const picture = document.querySelectorAll('.layout-grid-item')[view].querySelector('img');
    window.frames_seen = [];
    new MutationObserver(() => window.frames_seen.push(performance.now())).observe(picture, {attributes: true});
    document.addEventListener('keydown', () => { window.pressed_at = performance.now(); }, true);
}"""
SCROLL = """async ([view, every_ms, for_ms]) => {
    const area = document.querySelectorAll('.layout-grid-item .remote-controlled-area')[view];
    const box = area.getBoundingClientRect();
    const at = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, bubbles: true, cancelable: true };
    window.frames_seen = [];
    let turn = 0;
    const wheel = () => {
        const deltaY = Math.floor(turn++ / 12) % 2 ? -120 : 120;
        area.dispatchEvent(new WheelEvent('wheel', { ...at, deltaY }));
    };
    const turning = setInterval(wheel, every_ms); // here: a driver outside waits for each turn to be answered
    await new Promise((done) => setTimeout(done, for_ms));
    clearInterval(turning);
    return window.frames_seen.length;
}"""
AXIAL = 0


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as state, chromium() as browser:
        page = new_page(browser, set())
        started = time.perf_counter()
        server = Server(Path(state))
        try:
            page.goto(server.url)
            page.get_by_role("button", name="Open the sample scan").wait_for()
            usable_s = time.perf_counter() - started
            _print(usable_s, _measured(page))
        finally:
            server.stop()


def _measured(page: Any) -> dict[str, float]:
    begun = time.perf_counter()
    page.get_by_role("button", name="Open the sample scan").click()
    page.get_by_role("button", name="Detect microbleeds").wait_for()
    page.wait_for_function("() => [...document.querySelectorAll('.layout-grid-item img')].every(one => one.width > 50)")
    page.evaluate(WATCH, AXIAL)
    shown_s = time.perf_counter() - begun
    page.wait_for_timeout(3000)
    frames = _frames_while_scrolling(page)
    page.get_by_role("button", name="Detect microbleeds").click()
    page.get_by_role("button", name="Cancel").wait_for()
    page.wait_for_timeout(8000)  # the network runs
    while_detecting = _frames_while_scrolling(page)
    page.get_by_role("button", name="Accept", exact=True).wait_for(timeout=600_000)
    page.wait_for_timeout(2000)
    jumps = [_jump_ms(page) for _ in range(JUMPS)]
    return {
        "shown": shown_s,
        "frames": frames,
        "detecting": while_detecting,
        "jump": median(jumps),
        "slowest": max(jumps),
    }


def _frames_while_scrolling(page: Any) -> float:
    """Scroll to and fro; frames a second that the axial view showed."""
    box = view_of(page, AXIAL)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    shown = page.evaluate(SCROLL, [AXIAL, 1000 / WHEELS_A_SECOND, 1000 * SCROLL_S])
    return float(shown) / SCROLL_S


def _jump_ms(page: Any) -> float:
    """Go to the next lesion; milliseconds from the key to the first new picture."""
    page.evaluate("() => { window.frames_seen = []; }")
    page.keyboard.press("n")
    page.wait_for_function("() => window.frames_seen.length > 0")
    taken = float(page.evaluate("() => window.frames_seen[0] - window.pressed_at"))
    page.wait_for_timeout(900)
    return taken


def _print(usable_s: float, measured: dict[str, float]) -> None:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    rows = (
        ("machine", f"{os.cpu_count()} cores, no GPU; load {load:.1f} at the end"),
        ("command to a page that can be used", f"{usable_s:.1f} s"),
        ("512 x 512 x 35 scan, choosing to seeing", f"{measured['shown']:.1f} s"),
        ("scrolling at 1280 x 800", f"{measured['frames']:.0f} pictures a second"),
        ("scrolling while the detector runs", f"{measured['detecting']:.0f} pictures a second"),
        ("next lesion, key to picture", f"{measured['jump']:.0f} ms (slowest {measured['slowest']:.0f} ms)"),
    )
    print("| | |\n| --- | --- |")
    for name, value in rows:
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
