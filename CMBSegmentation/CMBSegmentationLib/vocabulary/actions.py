"""What a reader does with a key: each action once, with its name, its key and where it acts.

The page, the panels in 3D Slicer, the page's help and ``Docs/keys.md`` are all made from `ACTIONS`; which key an action
has after a reader has changed some is a matter of `vocabulary.keys`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .verdicts import MIMICS

READ, QUESTION, SCRIBBLE = "read", "question", "scribble"
PLACES = {
    READ: "Reviewing the list",
    QUESTION: "While “What is it?” is open",
    SCRIBBLE: "Scribbling",
}
"""Where a key acts: the page's tab or the panel of that name; the question belongs to reading and goes before it."""

BOTH = (READ, SCRIBBLE)
BOTH_SAID = "Reviewing and scribbling"
PAGE, DESKTOP = "page", "desktop"
FRONT_ENDS = (PAGE, DESKTOP)


@dataclass(frozen=True)
class Action:
    """One thing that a key does.

    Attributes
    ----------
    name : str
        By which a front end knows it.
    says : str
        What it does, for the reader.
    key : str
        The key that it has unless the reader has changed it, in Qt's words: ``A``, ``Ctrl+Z``, ``Del``.
    places : tuple of str
        Of `PLACES`.
    front_ends : tuple of str
        Of `FRONT_ENDS`; an action has the same key in each that has it.
    """

    name: str
    says: str
    key: str
    places: tuple[str, ...]
    front_ends: tuple[str, ...] = FRONT_ENDS


def mimic_action(number: int) -> str:
    """Name the action that answers the question with the mimic of that number, from 1."""
    return f"mimic_{number}"


ACTIONS = (
    Action("next", "next lesion", "N", (READ,)),
    Action("previous", "previous lesion", "P", (READ,)),
    Action("accept", "accept: a definite microbleed", "A", (READ,)),
    Action("uncertain", "uncertain: a possible microbleed", "U", (READ,)),
    Action("reject", "reject: asks “What is it?”", "R", (READ,)),
    Action("add", "add a missed lesion: under the mouse, or where the slices cross", "I", (READ,)),
    Action("merge", "merge the selected rows", "Ctrl+M", (READ,), (DESKTOP,)),
    Action("split", "split the lesion", "Ctrl+T", (READ,), (DESKTOP,)),
    Action("zoom", "zoom in on the lesion, or out again", "Z", (READ,), (PAGE,)),
    Action("field", "local phase in place of the scan, or the scan again", "V", (READ,)),
    Action("dropped", "show or hide dropped candidates", "D", (READ,), (DESKTOP,)),
    Action("slab", "minimum-intensity slab, or single slices", "S", (READ,), (DESKTOP,)),
    Action("fill", "lesions filled, or outlined", "L", (READ,), (DESKTOP,)),
    Action("in_3d", "brain and lesions in the 3D view", "X", (READ,), (DESKTOP,)),
    Action("overview", "probability projected through the whole head", "W", (READ,), (DESKTOP,)),
    Action("export", "export segmentation, list and report", "Ctrl+E", (READ,), (DESKTOP,)),
    Action("copy", "copy the summary", "Ctrl+Shift+C", (READ,), (DESKTOP,)),
    *(
        Action(mimic_action(number), f"reject as {mimic}", str(number), (QUESTION,))
        for number, mimic in enumerate(MIMICS, start=1)
    ),
    Action("no_mimic", "reject without saying what it is", "Return", (QUESTION,)),
    Action("close_question", "close the question, no verdict", "Esc", (QUESTION,)),
    Action("grow", "grow what is painted", "G", (SCRIBBLE,)),
    Action("accept_grown", "accept the grown lesion", "Return", (SCRIBBLE,)),
    Action("lower_tolerance", "lower the tolerance", "[", (SCRIBBLE,)),
    Action("raise_tolerance", "raise the tolerance", "]", (SCRIBBLE,)),
    Action("mark_mimic", "mark a mimic", "M", (SCRIBBLE,)),
    Action("mark_finding", "mark another finding", "O", (SCRIBBLE,)),
    Action("end_placing", "set no point after all", "Esc", (SCRIBBLE,), (PAGE,)),
    Action("previous_study", "previous study", "PgUp", (SCRIBBLE,), (DESKTOP,)),
    Action("next_study", "next study", "PgDown", (SCRIBBLE,), (DESKTOP,)),
    Action("finish_study", "mark the study as done and open the next", "Ctrl+D", (SCRIBBLE,), (DESKTOP,)),
    Action("brush", "brush; opens Scribble", "B", BOTH, (PAGE,)),
    Action("eraser", "eraser; opens Scribble", "E", BOTH, (PAGE,)),
    Action("undo", "undo", "Ctrl+Z", BOTH),
    Action("redo", "redo", "Ctrl+Y", BOTH),
    Action("delete", "delete the chosen lesion that you added or grew", "Del", BOTH),
    Action("crosshair", "show or hide the crosshair", "C", BOTH, (PAGE,)),
    Action("outlines", "show or hide outlines", "H", BOTH, (PAGE,)),
    Action("fit", "fit all views to the scan", "F", BOTH, (PAGE,)),
    Action("help", "open or close this help", "?", BOTH, (PAGE,)),
)
