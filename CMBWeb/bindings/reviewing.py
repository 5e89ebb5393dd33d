"""Detection and review in the page: progress, list, verdicts, threshold, counts; all of it a `ReviewSession`'s."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import slicer

from CMBScribbleGrowLib.growing.from_point import grower
from CMBScribbleGrowLib.study.linked_lesion import LinkedLesion
from CMBSegmentationLib.review import ReviewedLesion
from CMBSegmentationLib.review.kept_in import kept_in
from CMBSegmentationLib.review.review_file import ENDING
from CMBSegmentationLib.scene import ResultNodes
from CMBSegmentationLib.scene.review_nodes import read_kept_in
from CMBSegmentationLib.scene.volumes import file_of
from CMBSegmentationLib.session import Notice, ReviewParameters, ReviewSession, State, Status
from CMBSegmentationLib.vocabulary.operating_points import point_at
from CMBSegmentationLib.vocabulary.verdicts import BELOW

from ..files.kept_results import KeptResults
from ..server.names import without_folders
from ..state import names
from ..state.declared import ReviewState
from ..state.typed import live, on_change
from .edge import edge, unasked
from .lesion_rows import (
    ALL,
    DESCENDING_FIRST,
    FILTERS,
    LISTED,
    counts_shown,
    passes,
    region_order,
    region_shown,
    row_of,
    sort_rows,
)
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
        self._desk = desk
        self.state = live(desk.server.state, ReviewState)
        self.session = ReviewSession(desk.app.scene, runner=kept.runner, grower=grower)
        self._pointed = PointedOutline(desk.app.scene)
        session = self.session
        session.detection.status_changed.connect(self._show_status)
        session.review_changed.connect(self._show_review)
        session.current_changed.connect(self._show_current)
        session.reading.changed.connect(lambda before, after: self._show_reading(after))
        session.noticed.connect(self._show_notice)
        session.detection.results_changed.connect(self._show_results)
        session.deciding.question.changed.connect(self._show_question)
        desk.server.trigger("mark_to_merge")(self.mark_to_merge)
        state, name = desk.server.state, names.review
        on_change(state, self._take_filter, name.filter)
        on_change(state, self._take_filter, name.region_filter)
        on_change(state, self._show_rows, name.sort_by, name.sort_down)
        on_change(state, self._take_threshold, name.threshold)
        on_change(state, self._take_slab, name.slab_mm)
        on_change(state, self._take_outlines, name.outlines)
        on_change(state, self.close_question, names.page.panel)

    # the scan and its detection

    def take_scan(self, node: slicer.vtkMRMLScalarVolumeNode) -> None:
        """Work on another scan, its review saved in the session's own folder."""
        folder, reader = str(self._desk.kept.scan_folder()), self._desk.reader.state.reader
        self._desk.kept.name_files(kept_in(file_of(node), node.GetName(), folder, read_kept_in(node))[1], ENDING)
        self.session.reading.set(folder=folder, reader=reader, in_3d=True)
        self._begin_list()
        self.session.detection.set_parameters(scan_node_id=node.GetID())
        self._show_review()
        self._show_current(self.session.navigation.current)

    def _begin_list(self) -> None:
        state = self.state
        state.detect_message, state.detect_fraction, state.detect_notes, state.notice = "", 0, [], ""
        state.filter, state.region_filter, state.sort_by, state.sort_down = LISTED, "", "id", False

    def resume(self) -> None:
        """Show what was found before; where verdicts were given, go on at the next lesion without one.

        A lesion that is chosen already, as in a scene that was saved, is looked at: a verdict would be on it.
        """
        session = self.session
        session.reopen()
        if session.review is not None and session.review.review.fixed and session.navigation.current is None:
            session.navigation.advance(0)
        else:
            session.navigation.jump()

    def save(self) -> None:
        """Write what is unsaved now: another scan comes. Raises where that fails: the scene is about to forget it."""
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
        self._desk.refuse(error)

    def close(self) -> None:
        """End what runs, and save."""
        self.session.close()

    def name_reader(self, reader: str) -> None:
        """Write another name into the verdicts from now on."""
        self.session.reading.set(reader=reader)

    def _sign(self, action: Callable[[], object]) -> None:
        """Do what is to be signed once it is known by whom; where there is no list, say that, and ask nobody."""
        if self.session.review is None:
            action()  # is refused
        else:
            self._desk.reader.before(action)

    # reading

    @edge
    def step(self, step: int) -> None:
        """Go to the next or a former row of those that are shown."""
        ids = [row["id"] for row in self.state.rows]
        if not ids:
            return
        self.state.notice = ""  # it was about another lesion
        here = ids.index(self.state.current) if self.state.current in ids else (-1 if step > 0 else 0)
        self.session.navigation.select(ids[(here + step) % len(ids)])

    @edge
    def select(self, lesion_id: int) -> None:
        """Look at a lesion."""
        self.state.notice = ""  # it was about another
        self.session.navigation.select(lesion_id)

    @edge
    def decide(self, decision: str) -> None:
        """Give a verdict on the lesion that is looked at."""
        self._sign(lambda: self.session.deciding.decide(decision))

    @edge
    def ask(self) -> None:
        """Ask what the lesion is, which is to be rejected."""
        self._sign(self.session.deciding.ask)

    @edge
    def answer(self, mimic: str) -> None:
        """Reject the lesion that is asked about; empty leaves open what it is."""
        self.session.deciding.answer(mimic)

    def close_question(self) -> None:
        """Ask no more."""
        self.session.deciding.question.close()

    @edge
    def set_place(self, lesion_id: int, region: str | None, side: str | None) -> None:
        """Say where a lesion lies, the one that the page showed when it was said; None leaves what there is."""
        self.session.deciding.set_place(region, side, lesion_id=lesion_id)

    @edge
    def set_cause(self, lesion_id: int, cause: str) -> None:
        """Say what a lesion is suspected to come from, as `set_place`."""
        self._sign(lambda: self.session.deciding.set_cause(cause, lesion_id=lesion_id))

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
            self.state.sort_by = column
            self.state.sort_down = column in DESCENDING_FIRST

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
        """Add a lesion that was missed, grown from where the slices cross."""
        self._sign(self.session.editing.add_at)

    @edge
    def add_pointed(self, *, is_pointing: bool) -> None:
        """Add a lesion that was missed, grown from under the mouse where it is in a slice, else as `add_here`."""
        position = self._desk.views.under_mouse() if is_pointing else None
        self._sign(lambda: self.session.editing.add_at(position))

    @edge
    def add_grown(self, lesion: LinkedLesion) -> None:
        """Put a lesion that was grown from a scribble on the list, and tell of it; a group is none of its lesions."""
        self.state.notice = ""
        if self.session.review is not None and not lesion.grouped:
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
    def _take_filter(self) -> None:
        """List what is asked for; a lesion that is not among it is chosen no more."""
        current = self.session.navigation.current
        if current is not None and not self._is_asked_for(current):
            self.session.navigation.select(None)
        review, dropped = self.session.review, self.state.filter in (BELOW, ALL)
        if review is not None and review.show_dropped != dropped:
            self.session.listing.show_dropped(dropped)  # their points, too
        self._show_rows()

    @unasked
    def _take_threshold(self) -> None:
        threshold = self.state.threshold
        if self.session.review is not None and abs(threshold - (self.session.listing.threshold or 0.0)) > 1e-6:
            self.session.listing.set_threshold(float(threshold))

    @unasked
    def _take_slab(self) -> None:
        self.session.reading.set(slab_mm=float(self.state.slab_mm) or None)

    def _take_outlines(self) -> None:
        self._show_results(self.session.detection.results)

    # what the session says

    def _show_status(self, status: Status) -> None:
        self.state.detecting = status.state is State.RUNNING
        self.state.detect_fraction = round(100 * status.fraction)
        self.state.detect_message = without_folders(status.message)
        self.state.detect_notes = [without_folders(note) for note in status.notes]
        self._show_search_notes()
        if not self.state.detecting:
            self._desk.detection_is_over()
        if status.error is not None:
            self._desk.tell_error(status.error)

    def _show_search_notes(self) -> None:
        """Say how a scan was searched whose results were found here."""
        review = self.session.review
        if review is not None and not self.state.detect_notes:
            self.state.detect_notes = [without_folders(note) for note in review.stored.notes]

    def _show_results(self, results: ResultNodes | None) -> None:
        if results is None:
            return
        points, segments = results.points.GetDisplayNode(), results.segmentation.GetDisplayNode()
        if points is not None:
            points.SetVisibility2D(False)  # a dot would cover the very lesion that is to be judged
        if segments is not None:
            segments.SetVisibility2D(self.state.outlines)
        self._pointed.set_visible(self.state.outlines)

    def _show_notice(self, notice: Notice) -> None:
        if notice.error is not None:
            self._desk.tell_error(notice.error)
        else:
            self.state.notice = without_folders(notice.message)

    def _show_reading(self, reading: ReviewParameters) -> None:
        self.state.slab_mm = reading.slab_mm or 0

    def _show_question(self, is_open: bool) -> None:
        self.state.asking = is_open

    def _show_review(self) -> None:
        session = self.session
        review = session.review
        counts, points = session.listing.counts, session.listing.operating_points
        if review is not None and not self.state.searched:
            self._desk.views.frame_head()
        state = self.state
        state.searched = review is not None
        state.points = points
        state.operating_point = point_at(points, session.listing.threshold)
        state.counts = counts_shown(counts)
        state.counts_text = session.listing.text if review is not None else ""
        state.can_undo, state.can_redo = session.deciding.can_undo, session.deciding.can_redo
        if session.listing.threshold is not None:
            state.threshold = session.listing.threshold
        self._show_search_notes()
        self._show_rows()

    def _show_rows(self) -> None:
        """Show what is asked for, and the lesion that a verdict would be given on."""
        review, current = self.session.review, self.session.navigation.current
        lesions = review.lesions if review is not None else ()
        rows = [row_of(one) for one in lesions if one is current or self._is_asked_for(one)]
        sort_rows(rows, self.state.sort_by, down=self.state.sort_down)
        self.state.rows = rows
        there = [one for one in lesions if self._is_there(one)]
        self.state.filter_counts = {one: sum(passes(lesion, one) for lesion in there) for one in FILTERS}
        regions = {region_shown(one) for one in lesions} | {self.state.region_filter} - {""}
        self.state.regions_found = sorted(regions, key=region_order)
        shown = {row["id"] for row in rows}
        self.state.merging = [one for one in self.state.merging if one in shown]
        self.state.has_substances = any(row["phase"] for row in rows)
        self.session.navigation.set_order([row["id"] for row in rows])

    def _is_asked_for(self, one: ReviewedLesion) -> bool:
        return passes(one, self.state.filter) and self._is_there(one)

    def _is_there(self, one: ReviewedLesion) -> bool:
        return self.state.region_filter in ("", region_shown(one))

    def _show_current(self, lesion: ReviewedLesion | None) -> None:
        self._show_rows()
        self.state.current = lesion.id if lesion is not None else None
        self.state.chosen = row_of(lesion) if lesion is not None else {}
        self._pointed.show(lesion, self._desk.node)
        self._pointed.set_visible(self.state.outlines)
        if lesion is not None:
            self._desk.views.mark((lesion.lesion.r_mm, lesion.lesion.a_mm, lesion.lesion.s_mm))
