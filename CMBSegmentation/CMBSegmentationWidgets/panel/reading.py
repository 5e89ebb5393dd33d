"""The part of the panel that says who reads, and how the views show the scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..at_hand import allow
from ..reader_name import ReaderName
from .signals import Edge, unheard

if TYPE_CHECKING:
    from CMBSegmentationLib.session import ReviewParameters, ReviewSession

SLAB_MM = 10.0


class ReadingPart:
    """The reader's name, field of view, slab, filled lesions, 3D and overview.

    Parameters
    ----------
    ui : object
        The panel's widgets by name.
    session : ReviewSession
    edge : Edge

    Attributes
    ----------
    reader : ReaderName
    actions, tooltips : dict
        By the name of the action in `vocabulary.actions`: what to call, and whose tooltip names the key.
    """

    def __init__(self, ui: Any, session: ReviewSession, edge: Edge) -> None:
        self.ui, self._session, self._edge = ui, session, edge
        ui.fieldOfViewSpin.setValue(session.reading.parameters.field_of_view_mm)
        ui.slabSpin.setValue(SLAB_MM)
        self.reader = ReaderName(ui.readerEdit, lambda name: self._set(reader=name))
        ui.fieldOfViewSpin.connect("valueChanged(double)", lambda mm: self._set(field_of_view_mm=mm))
        ui.slabCheck.connect("toggled(bool)", self._on_slab)
        ui.slabSpin.connect("valueChanged(double)", self._on_slab)
        ui.fillCheck.connect("toggled(bool)", lambda checked: self._set(filled=bool(checked)))
        ui.threeDCheck.connect("toggled(bool)", lambda checked: self._set(in_3d=bool(checked)))
        ui.overviewCheck.connect("toggled(bool)", lambda checked: self._set(overview=bool(checked)))
        session.reading.changed.connect(lambda before, after: self.show(after))
        session.review_changed.connect(self.update_buttons)
        self.tooltips = {
            "slab": ui.slabCheck, "fill": ui.fillCheck, "in_3d": ui.threeDCheck, "overview": ui.overviewCheck,
        }  # fmt: skip
        self.actions: dict[str, Callable[[], object]] = {name: box.toggle for name, box in self.tooltips.items()}

    def show(self, reading: ReviewParameters) -> None:
        """Show how the reader reads, wherever it was chosen."""
        ui = self.ui
        with unheard(ui.fieldOfViewSpin, ui.slabCheck, ui.slabSpin, ui.fillCheck, ui.threeDCheck, ui.overviewCheck):
            ui.fieldOfViewSpin.setValue(reading.field_of_view_mm)
            ui.slabCheck.setChecked(reading.slab_mm is not None)
            ui.slabSpin.setValue(reading.slab_mm or ui.slabSpin.value)
            ui.fillCheck.setChecked(reading.filled)
            ui.threeDCheck.setChecked(reading.in_3d)
            ui.overviewCheck.setChecked(reading.overview)

    def update_buttons(self) -> None:
        """Allow what can be done now."""
        for widget in (self.ui.overviewCheck, self.ui.threeDCheck):
            allow(widget, self._session.review is not None, self.ui.lesionTable)

    def _set(self, **changes: Any) -> bool:
        """Read so from now on, if it is not refused; what is refused is taken out of the widgets again."""
        taken = self._edge.do(self._session.reading.set, **changes)
        if not taken:
            self.show(self._session.reading.parameters)
        return taken

    def _on_slab(self, value: Any = None) -> None:
        """Show slabs or slices."""
        self._set(slab_mm=self.ui.slabSpin.value if self.ui.slabCheck.checked else None)
