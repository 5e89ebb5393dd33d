"""A module's file as Slicer has it: imported without Slicer's Qt side, and what CMake packs with it."""

from __future__ import annotations

import importlib.util
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import slicer

ROOT = Path(__file__).resolve().parents[1]
MODULES = ("CMBSegmentation", "CMBScribbleGrow")


def import_module_file(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import ``<name>/<name>.py`` with names in place of Slicer's Qt side."""

    class Base:
        def __init__(self, parent=None):
            self.parent = parent

    bases = types.ModuleType("slicer.ScriptedLoadableModule")
    for role in ("", "Logic", "Test", "Widget"):
        setattr(bases, f"ScriptedLoadableModule{role}", type(f"ScriptedLoadableModule{role}", (Base,), {}))
    words = types.ModuleType("slicer.i18n")
    words.tr = lambda text: text
    words.translate = lambda context, text: text
    parameters = types.ModuleType("slicer.parameterNodeWrapper")
    parameters.parameterNodeWrapper = lambda one: one
    parameters.Choice = parameters.WithinRange = lambda *limits: limits
    monkeypatch.setitem(sys.modules, parameters.__name__, parameters)
    monkeypatch.setattr(slicer, "app", types.SimpleNamespace(connect=lambda *_: None), raising=False)
    stand_ins = {"qt": types.ModuleType("qt"), "ctk": types.ModuleType("ctk")}
    for module_name, module in {**stand_ins, bases.__name__: bases, words.__name__: words}.items():
        monkeypatch.setitem(sys.modules, module_name, module)
    spec = importlib.util.spec_from_file_location(name, ROOT / name / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def packed_by_cmake(name: str) -> set[str]:
    """Give the files that a module's CMakeLists.txt lists, relative to the module's folder."""
    text = (ROOT / name / "CMakeLists.txt").read_text(encoding="utf-8").replace("${MODULE_NAME}", name)
    return set(re.findall(rf"^  ((?:{name}|Resources)\S*\.\w+)$", text, re.MULTILINE))


def files_of_module(name: str) -> set[str]:
    """Give the files that a module consists of, relative to its folder."""
    folder = ROOT / name
    parts = [part for part in (*folder.glob(f"{name}?*"), folder / "Resources") if part.is_dir()]
    files = [path for part in parts for path in part.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {f"{name}.py", *(path.relative_to(folder).as_posix() for path in files)}
