"""The recipes of the BIDS app's images, and its Boutiques descriptor, say what the program has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from CMBCommand import bids, cli
from CMBSegmentationLib import __version__

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "containers"
DESCRIPTOR = json.loads((FOLDER / "boutiques.json").read_text(encoding="utf-8"))
INVOCATION = {
    "bids_dir": "data", "out": "found", "level": "participant", "participant_label": ["01", "02"],
    "session_label": ["1"], "skip_bids_validation": True, "threshold": 0.4, "workers": 2, "overwrite": True,
}  # fmt: skip


def command_line(invocation: dict) -> list[str]:
    """What Boutiques makes of a descriptor and an invocation (its schema 0.5)."""
    line = DESCRIPTOR["command-line"]
    for one in DESCRIPTOR["inputs"]:
        value, flag = invocation.get(one["id"]), one.get("command-line-flag", "")
        words = value if isinstance(value, list) else [] if value in (None, True) else [value]
        line = line.replace(one["value-key"], " ".join(map(str, [flag, *words])) if value is not None else "")
    return line.split()


def parsed(invocation: dict):
    program, *arguments = command_line(invocation)
    assert program == "cmb"
    return cli._parser(arguments[0]).parse_args(arguments)


def test_the_descriptor_calls_the_command_with_every_value():
    told = parsed(INVOCATION)
    assert told.run is bids.run
    assert (told.dataset, told.out, told.level) == (Path("data"), Path("found"), "participant")
    assert (told.participant_label, told.session_label) == (["01", "02"], ["1"])
    assert (told.skip_bids_validation, told.threshold, told.workers, told.overwrite) == (True, 0.4, 2, True)
    least = parsed({"bids_dir": "data", "out": "found", "level": "group"})
    assert (least.participant_label, least.skip_bids_validation, least.threshold) == ([], False, None)


def test_the_descriptor_is_of_this_version_and_of_these_exit_codes():
    assert DESCRIPTOR["tool-version"] == __version__
    codes = {bids.FAILED, bids.INVALID, bids.UNKNOWN_LEVEL, bids.NOTHING_CHOSEN, bids.USAGE}
    assert {one["code"] for one in DESCRIPTOR["error-codes"]} == codes | {bids.NO_INPUT, bids.NO_OUTPUT, 2, 3, 4, 130}
    page = (ROOT / "Docs" / "bids.md").read_text(encoding="utf-8")
    assert all(re.search(rf"^\| {one['code']}\b", page, re.MULTILINE) for one in DESCRIPTOR["error-codes"])


@pytest.mark.parametrize("name", ["Dockerfile", "apptainer.def"])
def test_an_image_is_made_of_the_locked_packages_and_of_files_that_are_there(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert "--require-hashes --no-deps --requirement /opt/slicer-cmb/requirements/bids.txt" in text
    assert "--no-build-isolation --no-deps /opt/slicer-cmb" in text
    listed = re.findall(r"^!(\S+)$", (FOLDER / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert all((ROOT / path).exists() for path in listed)
    if name == "apptainer.def":
        copied = re.findall(r"^    (\S+) /opt/slicer-cmb/(\S+)$", text, re.MULTILINE)
        assert {source for source, _ in copied} == set(listed)
        assert all(source == target for source, target in copied)
