"""The panel's part for phase: a selector that is filled by itself, and the local phase in place of the scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from CMBSegmentationLib.session import ReviewParameters, ReviewSession


class PhasePart:
    """Fills the selector, and binds the box and key that show the local phase.

    Parameters
    ----------
    ui : object
        The panel's widgets by name.
    session : ReviewSession

    Attributes
    ----------
    actions, tooltips : dict
        By the name of the action in `vocabulary.actions`: what to call, and whose tooltip names the key.
    """

    def __init__(self, ui: Any, session: ReviewSession) -> None:
        self._box, self._session = ui.fieldCheck, session
        self._filled_for: str | None = None  # ID of the scan whose phase was looked for last
        self._filled = False
        self._box.connect("toggled(bool)", self._on_toggled)
        session.reading_changed.connect(self.show)
        session.review_changed.connect(self._update)
        self.actions: dict[str, Callable[[], object]] = {"field": self._toggle}
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
        from CMBSegmentationLib.scene import phase_of

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
        was_blocked = self._box.blockSignals(True)
        self._box.setChecked(reading.field)
        self._box.blockSignals(was_blocked)

    def _toggle(self) -> None:
        self._session.set_reading(field=not self._session.reading.field)
        self.show(self._session.reading)

    def _on_toggled(self, checked: bool) -> None:
        self._session.set_reading(field=bool(checked))
        self.show(self._session.reading)

    def _update(self) -> None:
        results = self._session.results
        self._box.setEnabled(results is not None and results.field is not None)
