"""What the panel tells: the line at the top, and the log of all such lines."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .signals import Edge

if TYPE_CHECKING:
    from CMBSegmentationLib.session import Notice, ReviewSession, Status

REQUESTER = "CMB Segmentation"
PROBLEM_STYLE = "color: #b3261e; font-weight: bold"


class PanelLog:
    """Writes each message once, with its time, into the panel and into Slicer's own log.

    Parameters
    ----------
    text : QPlainTextEdit
    """

    def __init__(self, text: Any) -> None:
        self._text, self._last = text, ""

    def write(self, message: str, *, is_problem: bool = False) -> None:
        """Write a message; the same one again, and an empty one, is left out."""
        if not message or message == self._last:
            return
        self._last = message
        self._text.appendPlainText(f"{datetime.now():%H:%M:%S}  {message}")
        logging.getLogger(REQUESTER).log(logging.WARNING if is_problem else logging.INFO, message)


class Messages:
    """Tells the user what the session says, and what the panel itself has to say.

    Parameters
    ----------
    ui : object
        The panel's widgets by name.
    session : ReviewSession

    Attributes
    ----------
    edge : Edge
        Through which the panel calls the session.
    unasked : Edge
        For what follows from a choice, or from a scene that was opened: nothing that was told goes away with it.
    """

    def __init__(self, ui: Any, session: ReviewSession) -> None:
        self.ui, self._session = ui, session
        self._log = PanelLog(ui.logText)
        self._told, self._is_of_action = 0, False  # how many lines, and whether the last one is of an action
        self._count_told = ""  # of the search whose end is told at present
        self._noticed: list[Notice] = []  # of the review that a search which has just ended goes on with
        self.edge, self.unasked = Edge(self.refuse, self._begin), Edge(self.refuse)
        session.detection.status_changed.connect(self.show_status)
        session.noticed.connect(self._on_noticed)
        session.review_changed.connect(self._recount)

    def tell(self, message: str, *, is_problem: bool = False, is_of_action: bool = False) -> None:
        """Write a line for the user; a problem stands out, and what is said of an action goes with the next one."""
        self._told, self._is_of_action, self._count_told = self._told + 1, is_of_action, ""
        self.ui.statusLabel.setText(message)
        if not self._session.detection.is_running or is_problem:  # how far a search is changes all the time
            self._log.write(message, is_problem=is_problem)
        self.ui.statusLabel.setStyleSheet(PROBLEM_STYLE if is_problem else "")

    def refuse(self, why: str) -> None:
        """Tell why something was refused."""
        self.tell(why, is_problem=True, is_of_action=True)

    def _begin(self) -> Callable[[], None]:
        """Give what takes the line of a former action away once the next one is done, if that has told nothing."""
        told = self._told

        def done() -> None:
            if told != self._told or not self._is_of_action:
                return
            if self._session.detection.is_running:
                self.show_status(self._session.detection.status)
            else:
                self.tell("")

        return done

    def show_status(self, status: Status) -> None:
        """Tell how far the detection is, or how it ended."""
        noticed, self._noticed = self._noticed, []
        lines = (status.message, *status.notes, *(one.message for one in noticed))
        self.tell("\n".join(lines).strip(), is_problem=any(one.error is not None for one in (status, *noticed)))
        self._count_told = status.message if status.state == "done" else ""

    def _recount(self) -> None:
        """Keep the count of a search that was told true while its threshold is moved."""
        if not self._count_told:
            return
        count = self._session.detection.recounted().message
        self.ui.statusLabel.setText(self.ui.statusLabel.text.replace(self._count_told, count, 1))
        self._count_told = count

    def _on_noticed(self, notice: Notice) -> None:
        of_action = notice.error is None and self.edge.is_acting
        detection = self._session.detection
        if detection.status.state == "running" and not detection.is_running:  # what it found is told next
            self._noticed.append(notice)
            return
        self.tell(notice.message, is_problem=notice.error is not None, is_of_action=of_action)
