"""The controls of the page as Chromium tells them to who does not see them: role and name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from playwright.sync_api import Page
from web_browser import view_of
from web_pictures import AXIAL

ROLES = (
    "button", "checkbox", "combobox", "link", "listbox", "menuitem", "radio", "searchbox", "slider", "spinbutton",
    "switch", "tab", "textbox",
)  # fmt: skip
NO_CONTROLS = ("RootWebArea", "option")  # take the focus, too: the page, and the words within a list


@dataclass(frozen=True)
class Control:
    """A control that is shown.

    Attributes
    ----------
    role, name : str
        As a screen reader says them; the name is empty where the control has none.
    element : str
        Its HTML, cut short: where to look for it in `CMBWeb/ui`.
    """

    role: str
    name: str
    element: str


def controls_of(page: Page) -> list[Control]:
    """Give all that can be operated: what has a control's role, and what else the Tab key reaches."""
    session = page.context.new_cdp_session(page)
    try:
        found = []
        for node in session.send("Accessibility.getFullAXTree")["nodes"]:
            role, name = (str(node.get(what, {}).get("value", "")) for what in ("role", "name"))
            can_focus = any(one["name"] == "focusable" and one["value"]["value"] for one in node.get("properties", ()))
            if node["ignored"] or role in NO_CONTROLS or not (role in ROLES or can_focus):
                continue
            html = session.send("DOM.getOuterHTML", {"backendNodeId": node["backendDOMNodeId"]})["outerHTML"]
            if role in ROLES or 'tabindex="-1"' not in html.split(">")[0]:
                found.append(Control(role, name.strip(), html[:300]))
        return found
    finally:
        session.detach()


def assert_all_named(controls: Iterable[Control]) -> None:
    """Fail with a list of the controls that have no name."""
    nameless = [f"{one.role}: {one.element}" for one in controls if not one.name]
    assert not nameless, "controls without a name:\n" + "\n".join(nameless)


def place(page: Page, kind: str, across: float) -> None:
    """Set a point in the axial view, at a share of its width."""
    button = page.get_by_role("button", name=f"Place a {kind}")
    button.click()
    button.get_by_text("Click in a view").wait_for()
    box = view_of(page, AXIAL)
    page.mouse.click(box["x"] + box["width"] * across, box["y"] + box["height"] / 2)
    page.get_by_role("button", name=f"{kind.title()} 1", exact=True).wait_for()
