"""Detection and review in the page: progress, list, verdicts, threshold, counts; all of it a `ReviewSession`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer

from CMBScribbleGrowLib.growing.from_point import grower
from CMBScribbleGrowLib.study.linked_lesion import LinkedLesion
from CMBSegmentationLib.results.counts import UNKNOWN_REGION
from CMBSegmentationLib.review import ReviewedLesion
from CMBSegmentationLib.scene import ResultNodes
from CMBSegmentationLib.session import Notice, ReviewParameters, ReviewSession, State, Status
from CMBSegmentationLib.vocabulary.operating_points import point_at
from CMBSegmentationLib.vocabulary.verdicts import BELOW

from ..files.kept_results import KeptResults
from .edge import edge
from .lesion_rows import ALL, DESCENDING_FIRST, FILTERS, LISTED, counts_shown, passes, region_order, row_of, sort_rows
from .pointed_outline import PointedOutline

if TYPE_CHECKING:
    from ..page.page_session import PageSession


class Reviewing:
    """Binds a `ReviewSession` to the page.

    Parameters
    ----------
    desk : PageSession
    kept : KeptResults
        Keeps what the detector found, so that a review can be resumed without searching again.
    """

    def __init__(self, desk: PageSession, kept: KeptResults) -> None:
        self._desk, self.state = desk, desk.state
        self.session = ReviewSession(desk.app.scene, runner=kept.runner, grower=grower)
        self._pointed = PointedOutline(desk.app.scene)
        session = self.session
        session.detection.status_changed.connect(self._show_status)
        session.review_changed.connect(self._show_review)
        session.current_changed.connect(self._show_current)
        session.reading.changed.connect(lambda before, after: self._show_reading(after))
        session.noticed.connect(self._show_notice)
        session.detection.results_changed.connect(self._show_results)
        session.deciding.question.changed.connect(lambda is_open: self.state.update({"asking": is_open}))
        self.state.update(
            {
                "detecting": False,
                "detect_fraction": 0,
                "detect_message": "",
                "detect_notes": [],
                "searched": False,
                "has_substances": False,
                "rows": [],
                "filter": LISTED,
                "filter_counts": {},
                "region_filter": "",
                "regions_found": [],
                "sort_by": "id",
                "sort_down": False,
                "current": None,
                "asking": False,
                "chosen": {},
                "threshold": 0.3,
                "points": {},
                "operating_point": "",
                "counts": {},
                "counts_text": "",
                "can_undo": False,
                "can_redo": False,
                "merging": [],
                "slab_mm": 0,
                "in_3d": True,
                "filled": False,
                "outlines": True,
                "notice": "",
            }
        )
        desk.server.trigger("mark_to_merge")(self.mark_to_merge)
        self.state.change("filter")(self._take_filter)
        self.state.change("region_filter", "sort_by", "sort_down")(self._show_rows)
        self.state.change("threshold")(self._take_threshold)
        self.state.change("slab_mm", "in_3d", "filled")(self._take_looks)
        self.state.change("outlines")(self._take_outlines)
        self.state.change("panel")(self._leave_question)

    # the scan and its detection

    def take_scan(self, node: slicer.vtkMRMLScalarVolumeNode) -> None:
        """Work on another scan, its review saved in the session's own folder."""
        self.session.reading.set(
            folder=str(self._desk.review_folder()), reader=self.state.reader, in_3d=self.state.in_3d
        )
        self.session.detection.set_parameters(scan_node_id=node.GetID())
        self.state.update({"detect_message": "", "detect_fraction": 0, "detect_notes": [], "notice": ""})
        self.state.update({"filter": LISTED, "region_filter": "", "sort_by": "id", "sort_down": False})
        self._show_review()
        self._show_current(self.session.navigation.current)

    @edge
    def save(self) -> None:
        """Write what is unsaved now: another scan comes."""
        self.session.save()

    def leave(self) -> None:
        """Let go of the scan: it is about to be closed."""
        self._pointed.show(None, None)
        self.session.detection.set_parameters(scan_node_id=None)

    @edge
    def start(self) -> None:
        """Search the scan."""
        self._desk.phase.when_known(lambda: self.session.detection.start(self._desk.node))

    @edge
    def cancel(self) -> None:
        """End the search; what was found before stays."""
        self.session.detection.cancel()

    def poll(self) -> None:
        """Take in what the worker said, and save what is due."""
        self.session.poll()

    def refused(self, error: Exception) -> None:
        """Tell the reader why an action was refused."""
        self._desk.tell_error(error)

    def close(self) -> None:
        """End what runs, and save."""
        self.session.close()

    def name_reader(self, reader: str) -> None:
        """Write another name into the verdicts from now on."""
        self.session.reading.set(reader=reader)

    # reading

    @edge
    def step(self, step: int) -> None:
        """Go to the next or a former row of those that are shown."""
        ids = [row["id"] for row in self.state.rows]
        if not ids:
            return
        here = ids.index(self.state.current) if self.state.current in ids else (-1 if step > 0 else 0)
        self.session.navigation.select(ids[(here + step) % len(ids)])

    @edge
    def select(self, lesion_id: int) -> None:
        """Look at a lesion."""
        self.session.navigation.select(lesion_id)

    @edge
    def decide(self, decision: str) -> None:
        """Give a verdict on the lesion that is looked at."""
        self._desk.reader.before(lambda: self.session.deciding.decide(decision))

    @edge
    def ask(self) -> None:
        """Ask what the lesion is, which is to be rejected."""
        self._desk.reader.before(self.session.deciding.ask)

    @edge
    def answer(self, mimic: str) -> None:
        """Reject the lesion that is asked about; empty leaves open what it is."""
        self.session.deciding.answer(mimic)

    def close_question(self) -> None:
        """Ask no more."""
        self.session.deciding.question.close()

    @edge
    def set_place(self, region: str, side: str) -> None:
        """Say where the lesion lies."""
        self.session.deciding.set_place(region, side)

    @edge
    def undo(self) -> None:
        """Go back by one step."""
        self.session.deciding.undo()

    @edge
    def redo(self) -> None:
        """Go forward by one step."""
        self.session.deciding.redo()

    @edge
    def choose_point(self, name: str) -> None:
        """List at a named operating point."""
        self.session.listing.set_operating_point(name)

    def sort(self, column: str) -> None:
        """Sort by a column; once more, the other way round."""
        if self.state.sort_by == column:
            self.state.sort_down = not self.state.sort_down
        else:
            self.state.update({"sort_by": column, "sort_down": column in DESCENDING_FIRST})

    @edge
    def zoom(self) -> None:
        """Look at the lesion from near, or at the whole scan."""
        if self._desk.views.is_near(self.session.reading.parameters.field_of_view_mm):
            self._desk.views.fit()
        else:
            self.session.navigation.jump()

    # changing lesions

    @edge
    def add_here(self) -> None:
        """Add a lesion that was missed, grown from the middle of the views."""
        self._desk.reader.before(self.session.editing.add_at)

    @edge
    def add_grown(self, lesion: LinkedLesion) -> None:
        """Put a lesion that was grown from a scribble on the list."""
        if self.session.review is not None:
            self.session.editing.add_voxels(lesion.mask, number=lesion.id)

    @edge
    def delete(self) -> None:
        """Take the lesion off the list."""
        self.session.editing.delete()

    @edge
    def split(self) -> None:
        """Part the lesion."""
        self.session.editing.split()

    def mark_to_merge(self, lesion_id: int) -> None:
        """Mark a lesion, or not, as one of those to be made one."""
        marked = [one for one in self.state.merging if one != lesion_id]
        self.state.merging = marked if lesion_id in self.state.merging else [*marked, lesion_id]

    @edge
    def merge(self) -> None:
        """Make one of the marked lesions."""
        self.session.editing.merge(self.state.merging)
        self.state.merging = []

    # what the page says

    @edge
    def _take_filter(self, filter: str, **_: Any) -> None:
        review, dropped = self.session.review, filter in (BELOW, ALL)
        if review is not None and review.show_dropped != dropped:
            self.session.listing.show_dropped(dropped)  # their points, too
        self._show_rows()

    @edge
    def _take_threshold(self, threshold: float, **_: Any) -> None:
        if self.session.review is not None and abs(threshold - (self.session.listing.threshold or 0.0)) > 1e-6:
            self.session.listing.set_threshold(float(threshold))

    @edge
    def _take_looks(self, slab_mm: float, in_3d: bool, filled: bool, **_: Any) -> None:
        self.session.reading.set(slab_mm=float(slab_mm) or None, in_3d=in_3d, filled=filled)

    def _leave_question(self, **_: Any) -> None:
        self.session.deciding.question.close()

    def _take_outlines(self, **_: Any) -> None:
        self._show_results(self.session.detection.results)

    # what the session says

    def _show_status(self, status: Status) -> None:
        self.state.update(
            {
                "detecting": status.state is State.RUNNING,
                "detect_fraction": round(100 * status.fraction),
                "detect_message": status.message,
                "detect_notes": list(status.notes),
            }
        )
        if status.error is not None:
            self._desk.tell_error(status.error)

    def _show_results(self, results: ResultNodes | None) -> None:
        if results is None:
            return
        points, segments = results.points.GetDisplayNode(), results.segmentation.GetDisplayNode()
        if points is not None:
            points.SetVisibility2D(False)  # a dot would cover the very lesion that is to be judged
        if segments is not None:
            segments.SetVisibility2D(bool(self.state.outlines))
        self._pointed.set_visible(bool(self.state.outlines))

    def _show_notice(self, notice: Notice) -> None:
        if notice.error is not None:
            self._desk.tell_error(notice.error)
        else:
            self.state.notice = notice.message

    def _show_reading(self, reading: ReviewParameters) -> None:
        self.state.update({"slab_mm": reading.slab_mm or 0, "in_3d": reading.in_3d, "filled": reading.filled})

    def _show_review(self) -> None:
        session = self.session
        review = session.review
        counts, points = session.listing.counts, session.listing.operating_points
        every = review.lesions if review is not None else ()
        if review is not None and not self.state.searched:
            self._desk.views.frame_head()
        self.state.update(
            {
                "searched": review is not None,
                "points": points,
                "operating_point": point_at(points, session.listing.threshold),
                "counts": counts_shown(counts),
                "counts_text": session.listing.text if review is not None else "",
                "can_undo": session.deciding.can_undo,
                "can_redo": session.deciding.can_redo,
                "filter_counts": {one: sum(passes(lesion, one) for lesion in every) for one in FILTERS},
                "regions_found": sorted({lesion.lesion.region or UNKNOWN_REGION for lesion in every}, key=region_order),
                "merging": [one for one in self.state.merging if review is not None and review.find(one)],
            }
        )
        if session.listing.threshold is not None:
            self.state.threshold = session.listing.threshold
        self._show_rows()

    def _show_rows(self, **_: Any) -> None:
        review = self.session.review
        wanted, region = self.state.filter, self.state.region_filter
        rows = [
            row_of(one)
            for one in (review.lesions if review is not None else ())
            if passes(one, wanted) and (not region or (one.lesion.region or UNKNOWN_REGION) == region)
        ]
        sort_rows(rows, self.state.sort_by, down=bool(self.state.sort_down))
        self.state.rows = rows
        self.state.has_substances = any(row["phase"] for row in rows)
        self.session.navigation.set_order([row["id"] for row in rows])

    def _show_current(self, lesion: ReviewedLesion | None) -> None:
        self.state.current = lesion.id if lesion is not None else None
        self.state.chosen = row_of(lesion) if lesion is not None else {}
        self._pointed.show(lesion, self._desk.node)
        self._pointed.set_visible(bool(self.state.outlines))
        if lesion is not None:
            self._desk.views.mark((lesion.lesion.r_mm, lesion.lesion.a_mm, lesion.lesion.s_mm))
