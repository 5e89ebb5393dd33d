"""The part of the panel with the list of lesions, the threshold and the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from CMBSegmentationLib.vocabulary.regions import ASSIGNABLE, SIDES

from ..at_hand import allow
from ..count_table import CountTable
from ..lesion_table import LesionTable
from ..reader_name import ReaderName
from .messages import Messages
from .placing import Placing, position_under_mouse
from .signals import unheard
from .words import describe, summary_line

if TYPE_CHECKING:
    from CMBSegmentationLib.review import ReviewedLesion
    from CMBSegmentationLib.session import ReviewSession


class ReviewPart:
    """Lists the lesions, and has the session decide on them.

    Parameters
    ----------
    ui : object
        The panel's widgets by name.
    session : ReviewSession
    messages : Messages
    reader : ReaderName
        Asked for before a verdict.

    Attributes
    ----------
    actions, tooltips : dict
        By the name of the action in `vocabulary.actions`: what to call, and whose tooltip names the key.
    next_point : str
        Operating point of the next scan that is searched: as the reader chose last, or as the scene remembers.
    """

    def __init__(self, ui: Any, session: ReviewSession, messages: Messages, reader: ReaderName) -> None:
        self.ui, self._session, self._messages, self._reader = ui, session, messages, reader
        self._edge = edge = messages.edge
        self._placing = Placing(self._on_given_up)
        self.next_point: str = ui.operatingPointSelector.currentText
        self._shown: int | None = None
        deciding, editing, navigation = session.deciding, session.editing, session.navigation
        ui.sideSelector.addItems(["", *SIDES])
        ui.regionSelector.addItems(["", *ASSIGNABLE])
        self._table = LesionTable(
            ui.lesionTable, lambda number: edge.do(navigation.select, number), navigation.set_order
        )
        self._counts = CountTable(ui.countTable, ui.countLabel)
        self._connect()
        buttons = {
            "accept": (ui.acceptButton, self._signed(lambda: deciding.decide("accepted"))),
            "uncertain": (ui.uncertainButton, self._signed(lambda: deciding.decide("uncertain"))),
            "reject": (ui.rejectButton, self._signed(deciding.ask)),
            "previous": (ui.previousButton, navigation.previous),
            "next": (ui.nextButton, navigation.next), "undo": (ui.undoButton, deciding.undo),
            "redo": (ui.redoButton, deciding.redo), "delete": (ui.deleteButton, editing.delete),
            "merge": (ui.mergeButton, self.merge), "split": (ui.splitButton, editing.split),
        }  # fmt: skip
        for button, action in buttons.values():
            button.connect("clicked()", edge.on(action))
        self.actions: dict[str, Callable[[], object]] = {name: action for name, (button, action) in buttons.items()}
        self.actions |= {"add": self._signed(self.add_under_mouse), "dropped": ui.droppedCheck.toggle}
        self.tooltips = {name: button for name, (button, action) in buttons.items()}
        self.tooltips |= {"add": ui.addButton, "dropped": ui.droppedCheck}

    def _signed(self, action: Callable[[], object]) -> Callable[[], object]:
        """Have an action ask who reads first, where that is not known and there is a list to decide on."""

        def act() -> object:
            if self._session.review is not None:
                self._reader.need()
            return action()

        return act

    def merge(self) -> None:
        """Make one lesion of the chosen rows."""
        self._session.editing.merge(self._table.chosen())

    def add_under_mouse(self) -> None:
        """Add the lesion under the mouse, or in the middle of the slice views."""
        self._session.editing.add_at(position_under_mouse())

    def show(self) -> None:
        """Show the list and what it comes to."""
        ui, session = self.ui, self._session
        review = session.review
        current = session.navigation.current
        self._table.show(session.navigation.lesions, current.id if current else None)
        with unheard(ui.thresholdSlider, ui.droppedCheck):
            if review is not None:
                ui.thresholdSlider.setValue(session.listing.threshold)
                ui.droppedCheck.setChecked(review.show_dropped)
        self._show_operating_point()
        self._counts.show(session.listing.counts)
        ui.droppedCheck.setText(_("Show dropped candidates ({count})").format(count=session.listing.dropped))
        self.update_buttons()

    def show_current(self, lesion: ReviewedLesion | None) -> None:
        """Show which lesion the reader looks at."""
        ui, number = self.ui, lesion.id if lesion else None
        if number != self._shown:
            self._close_places()
        self._shown = number
        self._table.choose(number)
        ui.lesionLabel.setText(describe(lesion))
        ui.regionSelector.setCurrentIndex(max(0, ui.regionSelector.findText(lesion.lesion.region if lesion else "")))
        ui.sideSelector.setCurrentIndex(max(0, ui.sideSelector.findText(lesion.lesion.side if lesion else "")))
        self.update_buttons()

    def update_buttons(self) -> None:
        """Allow what can be done now, and say why a list is empty."""
        ui, session = self.ui, self._session
        ui.summaryLabel.setText(summary_line(session))
        current = session.navigation.current
        for widget in (
            ui.thresholdSlider, ui.droppedCheck, ui.addButton, ui.nextButton, ui.previousButton, ui.mergeButton,
        ):  # fmt: skip
            allow(widget, session.review is not None, ui.lesionTable)
        for widget in (ui.thresholdSliderLabel, ui.thresholdSlider):
            widget.setVisible(session.review is not None)  # else it shows what the scan is not listed at
        for widget in (
            ui.acceptButton, ui.rejectButton, ui.uncertainButton, ui.splitButton, ui.sideSelector, ui.regionSelector,
        ):  # fmt: skip
            allow(widget, current is not None, ui.lesionTable)
        allow(ui.deleteButton, current is not None and current.is_readers_alone, ui.lesionTable)
        allow(ui.undoButton, session.deciding.can_undo, ui.lesionTable)
        allow(ui.redoButton, session.deciding.can_redo, ui.lesionTable)

    def leave(self) -> None:
        """End what waits for an answer or a click: another module is shown."""
        self._session.deciding.question.close()
        self.ui.addButton.setChecked(False)

    def _connect(self) -> None:
        ui, session = self.ui, self._session
        ui.operatingPointSelector.connect("activated(int)", self._on_operating_point)  # by the user, never by `show`
        ui.thresholdSlider.connect("valueChanged(double)", self._on_threshold)
        ui.droppedCheck.connect(
            "toggled(bool)", lambda checked: self._do_or_show(session.listing.show_dropped, bool(checked))
        )
        ui.sideSelector.connect("activated(int)", self._on_place)
        ui.regionSelector.connect("activated(int)", self._on_place)
        ui.addButton.connect("toggled(bool)", self._on_add_toggled)
        session.detection.status_changed.connect(lambda status: self.update_buttons())
        session.review_changed.connect(self.show)
        session.current_changed.connect(self.show_current)

    def _on_operating_point(self, index: int = 0) -> None:
        """List at the named threshold; "custom" only says that the slider is elsewhere."""
        listing, name = self._session.listing, self.ui.operatingPointSelector.currentText
        if name == "custom" and listing.operating_point:
            self._show_operating_point()
            return
        former, self.next_point = self.next_point, name
        if not self._do_or_show(listing.set_operating_point, None if name == "custom" else name):
            self.next_point = former
            self._show_operating_point()

    def _show_operating_point(self) -> None:
        """Name the threshold at which the scan is listed, or will be once it is searched."""
        listing, selector = self._session.listing, self.ui.operatingPointSelector
        name = listing.operating_point or listing.searched_at or self.next_point
        selector.setCurrentIndex(selector.findText(name))

    def _on_threshold(self, threshold: float) -> None:
        """List anew while the slider moves."""
        if self._session.review is not None:
            self._do_or_show(self._session.listing.set_threshold, threshold)

    def _do_or_show(self, action: Callable[..., object], *args: Any) -> bool:
        """Do what a control asks for; where it is refused, have the controls show what is so all the same."""
        is_done = self._edge.do(action, *args)
        if not is_done:
            self.show()
        return is_done

    def _close_places(self) -> None:
        """Give the focus to the list: region and side were opened for another lesion than the one to be shown."""
        ui = self.ui
        selectors = (ui.regionSelector, ui.sideSelector)
        for selector in selectors:
            selector.hidePopup()
        if qt.QApplication.focusWidget() in selectors:
            ui.lesionTable.setFocus()

    def _on_place(self, index: int = 0) -> None:
        """Say where the current lesion lies; what is refused is taken out of the lists again."""
        session, ui = self._session, self.ui
        if not self._edge.do(session.deciding.set_place, ui.regionSelector.currentText, ui.sideSelector.currentText):
            self.show_current(session.navigation.current)

    def _on_add_toggled(self, is_on: bool) -> None:
        """Have the next click in a slice view add a lesion, or not."""
        if not is_on:
            if self._placing.stop():
                self._messages.tell("")
        elif self._edge.do(self._reader.need):
            self._placing.start(self._on_placed)
            self._messages.tell(_("Click the missed lesion in a slice view."))
        else:
            self.ui.addButton.setChecked(False)

    def _on_given_up(self) -> None:
        """Ask for no click any more: Slicer's mouse does something else now."""
        self.ui.addButton.setChecked(False)
        self._messages.tell("")

    def _on_placed(self, position: Sequence[float]) -> None:
        """Add the lesion that was clicked."""
        self.ui.addButton.setChecked(False)
        self._edge.do(self._session.editing.add_at, position)
