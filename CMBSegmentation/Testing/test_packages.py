"""Packages that Slicer lacks: installed if the user wants it, for the GPU where there is one."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from CMBSegmentationLib import packages
from CMBSegmentationLib.errors import MachineError

ROOT = Path(__file__).resolve().parents[2]
SLICERS_OWN = {"numpy", "scipy", "SimpleITK", "pydicom"}
SHELL_ONLY = {"rich", "matplotlib"}


@pytest.fixture
def installed(monkeypatch):
    """What can be imported; a test takes packages away or adds them."""
    names = set(packages.REQUIREMENTS)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in names else None)
    return names


@pytest.fixture
def a_gpu(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvidia-smi" if name == "nvidia-smi" else None)
    monkeypatch.setattr(packages.sys, "platform", "linux")


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)


def test_nobody_is_asked_when_all_is_there(installed):
    packages.ensure_installed(lambda requirements: pytest.fail("asked"))


def test_only_what_is_missing_is_installed(installed, no_gpu):
    installed -= {"jinja2", "onnxruntime"}
    asked = []

    def install(requirements):
        asked.extend(requirements)
        installed.update({"jinja2", "onnxruntime"})

    packages.ensure_installed(install)
    assert asked == ["onnxruntime>=1.18", "jinja2>=3.1"]


def test_a_machine_with_an_nvidia_gpu_gets_the_gpu_build(installed, a_gpu):
    installed.remove("onnxruntime")
    assert packages.missing_requirements() == ["onnxruntime-gpu[cuda,cudnn]>=1.21"]


def test_a_mac_gets_the_plain_build(installed, a_gpu, monkeypatch):
    monkeypatch.setattr(packages.sys, "platform", "darwin")
    installed.remove("onnxruntime")
    assert packages.missing_requirements() == ["onnxruntime>=1.18"]


def test_a_build_that_the_user_installed_is_left_alone(installed, a_gpu):
    assert packages.missing_requirements() == []


def test_a_refusal_says_what_is_needed_and_how_to_go_on(installed, no_gpu):
    installed.remove("jinja2")

    def refuse(requirements):
        raise RuntimeError("User declined package installation")

    with pytest.raises(MachineError, match=r"jinja2.*User declined") as caught:
        packages.ensure_installed(refuse)
    assert caught.value.hint


def test_an_installation_that_installed_nothing_is_noticed(installed, no_gpu):
    installed.remove("jinja2")
    with pytest.raises(MachineError, match="not installed"):
        packages.ensure_installed(lambda requirements: None)


def test_every_dependency_is_slicers_own_or_installed_on_the_click():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    dependencies = re.search(r"^dependencies = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL).group(1)
    listed = set(re.findall(r'"(.+?)"', dependencies))
    own = {one for one in listed if re.match(r"[\w-]+", one).group() in SLICERS_OWN | SHELL_ONLY}
    assert listed - own == set(packages.REQUIREMENTS.values())


def test_the_panel_opens_before_anything_is_installed():
    missing = {*packages.REQUIREMENTS, *SHELL_ONLY}
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({missing!r}))\n"
        "import CMBSegmentationLib.session, CMBSegmentationLib.packages"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT / "CMBSegmentation")


def test_the_worker_needs_no_more_than_what_is_installed():
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({SHELL_ONLY!r}))\n"
        "import CMBSegmentationLib.worker.__main__, CMBSegmentationLib.report.page"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT / "CMBSegmentation")
