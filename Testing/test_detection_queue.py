"""Detections beyond the memory there is wait for their turn, and say how many are before them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from waiting import wait_until

from CMBSegmentationLib.worker.process import event_in
from CMBWeb.files.kept_results import KeptResults
from CMBWeb.files.session_folder import queue_folder
from CMBWeb.server import detection_queue
from CMBWeb.server.detection_queue import AT_ONCE, QueuedProcess, Ticket, searches_at_once

HOLDS = """
import sys
from pathlib import Path
from CMBWeb.server.detection_queue import Ticket
ticket = Ticket(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


class Worker:
    """Runs until it is told to end."""

    def __init__(self):
        self.code, self.killed, self.log = None, False, "its log"

    def lines(self):
        return ["it runs\n"]

    def exit_code(self):
        return self.code

    def kill(self):
        self.killed = True


def queued(folder, at_once=1):
    worker = Worker()
    return QueuedProcess(lambda: worker, folder, at_once), worker


def waits(process):
    """How many are before it, once it says so; None where it runs."""
    (line,) = process.lines()
    event = event_in(line)
    return None if event is None else int(event["message"].removeprefix("Waiting: ").removesuffix(" before you"))


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_so_many_run_and_the_others_move_up_in_their_order(tmp_path, at_once):
    pairs = [queued(tmp_path, at_once) for _ in range(5)]
    said = [waits(process) for process, _ in pairs]
    assert said == [None if place < at_once else place for place in range(5)]
    assert pairs[4][0].lines() == []  # it does not repeat itself
    pairs[0][1].code = 0
    assert pairs[0][0].exit_code() == 0  # it has ended: the next one's turn
    assert [waits(process) for process, _ in pairs[at_once:]] == [
        None if place < at_once else place for place in range(at_once - 1, 4)
    ]


def test_who_cancels_while_waiting_leaves_the_queue(tmp_path):
    (first, worker), (second, _), (third, _) = (queued(tmp_path) for _ in range(3))
    assert [waits(one) for one in (first, second, third)] == [None, 1, 2]
    second.kill()
    assert waits(third) == 1
    first.kill()
    assert worker.killed
    assert waits(third) is None
    assert second.exit_code() is None
    third.kill()
    assert not list(tmp_path.iterdir())


def test_another_server_of_the_same_user_is_waited_for_and_its_death_is_noticed(tmp_path):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    process, _ = queued(tmp_path)
    assert waits(process) == 1
    assert process.lines() == []
    other.kill()
    other.communicate()
    wait_until(lambda: process.lines() == ["it runs\n"])
    process.kill()


def test_a_worker_that_cannot_start_in_its_turn_is_an_error(tmp_path):
    def fails():
        raise FileNotFoundError(2, "No such file")

    holder = Ticket(tmp_path)
    process = QueuedProcess(fails, tmp_path, 1)
    assert waits(process) == 1
    holder.give_back()
    (line,) = process.lines()
    assert "could not be started (No such file)" in json.loads(line)["message"]
    assert process.exit_code() == 4
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("free_gb", "sessions", "at_once"), [(1, 6, 1), (4, 1, 1), (8, 6, 2), (23, 6, 10), (64, 20, 27)]
)
def test_how_many_search_at_once_goes_by_the_memory_there_is(monkeypatch, free_gb, sessions, at_once):
    monkeypatch.delenv(AT_ONCE, raising=False)
    monkeypatch.setattr(detection_queue, "free_bytes", lambda: free_gb << 30)
    assert searches_at_once(sessions) == at_once
    monkeypatch.setenv(AT_ONCE, "3")
    assert searches_at_once(sessions) == 3
    for nonsense in ("", "0", "-2", "many"):
        monkeypatch.setenv(AT_ONCE, nonsense)
        assert searches_at_once(sessions) == at_once


def test_this_machine_has_some_memory():
    assert 1 << 26 < detection_queue.free_bytes() < 1 << 50


def test_the_pages_workers_queue(tmp_path, monkeypatch):
    monkeypatch.setenv(AT_ONCE, "1")
    session = tmp_path / "web" / "key"
    kept = KeptResults(lambda: session, lambda: queue_folder(session))
    holder = Ticket(queue_folder(session))
    process = kept.runner([sys.executable, "-c", "print('searching', flush=True)"], {})
    assert waits(process) == 1
    holder.give_back()
    heard = []
    wait_until(lambda: heard.extend(process.lines()) or process.exit_code() is not None)
    assert heard + process.lines() == ["searching\n"]
    assert queue_folder(session).stat().st_mode & 0o077 == 0
