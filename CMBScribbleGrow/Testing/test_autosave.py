"""Saving while one annotates: soon enough, once, and never over anything else."""

import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from annotated_study import full_study, microbleed, small_scan

from CMBScribbleGrowLib.annotation.edits import with_annotation, with_entry
from CMBScribbleGrowLib.annotation.file import StudyFiles, open_study, read_study, write_study
from CMBScribbleGrowLib.annotation.records import Annotation, Study
from CMBScribbleGrowLib.annotation.segments_file import Segment, read_segments
from CMBScribbleGrowLib.study.autosave import Autosave
from CMBSegmentationLib.errors import InputError, MachineError
from CMBSegmentationLib.files import atomic_file as safe_write
from CMBSegmentationLib.files.write_soon import LATEST_S

SCAN = "sub-01_swi.nii.gz"


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def files(tmp_path):
    return StudyFiles(tmp_path, "sub-01_swi")


@pytest.fixture
def saver(files, clock):
    def make(reader="SI"):
        study, _ = open_study(files, SCAN)
        return Autosave(files, study, reader, small_scan(), clock=clock)

    return make


def annotation(count, reader="SI"):
    return Annotation(reader=reader, microbleeds=tuple(microbleed(n + 1, reader) for n in range(count)))


def segment(name="CMB 1 scribble (SI)", reader="SI", voxel=(1, 2, 3)):
    return Segment(name, reader, np.array([voxel]))


def refusing(monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(safe_write.os, "replace", fail)


def test_many_changes_become_one_write_within_two_seconds_of_the_first(saver, files, clock):
    save = saver()
    written = []
    for tick in range(60):
        clock.now = 100 + tick * 0.1
        if tick < 30:
            save.changed(annotation(tick + 1))
        if save.poll():
            written.append((clock.now, len(read_study(files.annotation).of("SI").microbleeds)))
    assert 1 <= len(written) <= 4
    assert written[0][0] <= 100 + LATEST_S
    assert written[-1][1] == 30
    assert not save.dirty


def test_nothing_is_written_where_nothing_changed(saver, files, clock):
    save = saver()
    clock.now += 50
    assert not save.poll()
    save.flush()
    assert not files.annotation.exists()


def test_a_flush_writes_at_once_records_and_masks(saver, files):
    save = saver()
    save.changed(annotation(1), [segment()])
    save.flush()
    assert read_study(files.annotation).of("SI") == annotation(1)
    assert [s.name for s in read_segments(files.segments, small_scan())] == ["CMB 1 scribble (SI)"]
    save.changed(annotation(2))
    save.flush()
    assert len(read_segments(files.segments, small_scan())) == 1


def test_two_readers_at_the_same_time_keep_each_others_entries_and_masks(saver, files):
    first, second = saver("SI"), saver("AB")
    first.changed(annotation(1, "SI"), [segment()])
    second.changed(annotation(2, "AB"), [segment("CMB 1 scribble (AB)", "AB")])
    first.flush()
    second.flush()
    first.changed(annotation(3, "SI"), [segment(), segment("CMB 2 scribble (SI)")])
    first.flush()
    study = read_study(files.annotation)
    assert (len(study.of("SI").microbleeds), len(study.of("AB").microbleeds)) == (3, 2)
    assert len(read_segments(files.segments, small_scan())) == 3


def test_one_readers_second_window_does_not_lose_what_the_first_wrote(saver, files):
    first, second, notes = saver(), saver(), []
    second.noted.connect(notes.append)
    first.changed(annotation(2), [segment()])
    first.flush()
    second.changed(annotation(1), [segment(voxel=(2, 2, 2))])
    second.flush()
    (kept,) = files.folder.glob("*.other-*.json")
    assert len(read_study(kept).of("SI").microbleeds) == 2
    assert f"kept with its masks as {kept.name}" in notes[0]
    (masks,) = read_segments(kept.with_name(kept.name.replace(".json", ".seg.nrrd")), small_scan())
    assert masks.voxels.tolist() == [[1, 2, 3]]

    first.changed(annotation(3))  # the masks are as they were here, not as the other window has them
    first.flush()
    (there,) = read_segments(files.segments, small_scan())
    assert there.voxels.tolist() == [[1, 2, 3]]
    assert len(list(files.folder.glob("*.other-*.json"))) == len(list(files.folder.glob("*.other-*.seg.nrrd"))) == 2


def test_report_and_priority_known_beforehand_are_written_too(files, clock):
    study = Study(scan=SCAN, report="report.txt", priority="tumour")
    save = Autosave(files, study, "SI", small_scan(), clock=clock)
    save.changed(annotation(1))
    save.flush()
    assert read_study(files.annotation) == with_annotation(study, annotation(1))


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, MachineError), (errno.EACCES, InputError)])
def test_what_could_not_be_written_stays_unsaved_and_is_tried_again(saver, files, clock, monkeypatch, number, kind):
    write_study(files.annotation, full_study())
    before = files.annotation.read_bytes()
    save = saver()
    save.changed(annotation(5), [segment()])
    refusing(monkeypatch, number)
    clock.now += 2
    with pytest.raises(kind):
        save.poll()
    assert save.dirty
    assert not save.poll()  # not at every tick
    assert files.annotation.read_bytes() == before
    monkeypatch.undo()
    clock.now += 2
    assert save.poll()
    assert not save.dirty
    study = read_study(files.annotation)
    assert (len(study.of("SI").microbleeds), study.of("AB")) == (5, full_study().of("AB"))
    assert files.segments.exists()


def test_masks_that_cannot_be_written_do_not_keep_the_records_from_being_saved(saver, files):
    other = small_scan()
    other.SetSpacing((1, 1, 1))
    study, _ = open_study(files, SCAN)
    first = Autosave(files, study, "AB", other)
    first.changed(annotation(1, "AB"), [segment("CMB 1 scribble (AB)", "AB")])
    first.flush()
    save = saver()
    save.changed(annotation(2), [segment()])
    with pytest.raises(InputError, match="another grid"):
        save.flush()
    assert save.dirty
    assert len(read_study(files.annotation).of("SI").microbleeds) == 2


def test_a_file_damaged_meanwhile_is_set_aside_and_nothing_of_anyone_is_lost(saver, files):
    write_study(files.annotation, full_study())
    save, notes = saver(), []
    save.noted.connect(notes.append)
    files.annotation.write_bytes(b"{")
    files.segments.write_bytes(b"NRRD")
    save.changed(annotation(5), [segment()])
    save.flush()
    assert len(notes) == 2
    assert len(list(files.folder.glob("*.damaged-*"))) == 2
    study = read_study(files.annotation)
    assert (len(study.of("SI").microbleeds), study.of("AB")) == (5, full_study().of("AB"))
    assert len(read_segments(files.segments, small_scan())) == 1


def test_a_file_of_a_newer_schema_is_not_written_over(saver, files):
    save = saver()
    files.annotation.write_text('{"schema_version": 9}')
    save.changed(annotation(1))
    with pytest.raises(InputError, match="newer"):
        save.flush()
    assert save.dirty
    assert files.annotation.read_text() == '{"schema_version": 9}'


def test_the_state_at_hand_is_the_readers_latest_with_the_others(saver, files):
    write_study(files.annotation, full_study())
    save = saver()
    state = with_entry(full_study().of("SI"), microbleed(7))
    save.changed(state)
    assert save.study == with_annotation(full_study(), state)
    with pytest.raises(ValueError, match="AB"):
        save.changed(replace(full_study().of("AB")))


ANNOTATE_UNTIL_KILLED = """
import itertools, sys
sys.path[:0] = {paths!r}
from pathlib import Path
from annotated_study import microbleed, small_scan
from CMBScribbleGrowLib.annotation.records import Annotation, Study
from CMBScribbleGrowLib.annotation.edits import with_entry
from CMBScribbleGrowLib.annotation.file import StudyFiles
from CMBScribbleGrowLib.study.autosave import Autosave
from CMBScribbleGrowLib.annotation.segments_file import Segment
import numpy as np

now = 0.0  # seconds that pass in no time
annotation, masks = Annotation(reader="SI"), []
save = Autosave(StudyFiles(Path({folder!r}), "scan"), Study(scan="scan.nii"), "SI", small_scan(), clock=lambda: now)
for number in itertools.count(1):
    annotation = with_entry(annotation, microbleed(number))
    masks.append(Segment(f"CMB {{number}}", "SI", np.array([[number % 12, number % 20, number % 24]])))
    save.changed(annotation, masks)
    print(number, now, flush=True)
    sys.stdin.readline()  # the word to go on: the test knows how far it is
    for _ in range(2):
        save.poll()
        now += 0.05
"""


def test_a_killed_process_loses_nothing_older_than_two_seconds(tmp_path):
    here = Path(__file__).resolve()
    paths = [str(here.parent), str(here.parents[1]), str(here.parents[2] / "CMBSegmentation")]
    script = ANNOTATE_UNTIL_KILLED.format(paths=paths, folder=str(tmp_path))
    files, entered = StudyFiles(tmp_path, "scan"), {}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script], text=True, bufsize=1, **pipes) as process:
        for line in process.stdout:
            number, now = int(line.split()[0]), float(line.split()[1])
            entered[number] = now
            old = {one for one, moment in entered.items() if now - moment > LATEST_S}
            assert old <= kept_in(files)  # whenever it is killed
            if now > 4.35:
                break
            process.stdin.write("\n")
        process.kill()
    assert process.returncode == -signal.SIGKILL  # it had not ended by itself
    assert len(old) >= 10
    study, notes = open_study(files, "scan.nii")
    assert notes == ()
    kept = {cmb.id for cmb in study.of("SI").microbleeds}
    assert old <= kept
    masks = {segment.name for segment in read_segments(files.segments, small_scan())}
    assert {f"CMB {number}" for number in kept} <= masks


def kept_in(files):
    return {cmb.id for cmb in read_study(files.annotation).of("SI").microbleeds} if files.annotation.exists() else set()


@pytest.mark.skipif(sys.platform == "win32", reason="platform: folders are not locked on Windows")
def test_a_process_that_never_lets_go_of_the_folder_does_not_stop_the_saving(tmp_path, monkeypatch):
    import fcntl

    monkeypatch.setattr(safe_write, "LOCK_WAIT_S", 0.05)
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    before = time.monotonic()
    try:
        with safe_write.folder_lock(tmp_path):
            waited = time.monotonic() - before  # without the wait's end this is never reached
    finally:
        os.close(handle)
    assert waited >= 0.05  # it asked for the lock, and went on without


def test_other_readers_masks_are_read_again_only_where_somebody_wrote(saver, files, clock, monkeypatch):
    mine, theirs = saver("SI"), saver("TW")
    theirs.changed(annotation(1, "TW"), [segment("CMB 1 scribble (TW)", "TW")])
    theirs.flush()
    reads = []
    monkeypatch.setattr(
        "CMBScribbleGrowLib.study.autosave.read_segments", lambda *given: reads.append(1) or read_segments(*given)
    )
    for count in range(1, 4):
        mine.changed(annotation(count), [segment(voxel=(1, 2, count))])
        mine.flush()
    assert len(reads) == 1
    theirs.changed(annotation(1, "TW"), [segment("CMB 1 scribble (TW)", "TW", voxel=(3, 3, 3))])
    theirs.flush()
    mine.changed(annotation(4), [segment(voxel=(1, 2, 5))])
    mine.flush()
    assert len(reads) == 3  # one by each of them
    found = {one.reader: one.voxels.tolist() for one in read_segments(files.segments, small_scan())}
    assert found == {"SI": [[1, 2, 5]], "TW": [[3, 3, 3]]}


@pytest.mark.parametrize(("took", "wait"), [(0.0, 1.0), (0.4, 0.9), (0.8, 0.3), (3.0, 0.0)])
def test_the_longer_a_write_takes_the_sooner_the_next_begins(saver, clock, monkeypatch, took, wait):
    save = saver()

    def slow(*given):
        clock.now += took
        write_study(*given)

    monkeypatch.setattr("CMBScribbleGrowLib.study.autosave.write_study", slow)
    save.changed(annotation(1))
    save.flush()
    entered = clock.now
    save.changed(annotation(2))
    clock.now = entered + wait - 0.01
    assert not save.poll()
    clock.now = entered + wait + 0.01
    assert save.poll()


@pytest.mark.soak
def test_two_seconds_hold_for_a_large_scan_with_many_masks(tmp_path):
    import SimpleITK as sitk

    scan = sitk.Image(512, 512, 192, sitk.sitkInt16)
    files = StudyFiles(tmp_path, "sub-01_swi")
    study, _ = open_study(files, SCAN)
    save = Autosave(files, study, "SI", scan, wait_s=0)
    ball = np.argwhere(np.linalg.norm(np.indices((9, 9, 9)) - 4, axis=0) <= 4) - 4
    centres = np.random.default_rng(1).integers([5, 5, 5], [186, 506, 506], (80, 3))
    centres[:2] = (5, 5, 5), (186, 506, 506)  # the box around them is all but the whole scan
    masks = [segment(f"CMB {n} grown (SI)") for n in range(80)]
    masks = [replace(one, voxels=centre + ball) for one, centre in zip(masks, centres, strict=True)]
    for changed in range(3):
        masks[changed] = replace(masks[changed], voxels=masks[changed].voxels[1:])
        save.changed(annotation(1), masks)
        before = time.monotonic()
        save.flush()
        assert time.monotonic() - before < 0.5  # and 1 s of waiting, and 0.5 s of a timer
