"""What holds for every module of the extension: whole in CMake, light at start-up, with icon and panel."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from module_file import MODULES, ROOT, files_of_module, packed_by_cmake
from PIL import Image


def source_of(module):
    return (ROOT / module / f"{module}.py").read_text(encoding="utf-8")


def panel_of(module):
    return ElementTree.parse(ROOT / module / "Resources" / "UI" / f"{module}.ui").getroot()


@pytest.mark.parametrize("module", MODULES)
def test_cmake_packs_every_file_of_the_module(module):
    assert packed_by_cmake(module) == files_of_module(module)


@pytest.mark.parametrize("module", MODULES)
def test_cmake_builds_the_module(module):
    assert f"add_subdirectory({module})" in (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", MODULES)
def test_slicer_starts_without_loading_the_library(module):
    """Slicer imports every module's file at start-up."""
    at_the_top = [line for line in source_of(module).splitlines() if re.match(r"(from|import) ", line)]
    assert at_the_top
    assert not [line for line in at_the_top if re.search(r"CMB\w+Lib", line)]


@pytest.mark.parametrize("module", MODULES)
def test_the_icon_has_the_size_that_slicer_shows(module):
    with Image.open(ROOT / module / "Resources" / "Icons" / f"{module}.png") as icon:
        assert icon.size == (128, 128)
        assert icon.mode == "RGBA"


@pytest.mark.parametrize("module", MODULES)
def test_every_widget_that_the_code_names_is_in_the_panel(module):
    parts = [path.read_text(encoding="utf-8") for path in (ROOT / module / f"{module}Widgets").rglob("*.py")]
    named = set(re.findall(r"\bui\.(\w+)", "\n".join((source_of(module), *parts))))
    there = [widget.get("name") for widget in panel_of(module).iter("widget")]
    assert named
    assert named <= set(there)
    assert len(there) == len(set(there))


@pytest.mark.parametrize("module", MODULES)
def test_every_button_and_field_says_what_it_is_for(module):
    passive = {"QLabel", "ctkCollapsibleButton", "qMRMLWidget"}
    active = [widget for widget in panel_of(module).iter("widget") if widget.get("class") not in passive]
    assert len(active) > 10
    for widget in active:
        tips = [one.findtext("string") for one in widget.findall("property") if one.get("name") == "toolTip"]
        assert any(tips), widget.get("name")


@pytest.mark.parametrize("module", MODULES)
def test_the_panel_declares_the_widgets_that_are_not_qts_own(module):
    panel = panel_of(module)
    declared = {one.findtext("class") for one in panel.iter("customwidget")}
    not_qts = {one.get("class") for one in panel.iter("widget") if not re.match(r"Q[A-Z]", one.get("class"))}
    assert not_qts
    assert not_qts <= declared


@pytest.mark.parametrize("module", MODULES)
def test_a_list_that_is_clicked_does_not_keep_the_keyboard(module):
    """Letters would choose other words in it."""
    lists = [one for one in panel_of(module).iter("widget") if one.get("class") == "QComboBox"]
    assert lists
    for one in lists:
        (policy,) = [part for part in one.findall("property") if part.get("name") == "focusPolicy"]
        assert policy.findtext("enum") == "Qt::TabFocus", one.get("name")


def test_no_folder_of_a_library_holds_more_than_twelve_files():
    folders = [path for module in MODULES for path in (ROOT / module / f"{module}Lib").rglob("*") if path.is_dir()]
    counts = {path.relative_to(ROOT).as_posix(): len(list(path.glob("*.py"))) for path in folders}
    assert {folder: count for folder, count in counts.items() if count > 12} == {}
