"""`cmb node` as a command: options that are wrong, packages that are missing, a folder whose jobs are damaged."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from commands import cmb

from CMBCommand.node.database import SCHEMA
from CMBCommand.node.jobs import DONE, Jobs
from CMBSegmentationLib.errors import InputError, MachineError

__all__ = ["cmb"]


def test_damaged_jobs_are_told_with_what_to_do(tmp_path):
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "jobs.sqlite").write_bytes(b"not a database " * 1000)
    with pytest.raises(MachineError, match="are damaged") as told:
        Jobs(tmp_path / "node" / "jobs.sqlite")
    assert "move jobs.sqlite" in told.value.hint


def test_jobs_damaged_inside_are_told(tmp_path):
    path = tmp_path / "jobs.sqlite"
    Jobs(path).close()
    with closing(sqlite3.connect(path)) as jobs, jobs:
        rows = [(f"study-{number:012x}", f"1.2.{number}", DONE, 0.0, 0.0) for number in range(400)]
        jobs.executemany("INSERT INTO studies (id, uid, state, received, heard) VALUES (?, ?, ?, ?, ?)", rows)
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 5] = os.urandom(4096 * 2)
    path.write_bytes(content)
    with pytest.raises(MachineError, match="are damaged"):
        Jobs(path)


def test_jobs_of_a_later_version_are_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as jobs:
        jobs.executescript(f"{SCHEMA} PRAGMA user_version=99;")
    with pytest.raises(InputError, match="later version"):
        Jobs(tmp_path / "jobs.sqlite")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Nothing says where results go"),
        (["--send-to", "ARCHIVE"], "does not name a DICOM node"),
        (["--send-to", "ARCHIVE@host"], "is not an address"),
        (["--send-to", "MUCHTOOLONGATITLE@host:104"], "is not an AE title"),
        (["--stow", "ftp://archive"], "is not the address of a DICOMweb service"),
        (["--stow", "http://me:secret@archive/dicom-web"], "~/.netrc"),
        (["--stow", "http://a/b", "--host", "0.0.0.0"], "anybody could send"),
        (["--stow", "http://a/b", "--watch", "http://a/b", "--quiet", "10"], "must be longer than --watch-every"),
        (["--stow", "http://a/b", "--workers", "0"], "--workers must be 1 or more"),
        (["--stow", "http://a/b", "--tls-cert", "x.pem"], "needs a certificate and its key"),
        (["--stow", "http://a/b", "--status", "nowhere"], "is not an address"),
    ],
)
def test_wrong_options_are_told(cmb, tmp_path, options, said):
    code, _, told = cmb("node", tmp_path / "node", *options)
    assert (code, said in told) == (2, True), told


def test_help_loads_nothing_of_the_network():
    code = (
        "import sys; from CMBCommand import cli\n"
        "try: cli.main(['node', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pynetdicom', 'pydicom', 'dicomweb_client', 'prometheus_client', 'distributed'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_without_its_packages_it_says_what_to_install(cmb, tmp_path, monkeypatch):
    for name in list(sys.modules):  # what another test may have loaded
        if name.partition(".")[0] == "pynetdicom" or name.startswith(
            ("CMBCommand.node.network", "CMBCommand.node.service")
        ):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pynetdicom", None)
    code, _, told = cmb("node", tmp_path / "node", "--stow", "http://127.0.0.1:1/dicom-web")
    assert (code, "pip install '.[node]'" in told) == (4, True), told
