"""Every command that a page shows is there, with every option that the page gives it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from CMBCommand import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CITATION.cff", "training/README.md")]
PAGES += sorted((ROOT / "Docs").rglob("*.md"))
CODE = re.compile(r"```\w*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
CALL = re.compile(r"^\s*(?:cmb ([a-z][a-z-]+)|python ((?:training|Testing)/\w+\.py)|make (\w+))\b(.*)")
OPTION = re.compile(r"(?<=\s)(--[a-z][a-z-]*|-o)\b")


def calls() -> list[tuple[str, str, str, str]]:
    """Page, kind (cmb, python, make), name and options of each command shown."""
    found = set()
    for page in PAGES:
        for block, inline in CODE.findall(page.read_text(encoding="utf-8")):
            for line in re.sub(r"\\\n", " ", block or inline).splitlines():
                if match := CALL.match(line):
                    kind = "cmb" if match[1] else "python" if match[2] else "make"
                    options = " ".join(sorted(set(OPTION.findall(match[4].partition(" # ")[0]))))
                    found.add((page.relative_to(ROOT).as_posix(), kind, match[1] or match[2] or match[3], options))
    return sorted(found)


@pytest.mark.parametrize(("page", "kind", "name", "options"), calls())
def test_a_command_that_a_page_shows_is_there(page, kind, name, options):
    if kind == "cmb":
        assert name in {command.name for command in cli.COMMANDS}
        known = help_of(name)
    elif kind == "python":
        known = (ROOT / name).read_text(encoding="utf-8")
    else:
        known = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{name}:", known, re.MULTILINE)
    assert [one for one in options.split() if not re.search(rf"(?<![\w-]){one}(?![\w-])", known)] == []


def help_of(name: str) -> str:
    """What a command's own --help says of its options."""
    (commands,) = (one for one in cli._parser(name)._subparsers._group_actions)  # argparse has no public way
    return commands.choices[name].format_help()


def test_commands_are_shown():
    assert {kind for _, kind, _, _ in calls()} == {"cmb", "python", "make"}
    assert len(calls()) > 40
