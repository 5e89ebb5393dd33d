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

LIBS = tuple(f"{name}Lib" for name in MODULES)
OF_SLICERS_QT = {part for name in MODULES for part in (f"{name}.py", f"{name}Widgets")}
"""What imports `qt`, which only Slicer's own process has; Testing/test_panel_*.py open it on a double."""
CATALOG_ENTRY = ROOT / "CMBSegmentation.json"
SCHEMA = (
    "https://raw.githubusercontent.com/Slicer/Slicer/main/Schemas/slicer-extension-catalog-entry-schema-v1.0.1.json#"
)
IMPORT_ALL = """
import importlib, importlib.util, sys
from pathlib import Path

installed, names = sys.argv[1], sys.argv[2:]
packages = ("CMBSegmentationLib", "CMBScribbleGrowLib", "CMBCommand", "CMBWeb")
of_the_checkout = [one for one in sys.path if any(Path(one, name, "__init__.py").exists() for name in packages)]
sys.path[:] = [installed, *(one for one in sys.path if one not in of_the_checkout)]
for name in ("CMBWeb", "CMBCommand"):
    if importlib.util.find_spec(name):
        sys.exit(f"{name} is not part of the extension, and yet it is there")
failed = []
for name in names:
    try:
        module = importlib.import_module(name)
    except Exception as error:
        failed.append(f"{name}: {error!r}")
    else:
        if not Path(module.__file__).is_relative_to(installed):
            failed.append(f"{name} is that of {module.__file__}")
sys.exit("\\n".join(failed) or None)
"""
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


def run_installed(installed, script, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_both_libs_find_models_and_sample_in_the_install_tree(installed):
    script = (
        "from CMBSegmentationLib.files.bundled import bundled_models, sample_scan\n"
        "print(*bundled_models(), sample_scan(), sep='\\n')"
    )
    found = [Path(line) for line in run_installed(installed, script).splitlines()]
    assert len(found) > 1
    assert all(path.is_relative_to(installed) and path.exists() for path in found)


def test_every_installed_module_of_the_libs_can_be_imported(installed):
    """In one process, from the install tree alone."""
    files = [path.relative_to(installed) for path in sorted(installed.rglob("*.py"))]
    assert {path.parts[0] for path in files} == {*LIBS, *OF_SLICERS_QT}
    of_libs = [path.with_suffix("") for path in files if path.parts[0] in LIBS]
    names = [".".join(path.parts).removesuffix(".__init__") for path in of_libs]
    assert len(names) > 100
    run_installed(installed, IMPORT_ALL, str(installed), *names)


IMPORT_EACH_FIRST = """
import importlib, sys
for name in sys.argv[1:]:
    for ours in [one for one in sys.modules if one.partition(".")[0] in ("CMBSegmentationLib", "CMBScribbleGrowLib")]:
        del sys.modules[ours]
    importlib.import_module(name)
"""


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.soak)])
def test_each_module_of_the_libs_can_be_the_first_that_is_imported(installed, every):
    """A circle of imports shows only in some orders: each command begins with another module."""
    files = [path.relative_to(installed).with_suffix("") for lib in LIBS for path in (installed / lib).rglob("*.py")]
    names = sorted(".".join(path.parts).removesuffix(".__init__") for path in files)
    assert len(names) > 100
    run_installed(installed, IMPORT_EACH_FIRST, *names[::every])


def test_the_catalog_entry_has_what_the_extensions_index_asks_for():
    """By the schema that the entry names, which is in Slicer's repository, and `CMakeLists.txt`."""
    entry = json.loads(CATALOG_ENTRY.read_text(encoding="utf-8"))
    kinds = {
        "$schema": str, "category": str, "scm_url": str, "scm_revision": str, "scm_type": str,
        "build_dependencies": list, "build_subdirectory": str, "enabled": bool, "tier": int,
    }  # fmt: skip
    assert {"$schema", "category", "scm_url"} <= set(entry) <= set(kinds)
    assert {key: type(value) for key, value in entry.items()} == {key: kinds[key] for key in entry}
    assert entry["$schema"] == SCHEMA
    assert entry["category"] == "Segmentation"  # as the modules' own
    assert entry["scm_revision"]
    assert (ROOT / entry["build_subdirectory"] / "CMakeLists.txt").exists()
    assert entry["build_dependencies"] == []
    assert entry["tier"] in (1, 3, 5)
    assert re.fullmatch(r"|https://\S+", entry["scm_url"])  # empty until it is published
    lists = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert f"project({CATALOG_ENTRY.stem})" in lists
    assert 'set(EXTENSION_DEPENDS "NA")' in lists  # none, as in the entry


@pytest.mark.skipif("SLICER_SOURCE" not in os.environ, reason="platform: no checkout of Slicer in SLICER_SOURCE")
def test_the_double_takes_the_arguments_that_slicers_macro_takes():
    def arguments(path):
        text = path.read_text(encoding="utf-8")
        options = re.search(r"set\(options\s*([^)]*)\)", text)
        return set(options.group(1).split()) if options else set()

    own = arguments(Path(os.environ["SLICER_SOURCE"]) / "CMake" / "SlicerMacroBuildScriptedModule.cmake")
    assert own
    double = (DOUBLE / "UseSlicer.cmake").read_text(encoding="utf-8")
    assert all(name in double for name in own)
