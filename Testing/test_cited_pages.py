"""What comments and docstrings cite can be read: the page is there, and has the heading or section."""

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
