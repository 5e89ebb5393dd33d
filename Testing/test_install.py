"""The extension as CMake installs it: configured against a small double of Slicer, imported from where it lands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from module_file import MODULES, ROOT

DOUBLE = Path(__file__).with_name("slicer_double")
NO_COMPILER = [f"-DCMAKE_{language}_COMPILER_FORCED=TRUE" for language in ("C", "CXX")] + [
    f"-DCMAKE_{language}_COMPILER=/bin/true" for language in ("C", "CXX")
]


def cmake(*arguments, cwd):
    command = shutil.which("cmake") or str(Path(sys.executable).with_name("cmake"))
    done = subprocess.run([command, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of scripted modules in the install tree."""
    folder = tmp_path_factory.mktemp("extension")
    options = [f"-DSlicer_DIR={DOUBLE}", "-DBUILD_TESTING=ON", f"-DCMAKE_INSTALL_PREFIX={folder / 'install'}"]
    cmake("-S", ROOT, "-B", folder / "build", *options, *NO_COMPILER, cwd=folder)
    cmake("--install", folder / "build", cwd=folder)
    return folder / "install" / "lib" / "Slicer-5.10" / "qt-scripted-modules"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_and_its_resources_are_installed(installed, module):
    assert (installed / f"{module}.py").exists()
    assert (installed / "Resources" / "UI" / f"{module}.ui").exists()
    assert (installed / "Resources" / "Icons" / f"{module}.png").exists()


def test_both_libs_work_from_the_install_tree(installed):
    script = (
        "import CMBSegmentationLib.run, CMBSegmentationLib.worker, CMBScribbleGrowLib.grow\n"
        "from CMBSegmentationLib.resources import bundled_models, sample_scan\n"
        "import CMBSegmentationLib as lib\n"
        "assert bundled_models() and sample_scan().exists()\n"
        "print(lib.__file__)"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd="/", capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(installed)


def test_the_catalog_entry_has_what_the_extensions_index_asks_for():
    entry = json.loads((ROOT / "CMBSegmentation.json").read_text(encoding="utf-8"))
    assert {"$schema", "build_subdirectory", "category", "scm_revision", "scm_url", "tier"} <= set(entry)
    assert f"project({ROOT.joinpath('CMBSegmentation.json').stem})" in (ROOT / "CMakeLists.txt").read_text()


@pytest.mark.skipif("SLICER_SOURCE" not in os.environ, reason="needs a checkout of Slicer in SLICER_SOURCE")
def test_the_double_takes_the_arguments_that_slicers_macro_takes():
    def arguments(path):
        text = path.read_text(encoding="utf-8")
        options = re.search(r"set\(options\s*([^)]*)\)", text)
        return set(options.group(1).split()) if options else set()

    own = arguments(Path(os.environ["SLICER_SOURCE"]) / "CMake" / "SlicerMacroBuildScriptedModule.cmake")
    double = (DOUBLE / "UseSlicer.cmake").read_text(encoding="utf-8")
    assert all(name in double for name in own)
