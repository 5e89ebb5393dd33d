"""The status page of `cmb node` with studies in every state, for the guide."""

from __future__ import annotations

import sys
from pathlib import Path

from waiting import wait_until

sys.path.append(str(Path(__file__).resolve().parents[1] / "CMBSegmentation" / "Testing"))  # the nodes of its tests
from nodes import Archive, Scene, pretended, settings_for, write_few

from CMBCommand.node.jobs import DONE, FAILED, RECEIVING, SEARCHING, SENDING
from CMBCommand.node.searching.study import Outcome, StudySearch

FOUND = (
    "Automated detection with research software, not confirmed by a reader: 3 cerebral microbleeds "
    "(3 smaller than 5 mm; 2 lobar, 1 deep)."
)
HALF = "Series 4 (SWI) has slices 1.50 to 9.00 mm apart: some are missing or double."
EQUAL = (
    "Two DICOM series are equally suitable: 5 (SWI) and 9 (SWI) (susceptibility-weighted by its description, TE 20 ms)."
)

HINTS = {
    HALF: "Export the whole series again.",
    EQUAL: "Search the right one by hand: cmb detect FOLDER --series NUMBER --dicom.",
}


def with_studies(folder: Path) -> tuple[Scene, Archive]:
    """Have a node whose studies are done, waiting for the archive, being searched, just received, and not searched."""
    answers: list[str] = []

    def search(job: StudySearch) -> Outcome:
        return Outcome(error=answers[-1], hint=HINTS[answers[-1]]) if answers else pretended(job, FOUND)

    archive = Archive()
    scene = Scene(settings_for(folder / "node", archive), archive, search)

    def sent(number: int, state: str, count: int = 1) -> None:
        scene.send(write_few(folder / f"study{number}", number, slices=(120, 96, 61, 144, 120, 96)[number - 1]))
        scene.complete(state, count)

    sent(1, DONE)
    sent(2, DONE, 2)
    answers.append(HALF)
    sent(3, FAILED)
    answers.append(EQUAL)
    sent(4, FAILED, 2)
    answers.clear()
    archive.stop()
    sent(5, SENDING)
    wait_until(lambda: scene.node.jobs.studies((SENDING,))[0].error)
    scene.searchers.may_begin.clear()
    sent(6, SEARCHING)
    scene.send(write_few(folder / "study7", 7, slices=33))
    wait_until(lambda: scene.has(RECEIVING))
    return scene, archive
