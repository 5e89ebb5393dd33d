"""Reading in the page: list, verdicts, keys, pictures."""

from __future__ import annotations

import re
import shutil

import pytest
import SimpleITK as sitk
from playwright.sync_api import expect
from web_browser import SAMPLE_NAME, choose, go_to, state_of_page, view_of, wait_until, wait_until_told
from web_controls import assert_all_named, controls_of, place
from web_pictures import AXIAL, bluish, brightness, colour
from web_review import accepted_in, reject, rows_of, state_of, wait_for_state

from CMBSegmentationLib.files.bundled import sample_scan
from CMBSegmentationLib.vocabulary.actions import PAGE
from CMBSegmentationLib.vocabulary.keys import Keys

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("chromium")]

REASON = re.compile(
    r"^(probability 0\.\d{2,} is below the threshold 0\.\d{2,}(; the verifier takes it for: [a-z]+)?"
    r"|\d+\.\d mm³ is below the smallest volume \d+\.\d mm³"
    r"|\d+\.\d mm is larger than a microbleed \(10 mm\)"
    r"|outside (brain tissue|the brain mask))$"
)


# the list


def test_the_sample_is_searched_and_every_lesion_is_listed(results):
    assert len(accepted_in(results)) >= 7  # of the ten put into it


def test_a_reader_goes_through_by_keys(reading):
    page, ids = reading, rows_of(reading)
    page.keyboard.press("n")
    page.locator(f".cmb-current[data-lesion='{ids[0]}']").wait_for()
    page.keyboard.press("a")
    wait_for_state(page, ids[0], "accepted")
    page.locator(f".cmb-current[data-lesion='{ids[1]}']").wait_for()  # on to the next by itself
    page.keyboard.press("r")
    page.keyboard.press("1")
    wait_for_state(page, ids[1], "rejected")
    page.keyboard.press("u")
    wait_for_state(page, ids[2], "uncertain")
    page.keyboard.press("Control+z")
    wait_for_state(page, ids[2], "not reviewed")
    page.locator(f".cmb-current[data-lesion='{ids[2]}']").wait_for()  # back to what was undone
    page.keyboard.press("Control+y")
    wait_for_state(page, ids[2], "uncertain")


def test_a_number_answers_only_while_it_is_asked_for(reading):
    page, ids = reading, rows_of(reading)
    page.keyboard.press("n")
    for key in "1234567":
        page.keyboard.press(key)
    page.keyboard.press("r")
    question = page.get_by_role("group", name="What is it?")
    question.wait_for()
    page.keyboard.press("Escape")
    question.wait_for(state="hidden")
    assert [state_of(page, one) for one in ids] == ["not reviewed"] * len(ids)
    page.keyboard.press("r")
    page.keyboard.press("3")
    wait_for_state(page, ids[0], "rejected")
    page.keyboard.press("1")  # of the next one nobody has asked
    page.locator(f".cmb-current[data-lesion='{ids[1]}']").wait_for()
    page.keyboard.press("p")
    page.locator(".cmb-why", has_text="rejected by SI: cavernoma").wait_for()
    row = page.locator(f"[data-lesion='{ids[0]}']")
    expect(row.locator(".cmb-state")).to_have_text(re.compile("rejected.*cavernoma"))
    expect(row.locator(".cmb-region")).to_have_attribute(
        "title",
        page.get_by_label("Side of the lesion").input_value()
        + " "
        + page.get_by_label("Region of the lesion").input_value(),
    )
    assert [state_of(page, one) for one in ids[1:]] == ["not reviewed"] * (len(ids) - 1)


def test_a_scan_that_is_opened_again_has_its_list_and_its_verdicts(reading, tmp_path):
    page, ids = reading, rows_of(reading)
    page.keyboard.press("n")
    page.keyboard.press("a")
    wait_for_state(page, ids[0], "accepted")
    sitk.WriteImage(sitk.ReadImage(str(sample_scan()))[::4, ::4, ::2], str(tmp_path / "other.nii.gz"))
    choose(page, "Open", tmp_path / "other.nii.gz", exact=True)
    page.get_by_role("button", name="Detect microbleeds").wait_for()
    same = shutil.copy(sample_scan(), tmp_path / f"{SAMPLE_NAME}.nii.gz")
    choose(page, "Open", same, exact=True)  # it is stored in another place than before
    wait_for_state(page, ids[0], "accepted")
    assert rows_of(page) == ids


def test_what_the_detector_found_is_not_deleted(reading):
    page, ids = reading, rows_of(reading)
    page.keyboard.press("n")
    page.keyboard.press("Delete")
    wait_until_told(page, f"CMB {ids[0]} was found by the detector", "Reject it")
    assert rows_of(page) == ids


def test_after_panning_a_missed_lesion_is_found_in_all_views_and_added_under_the_mouse(reading):
    page, ids = reading, rows_of(reading)
    page.locator(f"[data-lesion='{ids[-1]}']").click()
    wait_until(page, lambda: shown_r_mm(page) is not None)
    before, box = shown_r_mm(page), view_of(page, AXIAL)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    sagittal = "() => window.trame.state.get('Sagittal__SliderState__value')"
    wait_until(page, lambda: abs(page.evaluate(sagittal) + before) < 10.0)  # towards the left; the scan lies oblique
    page.mouse.move(x, y)
    page.mouse.down(button="middle")
    page.mouse.move(x + 10, y, steps=3)
    page.mouse.up(button="middle")
    page.keyboard.down("Shift")
    was = page.evaluate(sagittal)

    def sagittal_follows():
        page.mouse.move(x + 139, y)  # moved while Slicer was still at the panning, it says nothing
        page.mouse.move(x + 140, y)
        return page.evaluate(sagittal) - was > 10.0

    wait_until(page, sagittal_follows)
    page.keyboard.up("Shift")
    page.keyboard.press("i")
    wait_until(page, lambda: len(rows_of(page)) == len(ids) + 1)
    wait_until(page, lambda: 12.0 < before - shown_r_mm(page) < 32.0, lambda: (before, shown_r_mm(page)))


def test_a_lesion_that_is_added_is_in_sight_and_has_the_focus(reading):
    page, ids = reading, rows_of(reading)
    page.set_viewport_size({"width": 860, "height": 640})
    page.locator(f"[data-lesion='{ids[0]}']").focus()
    page.keyboard.press("Space")
    page.locator(f".cmb-current[data-lesion='{ids[0]}']").wait_for()
    box = view_of(page, AXIAL)
    added = page.locator(f".cmb-current:not([data-lesion='{ids[0]}'])")
    refused = page.get_by_role("alert").filter(has_text="Nothing dark")
    for share in (0.7, 0.66, 0.62, 0.74, 0.78, 0.58):  # of the view's width, until something dark is there
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
        page.keyboard.press("i")
        wait_until(page, lambda: added.count() or refused.is_visible())
        if added.count():
            break
        refused.get_by_role("button", name="Close").click()
        refused.wait_for(state="hidden")
        page.locator(f"[data-lesion='{ids[0]}']").focus()
    expect(added).to_be_focused()
    expect(added).to_be_in_viewport(ratio=0.9)
    page.set_viewport_size({"width": 1280, "height": 800})


def test_what_comes_of_a_lesion_that_is_not_listed_any_more(reading):
    page, ids = reading, rows_of(reading)
    which, accept = page.get_by_label("Listed lesions"), page.get_by_role("button", name="Accept", exact=True)
    which.select_option("all")
    page.locator("[data-lesion].cmb-state-dropped").first.click()
    page.locator(".cmb-current.cmb-state-dropped").wait_for()
    which.select_option("listed")
    expect(accept).to_be_disabled()  # no verdict on what is not shown
    expect(page.locator("[data-lesion]")).to_have_count(len(ids))
    which.select_option("unreviewed")
    page.keyboard.press("n")
    page.keyboard.press("a")
    page.locator(f".cmb-current[data-lesion='{ids[1]}']").wait_for()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+y")
    page.locator(f".cmb-current.cmb-state-accepted[data-lesion='{ids[0]}']").wait_for()  # the next key is meant for it
    page.keyboard.press("n")
    expect(page.locator(f"[data-lesion='{ids[0]}']")).to_have_count(0)


def shown_r_mm(page):
    """Where the chosen lesion lies: mm to the right; None while none is chosen."""
    return page.evaluate("() => window.trame.state.get('chosen').ras?.[0] ?? null")


def test_a_chosen_region_is_not_changed_by_the_next_key(reading):
    """Place and side are given before a verdict."""
    page, ids = reading, rows_of(reading)
    for lesion in ids[:2]:
        page.keyboard.press("n")
        page.locator(f".cmb-current[data-lesion='{lesion}']").wait_for()
    region = page.get_by_label("Region of the lesion")
    region.focus()
    region.select_option("brainstem")
    page.locator(f"[data-lesion='{ids[1]}']").get_by_text("brainstem").wait_for()
    page.keyboard.press("p")  # previous, and not parietal
    page.locator(f".cmb-current[data-lesion='{ids[0]}']").wait_for()
    page.locator(f"[data-lesion='{ids[1]}']").get_by_text("brainstem").wait_for()
    assert state_of(page, ids[1]) == "not reviewed"


def test_after_a_verdict_by_key_the_next_arrow_is_for_the_list(reading):
    page, ids = reading, rows_of(reading)
    regions = page.locator(".cmb-region").all_inner_texts()
    page.keyboard.press("n")
    page.locator(f".cmb-current[data-lesion='{ids[0]}']").wait_for()
    page.get_by_label("Region of the lesion").focus()
    page.keyboard.press("a")
    page.keyboard.press("ArrowDown")  # at once: the list may show the former lesion still
    wait_for_state(page, ids[0], "accepted")
    expect(page.locator(".cmb-current")).to_be_focused()
    page.get_by_label("Region of the lesion").focus()
    page.keyboard.press("u")
    page.wait_for_timeout(500)
    for key in ("ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
    expect(page.locator(".cmb-current")).to_be_focused()
    assert page.locator(".cmb-region").all_inner_texts() == regions


def test_the_views_and_the_list_say_the_same_place(reading):
    """The sample is oblique: no slice of it has one position along the patient's axes."""
    page = reading
    sides = set()
    for lesion in rows_of(page)[:4]:
        page.locator(f"[data-lesion='{lesion}']").click()
        page.locator(f".cmb-current[data-lesion='{lesion}']").wait_for()
        r, a, s = page.evaluate("() => window.trame.state.get('chosen').ras")
        sides.add(r > 0)
        for view, told in (("Axial", f"S {s:.1f} mm"), ("Coronal", f"A {a:.1f} mm"), ("Sagittal", f"R {r:.1f} mm")):
            expect(page.locator(f".view-corner:has(.view-{view}) .view-offset")).to_have_text(told)
    assert sides == {True, False}
    page.keyboard.press("f")  # the whole scan, at the slices where one is
    page.keyboard.press("c")
    expect(page.get_by_role("button", name="Crosshair", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".view-corner:has(.view-Axial) .view-offset")).to_have_text(f"S {s:.1f} mm")
    expect(page.locator("[data-lesion]").first.locator("td").nth(4)).to_have_text(re.compile(r"^\d+ %"))  # signal loss


def test_a_list_gives_the_focus_back_after_a_choice_with_the_mouse(reading):
    page = reading
    page.keyboard.press("n")
    region = page.get_by_label("Region of the lesion")
    region.dispatch_event("pointerdown")
    region.focus()
    region.select_option("brainstem")
    expect(region).not_to_be_focused()
    for one in page.locator(".cmb-panel select, .cmb-tools select").all():  # its arrow says that it is a list
        expect(one).not_to_have_css("appearance", "none")


def test_a_list_shows_what_is_true_when_the_choice_is_refused(reading):
    page = reading
    page.keyboard.press("n")
    region = page.get_by_label("Region of the lesion")
    region.wait_for()
    was = region.input_value()
    region.evaluate("list => list.add(new Option('moon', 'moon'))")
    region.select_option("moon")
    page.get_by_role("alert").get_by_text("There is no region 'moon'.").wait_for()
    region.select_option("moon")  # the message says so already: nothing else in the page changes
    expect(region).to_have_value(was)
    wait_until_told(page, "There is no region 'moon'.")


def test_no_key_acts_behind_an_open_dialog(reading):
    page, ids = reading, rows_of(reading)
    page.keyboard.press("n")
    page.locator(f".cmb-current[data-lesion='{ids[0]}']").wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Help").wait_for()
    for key in ("a", "n", "r", "1", "Delete", "b", "h"):
        page.keyboard.press(key)
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Help").wait_for(state="hidden")
    page.get_by_role("button", name="Export").click()
    page.get_by_text("Close this session").wait_for()
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    page.get_by_text("Close this session").wait_for(state="hidden")
    crosshair = page.get_by_role("button", name="Crosshair", exact=True)
    was = crosshair.get_attribute("aria-pressed")
    page.keyboard.press("c")  # comes after all the others
    expect(crosshair).not_to_have_attribute("aria-pressed", was)
    crosshair.click()
    assert state_of(page, ids[0]) == "not reviewed"
    expect(page.locator(f".cmb-current[data-lesion='{ids[0]}']")).to_have_count(1)
    expect(page.get_by_role("tab", name="Review")).to_have_attribute("aria-selected", "true")


def test_the_help_shows_every_key(reading):
    page = reading
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Help").wait_for()
    shown = page.locator(".cmb-help .cmb-key").all_inner_texts()
    assert sorted(shown) == sorted(Keys(PAGE).in_words().values())


def test_a_key_is_changed_in_the_help_and_kept_in_the_browser(reading, server):
    page, (first, *_) = reading, rows_of(reading)
    page.keyboard.press("?")
    accept = page.get_by_role("button", name="accept: a definite microbleed")
    accept.click()
    page.keyboard.press("n")
    wait_until_told(page, "N is taken: next lesion.")
    for key in ("ArrowDown", "Space", "F5", "Tab"):
        accept.click()
        page.keyboard.press(key)
        page.get_by_role("alert").get_by_text(
            re.compile("moves in|ticks|belongs to the browser|next control")
        ).wait_for()
        expect(accept).to_have_text("A")
    page.get_by_role("button", name="Reset keys").click()
    page.get_by_role("alert").wait_for(state="hidden")
    accept.click()
    page.keyboard.press("k")
    expect(accept).to_have_text("K")
    go_to(page, server)
    page.locator(f"[data-lesion='{first}']").click()
    expect(page.get_by_role("button", name="Accept", exact=True)).to_have_attribute("title", "Accept (K)")
    page.keyboard.press("a")
    page.keyboard.press("k")
    wait_for_state(page, first, "accepted")
    page.keyboard.press("?")
    page.get_by_role("button", name="Reset keys").click()
    expect(accept).to_have_text("A")
    wait_until(page, lambda: page.evaluate("() => localStorage.getItem('cmb_keys')") == "{}")


def test_a_key_that_was_to_be_changed_is_as_it_was_once_the_help_is_closed(reading):
    page, (first, *_) = reading, rows_of(reading)
    page.locator(f"[data-lesion='{first}']").click()
    page.keyboard.press("?")
    page.get_by_role("button", name="accept: a definite microbleed").click()
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("dialog", name="Help").wait_for(state="hidden")
    page.keyboard.press("k")
    page.keyboard.press("a")
    wait_for_state(page, first, "accepted")
    assert page.evaluate("() => localStorage.getItem('cmb_keys')") in (None, "{}")


def test_the_help_is_closed_by_its_key_whichever_that_is(reading):
    page = reading
    page.keyboard.press("?")
    own = page.get_by_role("button", name="open or close this help")
    own.click()
    page.keyboard.press("x")
    expect(own).to_have_text("X")
    for state in ("hidden", "visible", "hidden"):
        page.keyboard.press("x")
        page.get_by_role("dialog", name="Help").wait_for(state=state)
    page.keyboard.press("?")  # which is no key any more
    page.keyboard.press("x")
    page.get_by_role("dialog", name="Help").wait_for()
    page.get_by_role("button", name="Reset keys").click()
    expect(own).to_have_text("?")


def test_a_key_right_after_the_help_was_closed_acts(reading):
    page, (first, *_) = reading, rows_of(reading)
    page.locator(f"[data-lesion='{first}']").click()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Help").wait_for()
    page.evaluate("() => (window.trame.state.flush = async () => {})")  # trame holds back state meanwhile, not keys
    page.get_by_role("button", name="Close", exact=True).click()
    page.keyboard.press("a")
    wait_for_state(page, first, "accepted")
    page.evaluate("() => delete window.trame.state.flush && window.trame.state.flush()")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Help").wait_for()


def test_that_verdicts_are_not_saved_is_in_sight_until_they_are(reading, server, tmp_path):
    page, (first, second, *_) = reading, rows_of(reading)
    (results,) = (server.folder(server.key_of(page)) / "review").glob("*/results")
    unsaved = page.locator(".cmb-unsaved")
    results.parent.rename(tmp_path / "elsewhere")
    for lesion in (first, second):
        page.locator(f"[data-lesion='{lesion}']").click()
        page.keyboard.press("a")
        wait_for_state(page, lesion, "accepted")
        expect(unsaved).to_contain_text("Not saved. There is no folder")
    page.get_by_role("tab", name="Scribble").click()
    expect(unsaved).to_be_visible()
    assert state_of_page(page)["message_shown"]
    (tmp_path / "elsewhere").rename(results.parent)
    expect(unsaved).to_have_count(0)
    wait_until(page, lambda: not state_of_page(page)["message_shown"])
    assert list(results.parent.glob("*_review.json"))


def test_a_refusal_goes_with_the_next_verdict(reading):
    page, (first, *_) = reading, rows_of(reading)
    page.locator(f"[data-lesion='{first}']").click()
    page.keyboard.press("v")
    refusal = page.get_by_role("alert").filter(has_text="was searched without phase")
    refusal.wait_for()
    page.keyboard.press("a")
    wait_for_state(page, first, "accepted")
    refusal.wait_for(state="hidden")


def test_a_verdict_stays_while_the_threshold_moves(reading):
    page, ids = reading, rows_of(reading)
    reject(page, ids[-1])  # the least probable
    page.get_by_label("Threshold, probability").fill("0.999")  # the highest that lists anything
    page.wait_for_function("n => document.querySelectorAll('[data-lesion]').length < n", arg=len(ids))
    assert state_of(page, ids[-1]) == "rejected"
    page.get_by_label("Operating point").select_option("sensitive")
    page.wait_for_function("n => document.querySelectorAll('[data-lesion]').length >= n", arg=len(ids))
    assert state_of(page, ids[-1]) == "rejected"


def test_dropped_candidates_say_why(reading):
    page = reading
    page.get_by_label("Listed lesions").select_option("dropped")
    dropped = page.locator("[data-lesion].cmb-state-dropped")
    dropped.first.wait_for()
    expect(page.locator("[data-lesion]:not(.cmb-state-dropped)")).to_have_count(0)
    reasons = [row.get_attribute("title") for row in dropped.all()]
    for why in reasons:
        assert REASON.search(why)
    expect(page.locator(".cmb-reason")).to_have_text(reasons)
    dropped.first.click()
    expect(page.locator(".cmb-why")).to_have_text(reasons[0])


def test_the_list_is_sorted_and_filtered(reading):
    page, count = reading, len(rows_of(reading))
    for direction, down in (("descending", True), ("ascending", False)):
        page.get_by_role("button", name="Ø mm").click()
        page.get_by_role("columnheader", name="Ø mm").and_(page.locator(f"[aria-sort={direction}]")).wait_for()
        sizes = [float(one) for one in page.locator("[data-lesion] td:nth-child(4)").all_inner_texts()]
        assert sizes == sorted(sizes, reverse=down)
        assert len(sizes) == count
        assert len(set(sizes)) > 1
    merge = page.get_by_role("button", name="Merge", exact=True)
    for box in page.get_by_label(re.compile(r"^Merge CMB \d+$")).all()[:2]:
        box.check()
    expect(merge).to_be_enabled()
    page.get_by_label("Listed lesions").select_option("accepted")
    page.get_by_text("Nothing here.").wait_for()
    assert rows_of(page) == []
    expect(merge).to_be_disabled()  # what is not shown is not ticked


def test_a_filter_counts_in_the_region_that_is_asked_for(reading):
    page, count = reading, len(rows_of(reading))
    listed = page.get_by_label("Listed lesions").locator("option[value=listed]")
    expect(listed).to_contain_text(f"({count})")
    page.get_by_label("Region", exact=True).select_option(
        page.evaluate("() => window.trame.state.get('rows')[0].region")
    )
    wait_until(page, lambda: 0 < len(rows_of(page)) < count)
    expect(listed).to_contain_text(f"({len(rows_of(page))})")


# the pictures


def test_a_rejected_lesion_is_still_outlined_while_it_is_looked_at(reading):
    page, (first, *_) = reading, rows_of(reading)
    reject(page, first)
    page.locator(f"[data-lesion='{first}']").click()
    wait_until(page, lambda: bluish(page, AXIAL) > 110, lambda: bluish(page, AXIAL))
    page.keyboard.press("h")
    wait_until(page, lambda: bluish(page, AXIAL) < 100)


def test_a_slab_shows_the_darkest_voxels_and_a_cross_lies_over_the_pictures(reading):
    page = reading
    wait_until(page, lambda: brightness(page, AXIAL) > 20)
    plain = brightness(page, AXIAL)
    page.get_by_label("Minimum-intensity slab, mm").select_option("16")
    wait_until(page, lambda: brightness(page, AXIAL) < 0.9 * plain, lambda: (plain, brightness(page, AXIAL)))
    page.get_by_label("Minimum-intensity slab, mm").select_option("0")
    wait_until(page, lambda: brightness(page, AXIAL) > 0.98 * plain, lambda: (plain, brightness(page, AXIAL)))
    coloured = colour(page)
    page.get_by_role("button", name="Crosshair", exact=True).click()
    wait_until(page, lambda: colour(page) > coloured + 200, lambda: (coloured, colour(page)))


def test_keys_and_buttons_switch_the_same(reading):
    page = reading
    for key, name in (("c", "Crosshair"), ("h", "Outlines")):
        button = page.get_by_role("button", name=name, exact=True)
        was = button.get_attribute("aria-pressed")
        page.keyboard.press(key)
        expect(button).to_have_attribute("aria-pressed", "false" if was == "true" else "true")
        button.click()
        expect(button).to_have_attribute("aria-pressed", was)
    page.get_by_role("button", name="Show Coronal alone, or all four").click()
    expect(page.locator(".layout-grid-item img")).to_have_count(1)
    page.get_by_role("button", name="Show Coronal alone, or all four").click()
    expect(page.locator(".layout-grid-item img")).to_have_count(4)


# the page itself


def test_every_control_has_a_name(reading):
    page = reading
    page.locator("[data-lesion]").first.click()  # shows what can be said of it
    page.get_by_label("Region of the lesion").wait_for()
    seen = {"Read": controls_of(page)}
    page.get_by_role("tab", name="Scribble").click()
    place(page, "mimic", 0.4)
    place(page, "finding", 0.6)
    seen["Scribble"] = controls_of(page)
    page.get_by_role("button", name="Export").click()
    page.get_by_text("Close this session").wait_for()
    seen["Export"] = [one for one in controls_of(page) if "v-list-item" in one.element]
    page.keyboard.press("Escape")
    page.get_by_text("Close this session").wait_for(state="hidden")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Help").wait_for()
    seen["Help"] = controls_of(page)
    assert_all_named(one for controls in seen.values() for one in controls)
    names = {where: {one.name for one in controls} for where, controls in seen.items()}
    assert names["Read"] >= {
        "Axial view",
        "Axial slice, mm along the scan's own axis",
        "Threshold, probability",
        "Merge CMB 1",
    }
    assert names["Scribble"] >= {"Paint", "Brush diameter, mm", "Reader: SI", "Type of mimic 1", "What was found at 1"}
    assert names["Export"] >= {"Results", "Report", "Report as PDF", "Scene", "Compare with an earlier scan"}
    own = {one for one in names["Help"] - names["Scribble"] if not one.endswith("change the key")}
    assert own == {"Close", "Reset keys"}
    assert min(len(seen["Read"]), len(seen["Scribble"])) >= 50  # all that there were when this was written


def test_a_second_tab_takes_the_session_over(reading, server):
    first, lesion = reading, rows_of(reading)[0]
    reject(first, lesion)
    second = first.context.new_page()
    go_to(second, server)
    wait_for_state(second, lesion, "rejected")
    ended = first.get_by_role("alertdialog")
    ended.get_by_text("another tab").wait_for()
    ended.get_by_role("button", name="Use it here").click()
    wait_for_state(first, lesion, "rejected")
    second.get_by_role("alertdialog").wait_for()
