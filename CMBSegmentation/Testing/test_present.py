"""Files that only stand for their content, or may not be read."""

from __future__ import annotations

import os

import pytest

from CMBCommand import cli
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.present import check_present

POINTERS = {
    "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n",
    "annex": b"/annex/objects/MD5E-s12345--" + b"0" * 32 + b".nii.gz\n",
    "unlocked annex": b"../.git/annex/objects/Xx/Yy/SHA256E-s5--1.nrrd/SHA256E-s5--1.nrrd\n",
}


@pytest.mark.parametrize("kind", POINTERS)
@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.nii", "scan.nrrd", "0001.dcm", "labels.seg.nrrd"])
def test_a_pointer_is_told_with_how_to_get_the_content(tmp_path, kind, name):
    (tmp_path / name).write_bytes(POINTERS[kind])
    with pytest.raises(InputError, match="is not on this machine") as caught:
        check_present(tmp_path / name)
    assert "git lfs pull" in caught.value.hint


def test_a_link_of_git_annex_is_told_from_a_link_that_is_wrong(tmp_path):
    for name, target in (
        ("annexed.nii.gz", "/nowhere/.git/annex/objects/x.nii.gz"),
        ("wrong.nii.gz", "/nowhere/x.nii"),
    ):
        (tmp_path / name).symlink_to(target)
    with pytest.raises(InputError, match="git-annex"):
        check_present(tmp_path / "annexed.nii.gz")
    with pytest.raises(InputError, match=r"a link to /nowhere/x\.nii, which is not there"):
        check_present(tmp_path / "wrong.nii.gz")


def test_the_command_tells_it_too(tmp_path, capsys):
    (tmp_path / "link.nii.gz").symlink_to("/nowhere/.git/annex/objects/x.nii.gz")
    assert cli.main(["detect", str(tmp_path / "link.nii.gz"), "-o", str(tmp_path / "out")]) == 2
    assert "git annex get" in " ".join(capsys.readouterr().err.split())


def test_a_text_that_mentions_an_annex_is_no_pointer_where_it_is_long(tmp_path):
    (tmp_path / "scan.nrrd").write_bytes(b"NRRD0004\n# from /annex/objects/\n" + b"x" * 2000)
    check_present(tmp_path / "scan.nrrd")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="platform: root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path):
    (tmp_path / "scan.nii").write_bytes(b"x" * 400)
    (tmp_path / "scan.nii").chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        check_present(tmp_path / "scan.nii")
