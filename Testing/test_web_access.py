"""The web page at any width, by keyboard and for screen readers, and what it asks of who reads."""

from __future__ import annotations

import re
import sys
from functools import partial

import pytest
from axe_playwright_python.sync_playwright import Axe
from module_file import ROOT
from playwright.sync_api import expect
from web_browser import SAMPLE_NAME, choose, go_to, open_sample, state_of_page, wait_until, wait_until_told
from web_pictures import THREE_D, picture
from web_review import rows_of, state_of, wait_for_state

from CMBScribbleGrowLib.annotation.words import CAA_GROUP, OTHER

sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))
from dicom_series import write_series

from CMBSegmentationLib.errors import InputError
from CMBWeb.bindings.reader import LONGEST_NAME, checked_name

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("chromium")]
CUT_CHOICES = """() => [...document.querySelectorAll('.cmb-place select')].filter(one => {
  const whole = one.cloneNode();
  whole.append(one.selectedOptions[0].cloneNode(true));
  whole.style.cssText = "position: absolute; width: max-content; min-width: 0";
  one.parentElement.append(whole);
  const needed = whole.getBoundingClientRect().width;
  whole.remove();
  return needed > one.getBoundingClientRect().width + 1;
}).map(one => one.selectedOptions[0].text)"""  # of which more is to be read than there is room for

SIZES = [(900, 700), (860, 640), (1280, 800), (1280, 720), (1920, 1080), (853, 533)]  # the last: 1280 x 800 at 150 %
BOXES = """() => {
    const box = (element) => element.getBoundingClientRect();
    const isShown = (one) => one.checkVisibility() && box(one).width > 0;
    const all = (list) => [...document.querySelectorAll(list)].filter(isShown);
    const isNarrow = (list) => {
        const alone = list.cloneNode(true);
        [...alone.options].forEach((one, at) => at === list.selectedIndex || one.remove());
        alone.style.cssText = 'position: absolute; min-width: 0; width: auto';
        list.after(alone);
        const wanted = alone.offsetWidth;
        alone.remove();
        return list.offsetWidth < wanted - 1;
    };
    const isCut = (one) =>
        one.scrollWidth > one.clientWidth + 1 || (one.matches('select.cmb-whole') && isNarrow(one));
    const inPanel = all('.cmb-panel :is(button, select, td, th, input)');
    const sheet = all('.cmb-sheet')[0];
    return {
        tools: all('.cmb-tools > *').map((one) => box(one).right),
        panel: box(document.querySelector('.cmb-panel')).toJSON(),
        ends: inPanel.map((one) => box(one).right),
        cut: inPanel.filter(isCut).map((one) => one.innerText || one.outerHTML),
        sideways: sheet.scrollWidth - sheet.clientWidth,
    };
}"""
A_GROUP = {"id": 1, "grouping": CAA_GROUP, "cause": OTHER}  # has all fields of the form


# widths


def test_nothing_is_covered_or_cut_at_any_size(reading):
    page = reading
    page.locator("[data-lesion]").last.click()
    page.get_by_label("Region of the lesion").wait_for()
    page.evaluate("shown => window.trame.state.update(shown)", {"phase_there": True, "answers": A_GROUP})
    page.get_by_role("button", name="Local phase").wait_for()
    wrong = []
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        seen = page.evaluate(BOXES)
        wrong += [(width, "toolbar over the panel")] * (max(seen["tools"]) > seen["panel"]["left"])
        wrong += [(width, "panel beyond the window")] * (max(seen["ends"]) > width or seen["sideways"] > 0)
        wrong += [(width, f"cut: {one}") for one in seen["cut"]]
        wrong += [(width, "panel does not grow")] * (width == 1920 and seen["panel"]["width"] <= 440)
        expect(page.locator(".cmb-current")).to_be_in_viewport(ratio=0.9)
        name = page.get_by_role("heading", name=SAMPLE_NAME)
        expect(name).to_be_in_viewport(ratio=1)
        expect(name).to_have_attribute("title", SAMPLE_NAME)
        for tab in ("Scribble", "Review"):
            page.get_by_role("tab", name=tab).click(timeout=5000)
            page.locator(f"#cmb-sheet-{tab.lower()}").wait_for()
            seen = page.evaluate(BOXES)
            wrong += [(width, tab, "beyond the window")] * (max(seen["ends"]) > width or seen["sideways"] > 0)
    page.evaluate("shown => window.trame.state.update(shown)", {"phase_there": False, "answers": {}})
    page.set_viewport_size({"width": 1280, "height": 800})
    assert not wrong


def test_the_chosen_lesions_label_is_whole_in_a_narrow_3d_view(reading):
    page = reading
    page.locator("[data-lesion]").first.click()  # far to the left, at the view's right
    page.set_viewport_size({"width": 900, "height": 700})

    def orange():
        pixels = picture(page, THREE_D)
        return (pixels[..., 0] > 180) & (pixels[..., 0] - pixels[..., 2] > 120)

    # the label's letters are there as large as ever, and end before the edge does
    wait_until(page, lambda: orange().sum() > 250 and not orange()[:, -4:].any(), lambda: int(orange().sum()))
    page.set_viewport_size({"width": 1280, "height": 800})


def test_all_that_can_be_done_is_shown_whole_while_it_is_asked_what_a_lesion_is(reading):
    page = reading
    page.locator("[data-lesion]").first.click()
    page.keyboard.press("r")
    question = page.get_by_role("group", name="What is it?")
    expect(question).to_contain_text(f"CMB {rows_of(page)[0]}: what is it?")
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for name in ("Add lesion at centre", "Split", "Merge", "Delete"):
            expect(page.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)
        for answer in question.get_by_role("button").all():
            expect(answer).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": 1280, "height": 800})


@pytest.mark.parametrize("size", [(853, 533), (900, 700), (1280, 800)])
def test_a_message_covers_no_control_of_the_panel(reading, size):
    page, before = reading, reading.viewport_size
    page.set_viewport_size({"width": size[0], "height": size[1]})
    try:
        says = {
            "message": "The file cannot be read. " * 8,
            "message_hint": "Choose another. " * 4,
            "message_kind": "error",
        }
        page.evaluate("said => window.trame.state.update({ ...said, message_shown: true })", says)
        alert = page.get_by_role("alert").filter(has_text="cannot be read").locator(".v-snackbar__wrapper")
        alert.wait_for()
        told, panel = alert.bounding_box(), page.get_by_role("region", name="Panel").bounding_box()
        assert 0 <= told["x"] <= panel["x"] - told["width"]
        assert 0 <= told["y"] <= size[1] - told["height"]
    finally:
        page.evaluate("() => window.trame.state.update({ message_shown: false })")
        page.set_viewport_size(before)


def test_region_side_and_cause_of_the_lesion_are_read_whole(reading):
    page, (first, *_) = reading, rows_of(reading)
    page.locator(f"[data-lesion='{first}']").click()
    page.keyboard.press("u")
    wait_for_state(page, first, "uncertain")
    page.locator(f"[data-lesion='{first}']").click()
    page.locator(f".cmb-current[data-lesion='{first}']").wait_for()
    longest = {"Region": "deep and periventricular white matter", "Side": "midline", "Suspected cause": "hypertension"}
    for label, word in longest.items():
        page.get_by_label(f"{label} of the lesion").select_option(word)
    said = ("region", "side", "cause")
    wait_until(page, lambda: [state_of_page(page)["chosen"][one] for one in said] == list(longest.values()))
    cut = []
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        cut += [(width, one) for one in page.evaluate(CUT_CHOICES)]
    page.set_viewport_size({"width": 1280, "height": 800})
    assert cut == []


# who reads


def test_who_reads_is_asked_before_the_first_verdict_and_remembered(reading, server):
    page, (first, second, *_) = reading, rows_of(reading)
    page.evaluate("() => { localStorage.clear(); window.trame.state.update({ reader: '' }); }")
    page.locator(f"[data-lesion='{first}']").click()
    page.keyboard.press("a")
    asked = page.get_by_role("dialog", name="Who reads?")
    asked.wait_for()
    assert state_of(page, first) == "not reviewed"
    page.keyboard.press("Escape")
    asked.wait_for(state="hidden")
    page.keyboard.press("a")
    name = asked.get_by_label("Name or initials")
    name.fill("<img src=x onerror=alert(1)>")
    page.keyboard.press("Enter")
    expect(asked.get_by_role("alert")).to_contain_text("This cannot be a name.")
    expect(name).to_have_value("<img src=x onerror=alert(1)>")  # to be mended, not typed again
    name.fill("Ana M.")
    page.keyboard.press("Enter")
    wait_for_state(page, first, "accepted")  # what was begun is done
    asked.wait_for(state="hidden")
    page.keyboard.press("u")
    wait_for_state(page, second, "uncertain")  # and nobody is asked again
    assert page.evaluate("() => localStorage.getItem('cmb_reader')") == "Ana M."
    folder = server.folder(server.key_of(page)) / "review"
    wait_until(page, lambda: signed_in(folder) == {"Ana M."}, lambda: signed_in(folder))
    page.get_by_role("button", name="Reader: Ana M.").click()
    asked.get_by_label("Name or initials").fill("SI")
    asked.get_by_role("button", name="Sign with this name").click()
    page.get_by_role("button", name="Reader: SI").wait_for()


def test_where_there_is_no_list_a_key_says_so_and_nobody_is_asked_who_reads(page, tmp_path):
    write_series(tmp_path / "study")
    choose(page, "DICOM folder", tmp_path / "study", exact=True)
    wait_until(page, lambda: state_of_page(page)["scan_name"] not in ("", SAMPLE_NAME))
    page.evaluate("() => window.trame.state.update({ reader: '' })")
    for key in ("a", "u", "r", "i"):
        page.keyboard.press(key)
        wait_until_told(page, "There is no list yet.", "Choose a scan and detect its microbleeds first.")
        expect(page.get_by_role("dialog", name="Who reads?")).to_be_hidden()
    open_sample(page)


def test_a_name_that_the_browser_kept_is_checked_as_one_that_is_typed(reading):
    page = reading
    page.evaluate("() => window.trame.state.update({ reader: '' })")
    for kept in ("x" * 1000, "=cmd()", "<b>", "Bo", "Al"):  # the second that can be a name comes too late
        page.evaluate("kept => window.trame.trigger('reader_kept', [kept])", kept)
    page.get_by_role("button", name="Reader: Bo").wait_for()
    page.evaluate("() => window.trame.trigger('name_reader', ['SI'])")
    page.get_by_role("button", name="Reader: SI").wait_for()


def signed_in(folder):
    """The readers of a saved review."""
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*_review.json")]
    return {name for text in texts for name in re.findall(r'"reader": "([^"]+)"', text)}


@pytest.mark.parametrize("name", ["SI", "Ana M.", "O’Neill-Smith (2)", "木村", "مریم", "नमस्ते", "R2-D2"])
def test_names_of_people_are_taken(name):
    assert checked_name(f" {name} ") == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "  ", None, 7, ["SI"], "=1+1", "@SI", "-SI", "<b>SI</b>", "S|I", "S\nI", "S\x1b[0mI", "S\u202eI"),
        *("a" * (LONGEST_NAME + 1), "\ud800", "a\x00", 'S"I', "../x", "\u0301"),
    ],
)
def test_what_is_no_name_is_refused(name):
    with pytest.raises(InputError):
        checked_name(name)


# for screen readers and the keyboard


def test_axe_finds_nothing(reading, first_page):
    found = [("first page", one) for one in findings(first_page)]
    page = reading
    page.locator("[data-lesion]").first.click()
    for key, where in (("", "review"), ("r", "question"), ("1", "rejected"), ("a", "accepted"), ("u", "uncertain")):
        if key:
            page.keyboard.press(key)
            page.wait_for_timeout(300)  # colours fade
        found += [(where, one) for one in findings(page)]
    for button, what in (("Export", "Close this session"), ("By region", "Copy the text"), ("Help", "Reset keys")):
        page.get_by_role("button", name=button, exact=True).click()
        page.get_by_text(what).wait_for()
        page.wait_for_timeout(300)
        found += [(button, one) for one in findings(page)]
        page.keyboard.press("Escape")
        page.get_by_text(what).wait_for(state="hidden")
    page.get_by_role("button", name="Reader:").click()
    page.get_by_role("dialog", name="Who reads?").wait_for()
    found += [("who reads", one) for one in findings(page)]
    page.keyboard.press("Escape")
    told = {"message": "m", "message_hint": "h", "message_shown": True}
    offered = [{"uid": "1", "name": "T2*", "why": "35 slices"}]
    asked = {"series_title": "Which series?", "series_offered": offered, "series_shown": True}
    page.evaluate("values => window.trame.state.update(values)", {**told, **asked})
    page.get_by_role("dialog", name="Choose a series").wait_for()
    page.wait_for_timeout(300)
    found += [("message, series", one) for one in findings(page)]
    closed = {"message_shown": False, "series_shown": False, "series_offered": [], "series_title": ""}
    page.evaluate("values => window.trame.state.update(values)", closed)
    page.get_by_role("dialog", name="Choose a series").wait_for(state="hidden")
    page.get_by_role("tab", name="Scribble").click()
    page.get_by_label("Quality", exact=True).wait_for()
    found += [("scribble", one) for one in findings(page)]
    assert not found


def findings(page):
    """What axe finds, minor or not."""
    violations = Axe().run(page).response["violations"]
    return [
        (one["impact"], one["id"], node["target"], node["html"][:200]) for one in violations for node in one["nodes"]
    ]


FOCUSED = """() => {
    const one = document.activeElement, style = getComputedStyle(one);
    return [one.tagName === 'BODY' ? '' : one.ariaLabel || one.innerText || one.tagName,
            style.outlineStyle, parseFloat(style.outlineWidth), style.outlineColor];
}"""


def test_tab_goes_from_group_to_group_and_reaches_accept_within_ten_stops(reading, server):
    page = reading
    go_to(page, server)
    page.locator("[data-lesion]").first.wait_for()
    page.keyboard.press("n")
    page.locator(".cmb-current").wait_for()
    seen = []
    while "Skip to the verdict" not in seen[1:] and len(seen) < 40:  # once around
        page.keyboard.press("Tab")
        name, style, width, colour = page.evaluate(FOCUSED)
        seen.append(name)
        assert not name or (style != "none" and width >= 2 and colour != "rgba(0, 0, 0, 0)"), f"{name}: no ring"
    assert seen.index("Accept") < 10, seen
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Accept", exact=True)).to_be_focused()
    page.keyboard.press("Shift+Tab")  # back into the list, to the lesion that is looked at
    expect(page.locator("[data-lesion].cmb-current")).to_be_focused()


def test_arrows_move_within_a_group(reading):
    page, ids = reading, rows_of(reading)
    button = partial(page.get_by_role, "button", exact=True)
    slider = page.get_by_label("Threshold, probability")
    at = slider.input_value()
    page.locator(f"[data-lesion='{ids[0]}']").click()
    page.locator(".cmb-current").wait_for()
    for start, key, end in (
        (button(name="Open"), "ArrowRight", button(name="DICOM folder")),
        (button(name="Open"), "ArrowLeft", button(name="Help")),
        (button(name="Help"), "Home", button(name="Open")),
        (page.get_by_label("Minimum-intensity slab, mm"), "ArrowRight", button(name="Crosshair")),
        (page.get_by_role("group", name="Axial view"), "ArrowRight", button(name="Fit the Axial view to the scan")),
        (slider, "ArrowRight", page.get_by_label("Operating point")),
        (button(name="Accept"), "ArrowRight", button(name="Reject as …")),
        (page.locator(f"[data-lesion='{ids[0]}']"), "ArrowUp", page.locator("th button").first),
        (page.locator(f"[data-lesion='{ids[0]}']"), "ArrowRight", page.get_by_label(f"Merge CMB {ids[0]}", exact=True)),
        (page.locator(f"[data-lesion='{ids[0]}']"), "ArrowDown", page.locator(f"[data-lesion='{ids[1]}']")),
        (page.get_by_role("tab", name="Review"), "ArrowRight", page.get_by_role("tab", name="Scribble")),
    ):
        start.focus()
        page.keyboard.press(key)
        expect(end).to_be_focused()
    expect(page.get_by_role("tab", name="Scribble")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(f".cmb-current[data-lesion='{ids[1]}']")).to_be_visible()  # the row that was gone to is shown
    expect(slider).to_have_value(at)  # its own keys are up and down
    slider.press("ArrowUp")
    expect(slider).not_to_have_value(at)


def test_the_focus_in_the_list_goes_where_the_views_go(reading):
    page, ids = reading, rows_of(reading)
    first = page.locator(f"[data-lesion='{ids[0]}']")
    first.focus()
    page.keyboard.press("Space")
    expect(first).to_have_class(re.compile("cmb-current"))
    page.keyboard.press("a")
    wait_for_state(page, ids[0], "accepted")
    expect(page.locator(f"[data-lesion='{ids[1]}']")).to_be_focused()
    page.keyboard.press("p")
    page.keyboard.press("p")
    expect(page.locator(f"[data-lesion='{ids[-1]}']")).to_be_focused()
    expect(page.locator(f"[data-lesion='{ids[-1]}']")).to_be_in_viewport(ratio=1)


def test_views_heading_and_title_have_the_names_of_what_they_show(reading):
    page = reading
    for view in ("Axial", "Coronal", "Sagittal", "3D"):
        page.get_by_role("group", name=f"{view} view").wait_for()
        page.get_by_role("button", name=f"Show {view} alone, or all four").wait_for()
    expect(page.get_by_role("heading", level=1)).to_have_text(SAMPLE_NAME)
    expect(page).to_have_title(f"{SAMPLE_NAME} – CMB")


def test_nothing_turns_where_less_motion_is_asked_for(first_page):
    page, spinner = first_page, first_page.locator(".cmb-busy svg")
    page.evaluate("() => window.trame.state.update({ busy: 'Reading …' })")
    spinner.wait_for()
    turns = {}
    for wish in ("no-preference", "reduce"):
        page.emulate_media(reduced_motion=wish)
        turns[wish] = spinner.evaluate("one => getComputedStyle(one).animationName") != "none"
    page.evaluate("() => window.trame.state.update({ busy: '' })")
    assert turns == {"no-preference": True, "reduce": False}


# the threshold


def test_a_threshold_between_the_named_ones_is_called_custom(reading):
    page, point = reading, reading.get_by_label("Operating point")
    expect(point).to_have_value("balanced")
    page.get_by_label("Threshold, probability").press("ArrowUp")
    expect(point).to_have_value("custom")
    point.select_option("specific")
    expect(point).to_have_value("specific")
    go_on = page.get_by_label("Threshold, probability")
    go_on.press("ArrowDown")
    go_on.press("ArrowDown")
    expect(point).to_have_value("custom")
