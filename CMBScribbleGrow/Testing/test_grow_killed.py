"""A program that is killed while one annotates loses nothing that is older than two seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from painted_scan import add_head

from CMBScribbleGrowLib.scene import PAINT_SEGMENT, segment_on_scan
from CMBScribbleGrowLib.session import GrowSession
from CMBScribbleGrowLib.study.state import State

SCRIPT = Path(__file__).with_name("annotating_process.py")


@pytest.mark.skipif(os.name != "posix", reason="platform: SIGKILL is POSIX's")
@pytest.mark.parametrize("moment", ["grown", "previewed", "answered", "painted", "found 3", "found 4"])
def test_what_is_two_seconds_old_is_there_after_kill_9(moment, a_scene, tmp_path):
    killed_after(moment, tmp_path)

    session = GrowSession(a_scene)
    session.opening.open(add_head(), reader="SI", folder=str(tmp_path))

    assert session.status.state is State.READY
    assert session.status.notes == ()  # nothing was damaged, nothing had to be set aside
    (record,) = session.annotation.microbleeds
    (lesion,) = session.lesions
    assert len(lesion.mask) > 0
    assert len(lesion.scribble) == 2
    if moment == "previewed":
        assert record.growing.tolerance_percent == 88.0
    if moment not in ("grown", "previewed"):
        assert record.location == "thalamus"
        assert session.annotation.mimics[0].type == "vessel"
    if moment.startswith(("painted", "found")):
        assert len(segment_on_scan(session.study.nodes.scribbles, PAINT_SEGMENT, session.study.grid).voxels) == 2
    if moment.startswith("found"):
        assert len(session.annotation.findings) >= int(moment.split()[1])
    session.close()


def killed_after(moment, folder):
    """Kill the process at once when it says that something is two seconds old; it works on until then."""
    path = os.pathsep.join(sys.path)
    command = [sys.executable, str(SCRIPT), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}) as child:
        for line in child.stdout:
            if line.strip() == moment:
                child.send_signal(signal.SIGKILL)
                break
    assert child.returncode == -signal.SIGKILL
