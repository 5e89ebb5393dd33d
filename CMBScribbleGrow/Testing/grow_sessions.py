"""Sessions of CMB Scribble Grow: with the head open, with one lesion grown."""

from __future__ import annotations

import pytest
from painted_scan import add_head, paint, spot

from CMBScribbleGrowLib.annotation.file import read_study
from CMBScribbleGrowLib.scene import (
    PAINT_SEGMENT,
    mask_id,
    segment_on_scan,
)
from CMBScribbleGrowLib.session import GrowSession
from CMBScribbleGrowLib.study.state import State


class AClock:
    """Seconds that pass when the test says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def a_head(a_scene):
    return add_head()


@pytest.fixture
def a_clock():
    return AClock()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "annotations"
    made.mkdir()
    return made


@pytest.fixture
def a_session(a_scene, a_clock):
    session = GrowSession(a_scene, clock=a_clock)
    yield session
    session.close()


@pytest.fixture
def opened(a_session, a_head, folder):
    """A session with the head open."""
    assert a_session.opening.open(a_head, reader="SI", folder=str(folder))
    return a_session


@pytest.fixture
def grown(opened, a_head):
    """A session with one lesion, of spot A."""
    paint(a_head, "A")
    assert opened.growing.grow()
    return opened


def mask_in_scene(session, lesion_id):
    study = session.study
    return segment_on_scan(study.nodes.masks, mask_id(lesion_id), study.grid).voxels


def painted_in_scene(session, segment=PAINT_SEGMENT):
    study = session.study
    return segment_on_scan(study.nodes.scribbles, segment, study.grid).voxels


def dice(voxels, name):
    true = spot(name)
    inside = true[tuple(voxels.T)].sum()
    return 2 * inside / (len(voxels) + true.sum())


def saved(session, folder, reader="SI"):
    """What is on the disk, whenever the clock was last polled."""
    files = list(folder.glob("*_annotation.json"))
    return read_study(files[0]).of(reader) if files else None


def pass_seconds(session, clock, seconds):
    for _ in range(round(seconds * 4)):
        clock.now += 0.25
        session.poll()


def failed(session, about):
    assert session.status.state is State.FAILED
    assert about in session.status.error.message
    assert session.status.error.hint
    return True
