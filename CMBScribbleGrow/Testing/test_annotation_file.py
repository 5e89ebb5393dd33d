"""A study on disk: what was written is read again, and what is wrong is neither used nor lost."""

import errno
import json
import os
import sys

import pytest
from annotated_study import full_study

from CMBScribbleGrowLib.annotation.file import (
    StudyFiles,
    make_folder,
    open_study,
    read_study,
    study_to_json,
    write_study,
)
from CMBScribbleGrowLib.annotation.records import Study
from CMBSegmentationLib.errors import InputError, MachineError
from CMBSegmentationLib.files import atomic_file as safe_write
from CMBSegmentationLib.files.atomic_file import DamagedFileError


@pytest.fixture
def files(tmp_path):
    return StudyFiles(tmp_path, "sub-01_swi")


def changed(files, **values):
    """The full study's file with some top-level values changed."""
    files.annotation.write_text(json.dumps({**study_to_json(full_study()), **values}))
    return files.annotation


def failing(number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    return fail


def test_what_is_written_is_read_again_entry_by_entry(files):
    write_study(files.annotation, full_study())
    assert read_study(files.annotation) == full_study()
    assert files.annotation.name == "sub-01_swi_desc-cmb_annotation.json"
    assert files.segments.name == "sub-01_swi_desc-cmb_annotation.seg.nrrd"


def test_the_file_says_what_it_is_without_this_program(files):
    write_study(files.annotation, full_study())
    text = files.annotation.read_text(encoding="utf-8")
    data = json.loads(text)
    assert (data["schema_version"], data["coordinates"], data["scan"]) == (2, "patient RAS, mm", "sub-01_swi.nii.gz")
    assert data["annotations"][0]["microbleeds"][0]["location"] == "cortex / grey-white junction"
    assert "größer" in text


def test_a_study_without_a_file_begins_empty(files):
    assert open_study(files, "sub-01_swi.nii.gz") == (Study(scan="sub-01_swi.nii.gz"), ())


@pytest.mark.parametrize(
    "content", [b"", b'{"schema_version": 1, "annot', b"\xff\xfe\x00", b"[]", b"null", b"[" * 99999]
)
def test_a_damaged_file_is_set_aside_with_its_content_and_its_reader_is_told(files, content):
    files.annotation.write_bytes(content)
    study, (note,) = open_study(files, "scan.nii")
    assert study == Study(scan="scan.nii")
    (aside,) = files.folder.glob("*.damaged-*.json")
    assert aside.read_bytes() == content
    assert aside.name in note
    assert not files.annotation.exists()


def test_files_damaged_in_the_same_second_are_all_kept(files):
    for content in (b"1", b"2", b"3"):
        files.annotation.write_bytes(content)
        open_study(files, "scan.nii")
    assert sorted(f.read_bytes() for f in files.folder.glob("*.damaged-*.json")) == [b"1", b"2", b"3"]


def test_a_file_of_a_newer_schema_is_refused_and_left_untouched(files):
    path = changed(files, schema_version=3)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"newer version .*schema 3") as refused:
        open_study(files, "scan.nii")
    assert not isinstance(refused.value, DamagedFileError)
    assert "Update" in refused.value.hint
    assert path.read_bytes() == before
    assert os.listdir(files.folder) == [path.name]


@pytest.mark.parametrize("version", [0, -3, None, "1", True])
def test_there_is_no_schema_before_the_first(files, version):
    with pytest.raises(DamagedFileError, match="schema_version"):
        read_study(changed(files, schema_version=version))


@pytest.mark.parametrize(
    ("where", "value", "told"),
    [
        (("annotations", 0, "microbleeds", 0, "location"), "pons", "annotations[0].microbleeds[0]: location is 'pons'"),
        (("annotations", 0, "microbleeds", 0, "growing", "mode"), "x", "growing: mode is 'x'"),
        (("annotations", 0, "microbleeds", 0, "colour"), "red", "unknown 'colour'"),
        (("annotations", 0, "microbleeds", 0, "growing"), 3, "growing is '3'"),
        (("annotations", 0, "microbleeds"), {}, "microbleeds in annotations[0]"),
        (("annotations", 0, "series", 0, "flags"), "blurry", "flags in annotations[0].series[0]"),
        (("annotations", 0, "series", 0, "flags"), [["blurry"]], "flags"),
        (("annotations", 0, "assessment"), [], "assessment is '[]'"),
        (("annotations", 1), None, "annotations[1] is 'None'"),
        (("annotations", 1, "reader"), "SI", "'AB' in an entry of 'SI'"),
        (("scan",), 7, "scan is '7'"),
    ],
)
def test_a_wrong_value_in_a_file_is_named_with_its_place(files, where, value, told):
    data = study_to_json(full_study())
    data = json.loads(json.dumps(data))
    place = data
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = value
    files.annotation.write_text(json.dumps(data))
    with pytest.raises(DamagedFileError) as refused:
        read_study(files.annotation)
    assert told in refused.value.message


def test_a_missing_field_is_named(files):
    data = json.loads(json.dumps(study_to_json(full_study())))
    del data["annotations"][0]["microbleeds"][0]["s_mm"]
    files.annotation.write_text(json.dumps(data))
    with pytest.raises(DamagedFileError, match="no 's_mm'"):
        read_study(files.annotation)


@pytest.mark.parametrize(
    ("number", "kind", "word"),
    [
        (errno.ENOSPC, MachineError, "full"),
        (errno.EACCES, InputError, "is not writable"),
        (errno.EROFS, InputError, "is not writable"),
        (errno.EIO, MachineError, "could not be saved"),
    ],
)
@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_disk_that_refuses_leaves_the_former_file_and_no_draft(files, monkeypatch, number, kind, word, step):
    write_study(files.annotation, full_study())
    before = files.annotation.read_bytes()
    monkeypatch.setattr(safe_write.os, step, failing(number))
    with pytest.raises(kind, match=word):
        write_study(files.annotation, Study(scan="other.nii"))
    monkeypatch.undo()
    assert files.annotation.read_bytes() == before
    assert os.listdir(files.folder) == [files.annotation.name]


def test_a_folder_that_is_gone_is_named(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        write_study(StudyFiles(tmp_path / "gone", "a").annotation, Study(scan="a.nii"))


FUTURE = 4_000_000_000  # seconds since 1970: in 2096


@pytest.mark.skipif(sys.platform == "win32", reason="platform: Windows has no such locks")
@pytest.mark.parametrize("time", [0, FUTURE])
def test_drafts_of_killed_processes_go_and_those_of_living_ones_stay_whatever_the_clock_says(files, time):
    import fcntl

    killed, alive = (files.folder / f".draft-{n}-{files.annotation.name}" for n in (1, 2))
    for draft in (killed, alive):
        draft.write_text("x")
        os.utime(draft, (time, time))
    with alive.open("r+") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        write_study(files.annotation, full_study())
        assert not killed.exists()
        assert alive.exists()


def test_a_draft_is_held_while_it_is_written(files):
    from CMBSegmentationLib.files.atomic_file import replacing

    with replacing(files.annotation) as outer:
        outer.write_text("first")
        os.utime(outer, (0, 0))
        second = files.annotation.with_name(f".draft-{os.getpid() + 1}-{files.annotation.name}")
        outer.rename(second)  # as if another process wrote it
        with replacing(files.annotation) as inner:
            inner.write_text("second")
        assert second.exists() is (sys.platform != "win32")
        second.rename(outer)
    assert files.annotation.read_text() == "first"


def test_a_file_where_the_folder_should_be_is_told(tmp_path):
    (tmp_path / "taken").write_text("notes")
    with pytest.raises(InputError, match="there is no folder"):
        make_folder(StudyFiles(tmp_path / "taken", "sub-01_swi"))
    assert (tmp_path / "taken").read_text() == "notes"
