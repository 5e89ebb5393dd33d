"""How a panel behaves under the mouse wheel and the Tab key: no value changes by scrolling, and the focus is seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import qt
import slicer

CHANGED_BY_THE_WHEEL = ("QComboBox", "QAbstractSpinBox", "QSlider")
RING_STYLE = "border: 3px solid #2e86ff; border-radius: 3px; background: transparent"  # 3.5 : 1 on white and on dark
RING_PX = 3
FOCUS_CHANGED = "focusChanged(QWidget*,QWidget*)"


class WheelGuard(qt.QObject):
    """Hands the wheel on to what scrolls the panel, unless the widget under it was chosen first.

    Parameters
    ----------
    panel : QWidget
        With all its widgets made.
    """

    def __init__(self, panel: Any) -> None:
        qt.QObject.__init__(self, panel)
        for widget in _below(panel):
            if any(widget.inherits(kind) for kind in CHANGED_BY_THE_WHEEL):
                widget.installEventFilter(self)
                widget.setFocusPolicy(qt.Qt.TabFocus if widget.inherits("QComboBox") else qt.Qt.StrongFocus)

    def eventFilter(self, widget: Any, event: Any) -> bool:
        """Keep the wheel from a widget without the focus."""
        if event.type() != qt.QEvent.Wheel or qt.QApplication.focusWidget() is widget:
            return False
        event.ignore()  # so that the panel scrolls
        return True


def _below(widget: Any) -> Iterator[Any]:
    """Give all widgets that a widget holds, also those that only C++ has named."""
    for child in widget.children():
        if child.isWidgetType():
            yield child
            yield from _below(child)


def allow(widget: Any, is_allowed: bool, instead: Any) -> None:
    """Have a widget be used or not.

    Parameters
    ----------
    widget : QWidget
    is_allowed : bool
    instead : QWidget
        Takes the focus from a widget that may no longer be used: else Qt gives it to whatever comes next, such as the
        heading of a section, and the next Space would press that.
    """
    if not is_allowed and qt.QApplication.focusWidget() is widget:
        instead.setFocus()
    widget.setEnabled(is_allowed)


class FocusRing(qt.QObject):
    """A frame around the panel's widget that has the focus.

    Parameters
    ----------
    panel : QWidget
    """

    def __init__(self, panel: Any) -> None:
        qt.QObject.__init__(self, panel)
        self.own_panel = panel
        self.own_framed: list[Any] = []  # the widget and what holds it, up to the panel
        self.own_frame = qt.QFrame(panel)
        self.own_frame.setStyleSheet(RING_STYLE)
        self.own_frame.setAttribute(qt.Qt.WA_TransparentForMouseEvents)
        self.own_frame.hide()
        slicer.app.connect(FOCUS_CHANGED, self.follow)

    def follow(self, former: Any = None, widget: Any = None) -> None:
        """Frame what has the focus now; nothing where that is outside the panel."""
        for one in self.own_framed:
            one.removeEventFilter(self)
        self.own_framed = []
        if widget is None or not self.own_panel.isAncestorOf(widget):
            self.own_frame.hide()
            return
        while widget is not self.own_panel:
            self.own_framed.append(widget)
            widget.installEventFilter(self)
            widget = widget.parentWidget()
        self.own_frame.show()
        self.own_frame.raise_()
        self._place()

    def eventFilter(self, widget: Any, event: Any) -> bool:
        """Move the frame with its widget."""
        if event.type() in (qt.QEvent.Move, qt.QEvent.Resize):
            self._place()
        return False

    def remove(self) -> None:
        """Follow no more: the panel is going away."""
        self.follow()
        slicer.app.disconnect(FOCUS_CHANGED, self.follow)

    def _place(self) -> None:
        widget = self.own_framed[0]
        rect = widget.rect() if callable(widget.rect) else widget.rect
        corner = widget.mapTo(self.own_panel, qt.QPoint(0, 0))
        rect.moveTo(corner)
        self.own_frame.setGeometry(rect.adjusted(-RING_PX, -RING_PX, RING_PX, RING_PX))
