"""The lock files: there for each extra, made for what pyproject.toml asks now, with hashes, naming no index."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "requirements"))

from lock import PYPROJECT, REQUIRES, requirements_of, tomllib  # noqa: E402

LOCKS = ROOT / "requirements"
WANTED = requirements_of(tomllib.loads(PYPROJECT.read_text(encoding="utf-8")))
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}")
ENVIRONMENTS = [
    {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": system}
    for python in ("3.10", "3.11", "3.12", "3.13")
    for system in ("linux", "darwin", "win32")
]


def pins(name: str) -> list[tuple[str, str, Marker | None]]:
    """Package, version and where it is for, of each entry of a lock file."""
    lines = (LOCKS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    heads = [line.removesuffix(" \\") for line in lines if line[:1].isalnum()]
    found = [Requirement(head) for head in heads]
    return [(canonicalize_name(one.name), str(one.specifier).removeprefix("=="), one.marker) for one in found]


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_was_made_for_what_pyproject_asks(name):
    lines = (LOCKS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    made_for = [line.removeprefix(REQUIRES) for line in lines if line.startswith(REQUIRES)]
    assert made_for == WANTED[name], "pyproject.toml has changed: run `make lock`"


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_has_one_version_of_each_wanted_package_for_every_python_and_system(name):
    locked = pins(name)
    for wanted in map(Requirement, WANTED[name]):
        for environment in ENVIRONMENTS:
            versions = [
                version
                for package, version, marker in locked
                if package == canonicalize_name(wanted.name) and (marker is None or marker.evaluate(environment))
            ]
            assert len(versions) == 1, (wanted.name, environment, versions)
            assert wanted.specifier.contains(versions[0], prereleases=True), (wanted, versions)


def test_there_is_no_lock_of_an_extra_that_is_gone():
    assert {path.stem for path in LOCKS.glob("*.txt")} == set(WANTED)


@pytest.mark.parametrize("name", WANTED)
def test_every_package_has_a_hash_and_no_line_names_an_index(name):
    lines = (LOCKS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    lines = [line.removesuffix(" \\") for line in lines if not line.startswith("#")]
    heads = [k for k, line in enumerate(lines) if not HASH.fullmatch(line)]
    assert all(re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z,-]+\])?==\S+( ; .*)?$", lines[k]) for k in heads)
    assert all(HASH.fullmatch(lines[k + 1]) for k in heads)


def test_everyone_gets_the_versions_that_the_tests_ran_on():
    tested = {(package, version) for package, version, _ in pins("dev")}
    packages = {package for package, _ in tested}
    for name in WANTED:
        others = {(package, version) for package, version, _ in pins(name) if package in packages} - tested
        assert others == set(), name
