"""A search of the sample in the page, by the bundled networks."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page
from web_browser import Server, go_to, open_sample, view_of
from web_review import accepted_in, rows_of

SEARCHED_WITHIN_MS = 480_000  # by a detector that lets all other programs go first


def search_sample(page: Page, server: Server) -> Path:
    """Search the sample while scrolling in it; give the folder with what was found."""
    go_to(page, server)
    open_sample(page)
    page.get_by_role("button", name="Detect microbleeds").click()
    page.get_by_role("button", name="Cancel").wait_for()
    offset = page.locator(".view-offset").first.inner_text()
    box = view_of(page, 0)
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.wheel(0, -120)  # the page is there for its reader while it searches
    page.locator(".view-offset").first.filter(has_not_text=offset).wait_for()
    assert page.get_by_role("button", name="Cancel").is_visible()
    page.get_by_role("button", name="Accept", exact=True).wait_for(timeout=SEARCHED_WITHIN_MS)
    page.locator("[data-lesion]:first-child.cmb-current").wait_for()  # a verdict can be given at once
    (folder,) = (server.folder(server.key_of(page)) / "review").glob("*/results")
    assert rows_of(page) == [row["id"] for row in accepted_in(folder)]
    return folder
