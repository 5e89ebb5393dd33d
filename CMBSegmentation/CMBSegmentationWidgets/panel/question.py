"""The question "What is it?" about a lesion that is rejected: a button and a key for each answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from CMBSegmentationLib.vocabulary.actions import mimic_action
from CMBSegmentationLib.vocabulary.verdicts import MIMICS

from .signals import Edge

if TYPE_CHECKING:
    from CMBSegmentationLib.session import ReviewSession


class QuestionPart:
    """Shows the question while it is open.

    Parameters
    ----------
    ui : object
        The panel's widgets by name.
    session : ReviewSession
    edge : Edge

    Attributes
    ----------
    actions, buttons : dict
        By the name of the action in `vocabulary.actions`: what to call, and the button that begins with its key.
    """

    def __init__(self, ui: Any, session: ReviewSession, edge: Edge) -> None:
        self.ui, self._edge = ui, edge
        tip = _("Reject as {answer}")
        answers = {mimic_action(n): (mimic, tip.format(answer=mimic), mimic) for n, mimic in enumerate(MIMICS, start=1)}
        answers["no_mimic"] = (_("not said"), _("Reject without saying what it is"), "")
        grid = qt.QGridLayout()
        ui.mimicPanel.layout().addLayout(grid)
        self.buttons: dict[str, Any] = {}
        self.actions: dict[str, Callable[[], object]] = {}
        for name, (text, says, mimic) in answers.items():
            self._add(grid, name, text, says, _answering(session, mimic))
        self._add(grid, "close_question", _("Back"), _("No verdict yet"), session.deciding.question.close)
        ui.mimicPanel.setVisible(False)
        session.deciding.question.changed.connect(lambda is_open: ui.mimicPanel.setVisible(is_open))

    def _add(self, grid: Any, name: str, text: str, tip: str, action: Callable[[], object]) -> None:
        button = qt.QPushButton(text)
        button.setToolTip(tip)
        button.connect("clicked()", self._edge.on(action))
        place = len(self.buttons)
        grid.addWidget(button, place // 2, place % 2)
        self.buttons[name], self.actions[name] = button, action


def _answering(session: ReviewSession, mimic: str) -> Callable[[], object]:
    """Make the answer; a lambda in the loop would give the last mimic for all."""
    return lambda: session.deciding.answer(mimic)
