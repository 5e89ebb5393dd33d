"""Locks of files and folders, with the system's own calls and with those of Windows."""

from __future__ import annotations

import errno
import os
import sys
import types

import pytest

from CMBSegmentationLib.files import atomic_file, lock
from CMBSegmentationLib.files.draft_folder import LOCK, drafts, remove_forgotten_drafts


@pytest.fixture(params=["own", "windows"])
def locks(request, monkeypatch):
    """The system's own locks, and Windows' on top of them."""
    if request.param == "windows":
        fcntl = pytest.importorskip("fcntl")

        def locking(handle, mode, count):
            assert (mode, count) == (2, 1)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PermissionError(errno.EACCES, "Permission denied") from None

        monkeypatch.setattr(lock, "WINDOWS", True)
        monkeypatch.setitem(sys.modules, "msvcrt", types.SimpleNamespace(locking=locking, LK_NBLCK=2))
    return request.param


def test_a_lock_is_held_by_one_and_free_once_it_is_closed(locks, tmp_path):
    handles = [os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(2)]
    assert [lock.locked(handle) for handle in handles] == [True, False]
    assert not lock.locked_within(handles[1], 0.03)
    os.close(handles[0])
    assert lock.locked_within(handles[1], 0.03)
    os.close(handles[1])


def test_a_folder_is_kept_from_others_and_free_afterwards(locks, tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_file, "LOCK_WAIT_S", 0.03)
    waited = []
    locked_within = lock.locked_within
    monkeypatch.setattr(lock, "locked_within", lambda *args: waited.append(locked_within(*args)))
    with atomic_file.folder_lock(tmp_path), atomic_file.folder_lock(tmp_path):
        pass
    with atomic_file.folder_lock(tmp_path):
        pass
    assert waited == [True, False, True]


def test_drafts_that_are_written_stay_and_forgotten_ones_go(locks, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with drafts(out) as draft:
        (draft / "half").write_text("")
        remove_forgotten_drafts(out)
        assert (draft / "half").exists()
    forgotten = tmp_path / ".out-forgotten"
    forgotten.mkdir()
    (forgotten / LOCK).write_text("")
    remove_forgotten_drafts(out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
