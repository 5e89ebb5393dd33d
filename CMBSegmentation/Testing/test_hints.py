"""What a message advises can be done where it is read: panels and page have no command line."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

MODULES = Path(__file__).resolve().parents[2]
SHARED = [MODULES / "CMBSegmentation/CMBSegmentationLib", MODULES / "CMBScribbleGrow/CMBScribbleGrowLib"]
OF_THE_SHELL = ("running/options.py", "worker/__main__.py", "batch/", "redbrick/", "results/deidentify.py",
                "detecting/parcellation/")  # fmt: skip
"""What only the shell can ask for."""
NOT_SHELLS = re.compile(r"is not DICOM: it has no series to choose from")  # the panels and the page choose of a series'
OPTION = re.compile(r"(?<!\w)-(o\b|-[a-z])")


def advice(source: str) -> list[str]:
    """Give the texts of the errors that a module raises."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    errors = [one for one in calls if isinstance(one.func, ast.Name) and one.func.id.endswith("Error")]
    texts = []
    for call in errors:
        said = [node.value for node in ast.walk(call) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        texts.append(" ".join(said))
    return texts


def test_the_options_of_the_shell_are_found():
    assert OPTION.search("Give another folder with -o.")
    assert OPTION.search("Choose one with --series NUMBER.")
    assert not OPTION.search("T2*-weighted, 5-10 mm")
    assert advice('raise InputError("That is none.", "Give -o.")') == ["That is none. Give -o."]


@pytest.mark.parametrize("folder", SHARED, ids=lambda folder: folder.name)
def test_an_option_of_the_shell_is_called_that_where_others_read_it(folder):
    wrong = [
        f"{path.relative_to(folder)}: {text}"
        for path in sorted(folder.rglob("*.py"))
        if not path.relative_to(folder).as_posix().startswith(OF_THE_SHELL)
        for text in advice(path.read_text(encoding="utf-8"))
        if OPTION.search(text) and "in the shell" not in text and not NOT_SHELLS.search(text)
    ]
    assert wrong == []
