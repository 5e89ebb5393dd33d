"""The panel's part for phase: a selector that is filled by itself, and the local phase in place of the scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from CMBSegmentationLib.scene import phase_of

from ..at_hand import allow
from .signals import Edge, unheard

if TYPE_CHECKING:
    from CMBSegmentationLib.session import ReviewParameters, ReviewSession


class PhasePart:
    """Fills the selector, and binds the box and key that show the local phase.

    Parameters
    ----------
    ui : object
        The panel's widgets by name.
    session : ReviewSession
    edge : Edge

    Attributes
    ----------
    actions, tooltips : dict
        By the name of the action in `vocabulary.actions`: what to call, and whose tooltip names the key.
    """

    def __init__(self, ui: Any, session: ReviewSession, edge: Edge) -> None:
        self._box, self._list, self._session, self._edge = ui.fieldCheck, ui.lesionTable, session, edge
        self._filled_for: str | None = None  # ID of the scan whose phase was looked for last
        self._filled = False
        self._box.connect("toggled(bool)", self._on_toggled)
        session.reading.changed.connect(lambda before, after: self.show(after))
        session.review_changed.connect(self._update)
        self.actions: dict[str, Callable[[], object]] = {"field": self._box.toggle}
        self.tooltips = {"field": self._box}
        self._update()

    def fill(self, parameters: Any) -> tuple[str, ...]:
        """Choose the phase of a scan that was just chosen, or whose phase was loaded since; what a user chose stays.

        Parameters
        ----------
        parameters : CMBSegmentationParameterNode
            Its ``phase`` may change.

        Returns
        -------
        tuple of str
            Node IDs for `session.DetectionParameters.phase`.
        """
        scan = parameters.inputVolume
        number = scan.GetID() if scan is not None else None
        if number != self._filled_for or (not self._filled and parameters.phase is None):
            found = phase_of(scan)
            self._filled_for, self._filled = number, found is not None
            if found is not None or parameters.phase is not None:
                parameters.phase = found
        return (parameters.phase.GetID(),) if parameters.phase is not None else ()

    def show(self, reading: ReviewParameters) -> None:
        """Show whether the local phase is shown, wherever that was chosen."""
        with unheard(self._box):
            self._box.setChecked(reading.field)

    def _on_toggled(self, checked: bool) -> None:
        if not self._edge.do(self._session.reading.set, field=bool(checked)):
            self.show(self._session.reading.parameters)

    def _update(self) -> None:
        results = self._session.detection.results
        allow(self._box, results is not None and results.field is not None, self._list)
