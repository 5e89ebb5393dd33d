"""The phase of the page's scan: found beside all else once a scan is open, given to the search, shown by a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from CMBSegmentationLib.errors import CMBError
from CMBSegmentationLib.reading.apart import read_phases_apart
from CMBSegmentationLib.reading.phase.files import write_phase
from CMBSegmentationLib.scene import check_has_field
from CMBSegmentationLib.session import ReviewParameters
from CMBSegmentationLib.vocabulary.reasons import PHASE_NOT_USED

from ..state.declared import PhaseState
from ..state.typed import live
from .edge import edge

if TYPE_CHECKING:
    from CMBSegmentationLib.reading.phase.image import PhaseImage

    from ..page.page_session import PageSession
    from .scans import OpenedScan


class PhaseShown:
    """Binds the page's choice of a phase and its picture.

    Parameters
    ----------
    desk : PageSession
        Has its reviewing already.
    """

    def __init__(self, desk: PageSession) -> None:
        self._desk, self.state = desk, live(desk.server.state, PhaseState)
        self._found: tuple[PhaseImage, ...] = ()
        self._notes: tuple[str, ...] = ()
        self._finding: OpenedScan | None = None
        self._waiting: Callable[[], object] | None = None
        session = desk.reviewing.session
        session.reading.changed.connect(lambda before, after: self._show_reading(after))
        session.detection.results_changed.connect(self._show_results)

    def take_scan(self, scan: OpenedScan) -> None:
        """Look for the phase of a scan that was just opened, and use what is found."""
        self._found, self._notes, self._finding, self._waiting = (), (), scan, None
        self.state.phase_found = self.state.phase_used = ""
        self._desk.start(self._find(scan))

    @edge
    def toggle(self) -> None:
        """Show the local phase in place of the scan, or the scan again."""
        session = self._desk.reviewing.session
        reading = session.reading
        if not reading.parameters.field:
            notes = session.review.stored.notes if session.review is not None else ()
            found, used = bool(self.state.phase_found), bool(self.state.phase_used)
            check_has_field(session.detection.results, notes, phase_is_open=found, phase_is_chosen=used)
        reading.set(field=not reading.parameters.field)

    def refused(self, error: Exception) -> None:
        """Tell the reader why an action was refused."""
        self._desk.refuse(error)

    def when_known(self, begin: Callable[[], object]) -> None:
        """Give the session the phase that is to be used, and begin; once it is known what there is."""
        if self._finding is not None:
            self._waiting = begin
            return
        self._desk.reviewing.session.detection.set_parameters(phase=self._written() if self.state.phase_used else ())
        begin()

    async def _find(self, scan: OpenedScan) -> None:
        found: tuple[PhaseImage, ...] = ()
        notes: tuple[str, ...] = ()
        try:
            if scan.scan is not None:
                found, notes = await asyncio.to_thread(read_phases_apart, scan.scan)
        except CMBError as error:
            notes = (f"{PHASE_NOT_USED} {error}",)
        if self._desk.opened is not scan:
            return
        self._found, self._notes, self._finding = found, notes, None
        waiting, self._waiting = self._waiting, None
        name = found[-1].name if found else ""
        if len(found) > 1:
            name += f" and {len(found) - 1} more"
        with self._desk.server.state:
            self.state.phase_found = self.state.phase_used = name
            self._desk.state.scan_notes = [*self._desk.state.scan_notes, *notes]
            if waiting is not None:
                self.when_known(waiting)

    def _written(self) -> tuple[str, ...]:
        """Write the phase images for the worker, the last with what was said of them."""
        paths = []
        for number, one in enumerate(self._found, 1):
            path = self._desk.phase_folder() / f"phase_{number}.nrrd"
            write_phase(one, self._notes if one is self._found[-1] else (), path)
            paths.append(str(path))
        return tuple(paths)

    def _show_reading(self, reading: ReviewParameters) -> None:
        self.state.phase_shown = reading.field

    def _show_results(self, results: Any) -> None:
        self.state.phase_there = results is not None and results.field is not None
