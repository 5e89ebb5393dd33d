"""A detection session with a worker that the test plays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from oblique_scan import write_detection

from CMBSegmentationLib.session import DetectionSession


class AWorker:
    """Stands for a worker process: the test says what it says and when it ends."""

    def __init__(self):
        self.command, self.environment = [], {}
        self.unread, self.code, self.killed, self.log = [], None, False, ""

    def __call__(self, command, environment):
        self.command, self.environment = list(command), dict(environment)
        return self

    @property
    def scan(self):
        return Path(self.command[3])

    @property
    def out(self):
        return Path(self.command[self.command.index("-o") + 1])

    def says(self, line=None, **event):
        self.unread.append((json.dumps(event) if line is None else line) + "\n")

    def ends(self, code=0):
        self.code = code

    def finds_the_lesions(self, threshold=0.5):
        write_detection(self.scan, self.out, threshold)
        self.says(event="result", folder=str(self.out))
        self.ends(0)

    def lines(self):
        said, self.unread = self.unread, []
        return said

    def exit_code(self):
        return self.code

    def wait(self, seconds):
        pass

    def kill(self):
        self.killed = True


@pytest.fixture
def a_worker():
    return AWorker()


@pytest.fixture
def a_session(a_scene, a_worker):
    session = DetectionSession(a_scene, python="the-python", runner=a_worker)
    yield session
    session.close()


def nothing_is_left(worker):
    return worker.killed and not worker.scan.parent.exists()
