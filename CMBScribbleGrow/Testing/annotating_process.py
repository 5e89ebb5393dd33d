"""A process that annotates through the session until it is killed; says on stdout what is two seconds old."""

from __future__ import annotations

import sys
from pathlib import Path

import slicer
from painted_scan import add_head, paint

from CMBScribbleGrowLib.session import GrowSession

MODES = ("parent", "seed-mean")


class Passing:
    """A clock of its own: two seconds pass in no time, with a poll every quarter second, as a timer would."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def annotate(folder: Path) -> None:
    """Paint, grow, preview, answer, place: one after the other, without end."""
    slicer.mrmlScene = slicer.vtkMRMLScene()
    clock = Passing()
    session = GrowSession(slicer.mrmlScene, clock=clock)

    def two_seconds_pass(said: str) -> None:
        for _ in range(8):
            clock.now += 0.25
            session.poll()
        print(said, flush=True)

    scan = add_head()
    session.opening.open(scan, reader="SI", folder=str(folder))
    paint(scan, "A")
    session.growing.grow()
    two_seconds_pass("grown")
    session.growing.preview(88.0)
    two_seconds_pass("previewed")
    session.answering.answer(session.annotation.microbleeds[0], location="thalamus")
    session.answering.add_mimic((1, 2, 3), type="vessel")
    two_seconds_pass("answered")
    paint(scan, "B")
    two_seconds_pass("painted")
    number = 0
    while True:
        number += 1
        session.answering.add_finding((number, 0, 0), text=f"finding {number}")
        session.growing.change(1, mode=MODES[number % 2])  # so that the masks are written, too
        two_seconds_pass(f"found {number}")


if __name__ == "__main__":
    annotate(Path(sys.argv[1]))
