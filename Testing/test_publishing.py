"""What is missing before the extension can be published is listed, and nothing that is there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from publishing import ROOT, VERSION, missing

FILES = ("CMBSegmentation.json", "CMakeLists.txt", "CITATION.cff", "CHANGELOG.md", "LICENSE", VERSION[0])
REMOTE = "https://github.com/someone/SlicerCMB.git"
FILLED = {
    "CMBSegmentation.json": ('"scm_url": "[^"]*"', f'"scm_url": "{REMOTE}"'),
    "CMakeLists.txt": (r'(EXTENSION_(?:HOMEPAGE|ICONURL|SCREENSHOTURLS)) "[^"]*"', r'\1 "https://example.org/x"'),
    "CHANGELOG.md": (r"(?m)^(## [\d.]+ — ).*", r"\g<1>2026-12-01"),
}


@pytest.fixture
def filled(tmp_path) -> Path:
    """The checkout's files as they will be when it is published."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name, (empty, full) in FILLED.items():
        change(tmp_path / name, empty, full)
    change(tmp_path / "CMakeLists.txt", 'CONTRIBUTORS "[^"]*"', 'CONTRIBUTORS "A. Person (An Institution)"')
    return tmp_path


def change(path: Path, pattern: str, text: str) -> None:
    before = path.read_text(encoding="utf-8")
    after, count = re.subn(pattern, text, before)
    assert count
    path.write_text(after, encoding="utf-8")


def test_nothing_is_missing_where_all_is_filled_in(filled):
    assert missing(filled, REMOTE) == []


@pytest.mark.parametrize(
    ("name", "pattern", "text", "told"),
    [
        ("CMBSegmentation.json", '"scm_url": ".*"', '"scm_url": ""', "scm_url"),
        ("CMakeLists.txt", 'HOMEPAGE ".*"', 'HOMEPAGE ""', "EXTENSION_HOMEPAGE"),
        ("CMakeLists.txt", 'ICONURL ".*"', 'ICONURL ""', "EXTENSION_ICONURL"),
        ("CMakeLists.txt", 'SCREENSHOTURLS ".*"', 'SCREENSHOTURLS ""', "EXTENSION_SCREENSHOTURLS"),
        ("CMakeLists.txt", r'CONTRIBUTORS ".*"', 'CONTRIBUTORS "The contributors"', "EXTENSION_CONTRIBUTORS"),
        ("CITATION.cff", "(?m)^version: .*$", "version: 0.0.1", "CITATION.cff: version"),
        ("CHANGELOG.md", "— 2026-12-01", "— unreleased", "CHANGELOG.md: a date"),
    ],
)
def test_what_is_empty_is_named_with_its_file(filled, name, pattern, text, told):
    change(filled / name, pattern, text)
    (one,) = missing(filled, REMOTE)
    assert one.startswith(name)
    assert told in one


def test_the_repositorys_name_must_begin_with_slicer(filled):
    (one,) = missing(filled, "git@github.com:someone/microbleeds.git")
    assert "begins with Slicer" in one
    assert len(missing(filled, "")) == 2


def test_the_citation_names_the_version_of_today():
    assert not [one for one in missing(ROOT, REMOTE) if one.startswith("CITATION")]
