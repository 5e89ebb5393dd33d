"""Scribbling in the page: grown, accepted, findings and quality."""

from __future__ import annotations

import json
import re
import shutil
import zipfile

import pytest
from playwright.sync_api import expect
from web_browser import choose, go_to, new_page, state_of_page, take, view_of, wait_until
from web_controls import assert_all_named, controls_of, place
from web_pictures import AXIAL, brightness, colour
from web_review import rows_of, state_of, wait_for_state

from CMBSegmentationLib.files.bundled import sample_scan

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("chromium")]


# scribbling


def test_a_scribble_grows_and_is_accepted_as_a_lesion(reading):
    page, ids = reading, rows_of(reading)
    open_and_scribble(page)
    page.keyboard.press("g")
    grown = page.get_by_role("list", name="Grown microbleeds")
    name = grown.get_by_text(re.compile(r"^\s*CMB \d+$")).inner_text().strip()
    assert int(name.removeprefix("CMB ")) not in ids  # another lesion has none of the list's numbers
    page.locator(".cmb-curve .scatterlayer").wait_for()
    page.get_by_label("Location").select_option("thalamus")
    grown.get_by_text("thalamus").wait_for()
    page.get_by_label("Suspected cause").select_option("other")
    page.get_by_label("Other cause").wait_for()
    assert_all_named(controls_of(page))
    for _ in ("cause", "location"):
        page.keyboard.press("Control+z")
    grown.get_by_text("thalamus").wait_for(state="detached")
    for _ in ("location", "cause"):
        page.keyboard.press("Control+y")
    grown.get_by_text("thalamus").wait_for()
    page.get_by_label("Other cause").wait_for()
    page.get_by_role("button", name="Accept as lesion").click()
    grown.get_by_text("accepted", exact=True).wait_for()
    page.get_by_role("tab", name="Review").click()
    page.wait_for_function("n => document.querySelectorAll('[data-lesion]').length === n", arg=len(ids) + 1)
    page.locator(f"[data-lesion='{name.removeprefix('CMB ')}']").wait_for()


def test_undo_takes_back_the_stroke_and_leaves_the_answers(reading):
    page = reading
    page.get_by_role("tab", name="Scribble").click()
    paint, waiting = page.get_by_role("button", name="Paint", pressed=True), page.get_by_role("status", name="Strokes")
    grow, undo = (page.get_by_role("button", name=name, exact=True) for name in ("Grow", "Undo scribbling"))
    page.keyboard.press("f")
    page.keyboard.press("b")
    paint.wait_for()
    expect(grow).to_be_disabled()
    scribble(page)
    expect(waiting).to_have_text("1 stroke painted, not grown yet")
    grow.click()
    grown = page.get_by_role("list", name="Grown microbleeds")
    grown.wait_for()
    expect(waiting).to_have_count(0)
    page.get_by_label("Location").select_option("thalamus")
    grown.get_by_text("thalamus").wait_for()
    page.keyboard.press("b")
    paint.wait_for()
    scribble(page, 0.7)
    expect(undo).to_have_attribute("title", "Undo: stroke painted (Ctrl+Z)")
    page.keyboard.press("Control+z")
    expect(waiting).to_have_count(0)
    expect(grow).to_be_disabled()
    page.keyboard.press("Control+y")
    expect(waiting).to_have_text("1 stroke painted, not grown yet")
    page.keyboard.press("e")
    page.get_by_role("button", name="Erase", pressed=True).wait_for()
    scribble(page, 0.7)
    expect(undo).to_have_attribute("title", "Undo: stroke erased (Ctrl+Z)")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(waiting).to_have_count(0)
    page.keyboard.press("b")
    paint.wait_for()
    for share in (0.7, 0.3):  # paints on
        scribble(page, share)
        expect(undo).to_have_attribute("title", "Undo: stroke painted (Ctrl+Z)")
        page.wait_for_timeout(300)
    expect(waiting).to_have_text("2 strokes painted, not grown yet")
    expect(grown.get_by_text("thalamus")).to_have_count(1)


def test_the_brush_is_put_down_where_nobody_sees_it(reading):
    page = reading
    paint = page.get_by_role("button", name="Paint", pressed=True)
    page.keyboard.press("f")
    for leave in ("tab", "help"):
        page.keyboard.press("b")  # from Review: gives the brush, whatever was before
        paint.wait_for()
        expect(page.get_by_role("tab", name="Scribble")).to_have_attribute("aria-selected", "true")
        if leave == "help":
            page.keyboard.press("?")
            page.get_by_role("dialog", name="Help").wait_for()
            page.keyboard.press("?")
            page.get_by_role("dialog", name="Help").wait_for(state="hidden")
        else:
            page.get_by_role("tab", name="Review").click()
        wait_until(page, lambda: state_of_page(page)["brush"] == "")
        scribble(page)
        page.wait_for_timeout(500)
        assert state_of_page(page)["strokes_waiting"] == 0


def test_how_many_a_group_holds_is_asked_in_a_field_that_is_seen(reading):
    page = reading
    page.get_by_role("tab", name="Scribble").click()
    page.get_by_label("One CAA group").check()
    page.keyboard.press("f")
    page.keyboard.press("b")
    page.get_by_role("button", name="Paint", pressed=True).wait_for()
    scribble(page)
    page.keyboard.press("g")
    look = "one => ['borderTopWidth', 'borderTopColor', 'backgroundColor'].map((part) => getComputedStyle(one)[part])"
    number, text = page.get_by_label("Count in the group"), page.get_by_label("Comment", exact=True)
    number.wait_for()
    assert number.evaluate(look) == text.evaluate(look)


def test_what_is_left_open_is_in_sight_of_who_finishes(reading):
    page = reading
    page.get_by_role("tab", name="Scribble").click()
    place(page, "mimic", 0.4)
    page.keyboard.press("b")
    page.get_by_role("button", name="Paint", pressed=True).wait_for()
    scribble(page)
    page.get_by_text("1 stroke painted, not grown yet").wait_for()
    page.set_viewport_size({"width": 853, "height": 533})
    page.get_by_label("Comments").scroll_into_view_if_needed()
    page.get_by_label("Annotation finished").check()
    expect(page.get_by_text("1 stroke painted, not grown", exact=True)).to_be_in_viewport(ratio=1)
    expect(page.get_by_text("Mimic 1: no type")).to_be_in_viewport(ratio=1)
    expect(page.get_by_label("Annotation finished")).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": 1280, "height": 800})


@pytest.mark.parametrize("end", ["Escape", "m"])
def test_a_point_that_was_to_be_set_is_not_set_after_all(reading, end):
    page = reading
    page.get_by_role("tab", name="Scribble").click()
    page.keyboard.press("m")
    button = page.get_by_role("button", name="Place a mimic")
    button.get_by_text("Click in a view").wait_for()
    page.keyboard.press(end)
    expect(button).to_have_text("Place")
    box = view_of(page, AXIAL)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    place(page, "finding", 0.6)
    expect(page.get_by_role("list", name="Mimics")).to_have_count(0)


def test_outlines_and_slices_stay_while_a_scribble_is_grown_by_keys(reading):
    """Slicer's views have keys of their own: B turns a slice, G hides all outlines."""
    page = reading
    page.keyboard.press("n")
    page.keyboard.press("h")
    wait_until(page, lambda: brightness(page, AXIAL) > 20)
    without = colour(page)
    page.keyboard.press("h")
    wait_until(page, lambda: colour(page) > without)
    offset = page.locator(".view-offset").first.inner_text()
    page.get_by_role("tab", name="Scribble").click()
    page.keyboard.press("b")
    page.get_by_role("button", name="Paint", pressed=True).wait_for()
    scribble(page)  # the view has the focus now
    page.keyboard.press("g")
    page.get_by_role("list", name="Grown microbleeds").get_by_text(re.compile(r"CMB \d")).first.wait_for()
    page.get_by_role("button", name=re.compile(r"Remove CMB \d")).first.click()
    page.get_by_role("list", name="Grown microbleeds").wait_for(state="detached")
    wait_until(page, lambda: colour(page) > without, lambda: (without, colour(page)))
    expect(page.locator(".view-offset").first).to_have_text(offset)


def test_enter_after_a_click_on_grow_accepts(reading):
    page = reading
    open_and_scribble(page)
    page.get_by_role("button", name="Grow", exact=True).click()
    grown = page.get_by_role("list", name="Grown microbleeds")
    grown.get_by_text("not accepted yet").wait_for()
    page.keyboard.press("Enter")
    grown.get_by_text("accepted", exact=True).wait_for()


def test_the_verdict_of_the_list_stands_beside_a_grown_lesion(reading):
    page, ids = reading, rows_of(reading)
    open_and_scribble(page)
    page.keyboard.press("g")
    grown = page.get_by_role("list", name="Grown microbleeds")
    grown.get_by_text("not accepted yet").wait_for()
    page.keyboard.press("Enter")
    grown.get_by_text("accepted", exact=True).wait_for()
    page.get_by_role("tab", name="Review").click()
    page.wait_for_function("n => document.querySelectorAll('[data-lesion]').length === n", arg=len(ids) + 1)
    (number,) = set(rows_of(page)) - set(ids)
    page.locator(f"[data-lesion='{number}']").click()
    page.locator(f".cmb-current[data-lesion='{number}']").wait_for()
    page.keyboard.press("r")
    page.keyboard.press("1")
    wait_for_state(page, number, "rejected")
    page.get_by_role("tab", name="Scribble").click()
    grown.get_by_text(re.compile(r"list: rejected \(.+\)")).wait_for()


def test_grown_lesions_are_listed_once_and_go_when_removed_whatever_their_numbers(reading):
    """A number as a key may be one that the page's framework gives something else in the panel."""
    page, ids = reading, rows_of(reading)
    lists = page.locator("[aria-label='Grown microbleeds']")
    for number, lesion in enumerate(ids[:6], 1):
        page.get_by_role("tab", name="Review").click()
        page.locator(f"[data-lesion='{lesion}']").click()
        page.locator(f".cmb-current[data-lesion='{lesion}']").wait_for()
        wait_until(page, lambda: not state_of_page(page)["brush"])  # it was put down with its tab
        page.keyboard.press("b")
        page.get_by_role("button", name="Paint", pressed=True).wait_for()
        scribble(page, 0.5)
        expect(page.get_by_role("status", name="Strokes")).to_have_text("1 stroke painted, not grown yet")
        page.keyboard.press("g")
        expect(lists.locator("li")).to_have_count(number)
        expect(lists).to_have_count(1)
        expect(lists.get_by_text(f"CMB {lesion}", exact=True)).to_have_count(1)
        expect(lists.locator("[aria-current=true]")).to_be_in_viewport(ratio=0.9)  # of a list that shows three
        expect(page.get_by_role("status", name="Last step of scribbling")).to_have_count(1)
    for left in reversed(range(6)):
        page.get_by_role("button", name=re.compile(r"^Remove CMB \d+$")).first.click()
        expect(lists.locator("li")).to_have_count(left)
    expect(lists).to_have_count(0)


def test_keys_of_the_list_do_nothing_in_scribble(reading):
    """Nobody sees the list then."""
    page, ids = reading, rows_of(reading)
    page.locator(f"[data-lesion='{ids[0]}']").click()
    page.locator(f".cmb-current[data-lesion='{ids[0]}']").wait_for()
    page.get_by_role("tab", name="Scribble").click()
    for key in ("a", "r", "1", "n", "Delete", "Control+z"):
        page.keyboard.press(key)
    page.get_by_role("tab", name="Review").click()
    page.keyboard.press("u")
    wait_for_state(page, ids[0], "uncertain")
    assert [state_of(page, one) for one in ids[1:]] == ["not reviewed"] * (len(ids) - 1)
    assert not page.get_by_role("alert").is_visible()


def test_findings_and_quality_are_said_and_taken_home(reading):
    page = reading
    page.get_by_role("tab", name="Scribble").click()
    page.get_by_label("Quality", exact=True).select_option("sufficient")
    page.get_by_label("Included", exact=True).select_option("no")
    page.get_by_label("Why not").fill("another sequence")
    page.get_by_label("other artefact", exact=True).check()
    page.get_by_label("Which artefact").fill("coil")
    place(page, "mimic", 0.4)
    place(page, "finding", 0.6)
    page.get_by_label("Type of mimic 1").select_option("basal-ganglia calcification")
    page.get_by_label("Side of mimic 1").select_option("left")
    page.get_by_label("What was found at 1").fill("old infarct")
    page.get_by_label("Annotation finished").check()
    page.get_by_text("Marked as done. The annotation is saved.").wait_for()
    with zipfile.ZipFile(take(page, "Results").path()) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith("_annotation.json"))
        (said,) = json.loads(archive.read(name))["annotations"]
    study, (scan,) = said["assessment"], said["series"]
    assert (study["quality"], study["included"], study["why_not"]) == ("sufficient", False, "another sequence")
    assert study["done"]
    assert (scan["flags"], scan["text"]) == (["other artefact"], "coil")
    (mimic,), (finding,) = said["mimics"], said["findings"]
    assert (mimic["type"], mimic["side"]) == ("basal-ganglia calcification", "left")
    assert finding["text"] == "old infarct"
    assert mimic["r_mm"] > finding["r_mm"]  # the patient's right is on the left of the view


def test_what_is_said_before_a_reader_is_named_waits_for_the_name(reading):
    page = reading
    page.evaluate("() => { localStorage.clear(); window.trame.state.update({ reader: '' }); }")
    asked, quality = page.get_by_role("dialog", name="Who reads?"), page.get_by_label("Quality", exact=True)
    flag = page.get_by_label("other artefact", exact=True)
    page.get_by_role("tab", name="Scribble").click()
    asked.wait_for()
    page.keyboard.press("Escape")
    asked.wait_for(state="hidden")
    quality.select_option("sufficient")
    asked.wait_for()
    page.keyboard.press("Escape")
    asked.wait_for(state="hidden")
    expect(quality).to_have_value("")  # nobody has said it
    flag.click()
    asked.wait_for()
    page.keyboard.press("Escape")
    asked.wait_for(state="hidden")
    expect(flag).not_to_be_checked()
    for answer in (lambda: quality.select_option("sufficient"), lambda: flag.click()):
        page.evaluate("() => window.trame.state.update({ reader: '' })")
        answer()
        asked.get_by_label("Name or initials").fill("SI")
        page.keyboard.press("Enter")
        asked.wait_for(state="hidden")
    wait_until(page, lambda: state_of_page(page)["series"].get("flags") == ["other artefact"])
    assert state_of_page(page)["assessment"]["quality"] == "sufficient"
    expect(quality).to_have_value("sufficient")
    expect(flag).to_be_checked()


def test_what_was_annotated_before_is_taken_home_though_scribble_was_not_opened_again(
    reading, server, browser, asked_hosts, tmp_path
):
    page = reading
    open_and_scribble(page)
    page.keyboard.press("g")
    grown = page.get_by_role("list", name="Grown microbleeds")
    grown.wait_for()
    page.get_by_label("Location").select_option("thalamus")
    grown.get_by_text("thalamus").wait_for()
    page.get_by_role("button", name="Accept as lesion").click()
    grown.get_by_text("accepted", exact=True).wait_for()
    page.get_by_role("tab", name="Review").click()
    shutil.copy(sample_scan(), tmp_path / "copy.nii.gz")
    choose(page, "Open", tmp_path / "copy.nii.gz", exact=True)
    page.get_by_text("copy.nii.gz", exact=True).wait_for()
    page.locator(".cmb-busy").wait_for(state="detached")
    assert annotated_in(take(page, "Results"), "copy") == {"SI": ["thalamus"]}
    chosen = rows_of(page)[2]
    page.locator(f"[data-lesion='{chosen}']").click()
    page.locator(f".cmb-current[data-lesion='{chosen}']").wait_for()
    take(page, "Scene").save_as(tmp_path / "review.mrb")
    fresh = new_page(browser, asked_hosts, reader="")
    try:
        go_to(fresh, server)
        choose(fresh, "Open", tmp_path / "review.mrb", exact=True)
        fresh.locator(f".cmb-current[data-lesion='{chosen}']").wait_for()
        fresh.locator(".cmb-busy").wait_for(state="detached")
        assert_chosen_is_seen(fresh)
        assert annotated_in(take(fresh, "Results"), "copy") == {"SI": ["thalamus"]}
        take(fresh, "Scene").save_as(tmp_path / "again.mrb")
        assert [grown_in(tmp_path / one) for one in ("review.mrb", "again.mrb")] == [True, True]
        assert not state_of_page(fresh)["reader"]  # and nobody was asked
        fresh.reload()
        fresh.get_by_role("button", name="Accept", exact=True).wait_for()
        assert_chosen_is_seen(fresh)
        fresh.evaluate("() => window.trame.trigger('name_reader', ['XY'])")
        fresh.get_by_role("tab", name="Scribble").click()
        fresh.get_by_label("Quality", exact=True).select_option("sufficient")
        wait_until(fresh, lambda: state_of_page(fresh)["assessment"].get("quality") == "sufficient")
        assert annotated_in(take(fresh, "Results"), "copy") == {"SI": ["thalamus"], "XY": []}
    finally:
        fresh.context.close()


def annotated_in(results, stem):
    """Where the lesions lie in the annotation of an exported zip, by reader; its masks are there, too."""
    with zipfile.ZipFile(results.path()) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith("_annotation.json"))
        said = json.loads(archive.read(name))
        assert name.startswith(stem)
        assert name.replace(".json", ".seg.nrrd") in archive.namelist()
    return {one["reader"]: [lesion["location"] for lesion in one["microbleeds"]] for one in said["annotations"]}


def grown_in(scene):
    """Whether a saved scene has the mask of a grown lesion, and its record."""
    with zipfile.ZipFile(scene) as archive:
        (text,) = (archive.read(one).decode() for one in archive.namelist() if one.endswith(".mrml"))
        (masks,) = (archive.read(one) for one in archive.namelist() if one.endswith("CMB grown.seg.nrrd"))
    return "thalamus" in text and b"Segment0_Name:=CMB" in masks


def assert_chosen_is_seen(page):
    """The slices cross in the lesion on which a verdict would be."""

    def off_by_mm():
        state = state_of_page(page)
        return [abs(a - b) for a, b in zip(state["crossing"], state["chosen"]["ras"], strict=True)]

    wait_until(page, lambda: max(off_by_mm()) < 2, off_by_mm)


def open_and_scribble(page):
    """Open Scribble, take the brush and paint once, with the whole head in the views."""
    page.get_by_role("tab", name="Scribble").click()
    page.keyboard.press("f")
    page.keyboard.press("b")
    page.get_by_role("button", name="Paint", pressed=True).wait_for()
    scribble(page)
    # what the mouse does in a view may arrive after a key that is pressed next
    expect(page.get_by_role("status", name="Strokes")).to_contain_text("painted, not grown yet")


def scribble(page, share=0.57):
    """Paint a few voxels in the axial view, at a share of its height."""
    box = view_of(page, AXIAL)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * share
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 2, y + 1, steps=3)
    page.mouse.up()
