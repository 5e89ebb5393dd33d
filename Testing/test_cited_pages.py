"""What comments and docstrings cite can be read: pages with their headings, and names in other modules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CITED = re.compile(r'(Docs/[\w-]+\.md)(?:,?\s+(?:section (\d)|"([^"]+)"))?')
FOLDERS = ("CMBSegmentation", "CMBScribbleGrow", "CMBWeb", "Testing", "training")


def citations() -> list[tuple[str, str, str, str]]:
    """File that cites, page, section and heading of each citation."""
    found = set()
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if path != Path(__file__)):
        text = re.sub(r"\s*\n\s*(# )?", " ", path.read_text(encoding="utf-8"))
        found |= {(path.relative_to(ROOT).as_posix(), *match.groups(default="")) for match in CITED.finditer(text)}
    return sorted(found)


@pytest.mark.parametrize(("source", "page", "section", "heading"), citations())
def test_what_is_cited_can_be_read(source, page, section, heading):
    text = (ROOT / page).read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    if section:
        assert any(one.startswith(f"{section}. ") for one in headings), source
    elif heading:
        assert heading in headings or f"| {heading} |" in text, source


def test_pages_are_cited():
    assert len(citations()) > 30


LIBRARIES = {
    "CMBSegmentationLib": ROOT / "CMBSegmentation" / "CMBSegmentationLib",
    "CMBScribbleGrowLib": ROOT / "CMBScribbleGrow" / "CMBScribbleGrowLib",
    "CMBWeb": ROOT / "CMBWeb",
    "cmbtraining": ROOT / "training" / "cmbtraining",
}
NAMED = re.compile(r"`((?:\w+\.)+(?!(?:py|json|yaml|csv|md)`)\w+)`")


def stale(path: Path, library: Path) -> list[str]:
    """Names in backquotes that begin with a library, or with a room of the file's own, and lead nowhere."""
    rooms = {one.name for one in library.iterdir() if one.is_dir()}
    found = []
    for name in NAMED.findall(path.read_text(encoding="utf-8")):
        parts = name.split(".")
        at = LIBRARIES.get(parts[0])
        if at is None and parts[0] not in rooms:
            continue
        left = parts if at is None else parts[1:]
        at = at or library
        while left and (at / left[0]).is_dir():
            at, left = at / left[0], left[1:]
        file = at / f"{left[0]}.py" if left and (at / f"{left[0]}.py").is_file() else at / "__init__.py"
        left = left[1:] if file.stem != "__init__" else left
        text = file.read_text(encoding="utf-8")
        if any(not re.search(rf"\b{one}\b", text) for one in left):
            found.append(name)
    return found


@pytest.mark.parametrize("library", LIBRARIES)
def test_names_in_docstrings_lead_somewhere(library):
    files = sorted(LIBRARIES[library].rglob("*.py"))
    found = {path.relative_to(ROOT).as_posix(): stale(path, LIBRARIES[library]) for path in files}
    assert {path: names for path, names in found.items() if names} == {}


PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "Docs").rglob("*.md"), ROOT / "training" / "README.md"})


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []
