"""A session that reviews a scan with three lesions and one below the threshold."""

from __future__ import annotations

import pytest

from CMBScribbleGrowLib.growing.from_point import grower
from CMBSegmentationLib.scene import load_results
from CMBSegmentationLib.session import ReviewSession


class AClock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def a_clock():
    return AClock()


@pytest.fixture
def a_session(a_scene, a_scan, a_result_folder, a_clock, tmp_path):
    load_results(a_result_folder, a_scan)
    session = ReviewSession(a_scene, clock=a_clock, grower=grower)
    session.said = []
    session.noticed.connect(session.said.append)
    session.reading.set(reader="SI", folder=str(tmp_path))
    session.detection.set_parameters(scan_node_id=a_scan.GetID())
    yield session
    session.close()


def states(session):
    return {one.id: one.state for one in session.review.lesions}


def last(session):
    return session.said[-1]
