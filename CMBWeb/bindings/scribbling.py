"""Scribbles in the page: brush and eraser, growing, the protocol's answers, landmarks; all of it a `GrowSession`'s."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import slicer
from trame_slicer.segmentation import SegmentationEffectErase, SegmentationEffectNoTool, SegmentationEffectPaint
from trame_slicer.segmentation.paint_effect_parameters import BrushDiameterMode

from CMBScribbleGrowLib.annotation.file import ANNOTATION_ENDING, SEGMENTS_ENDING, StudyFiles, read_study
from CMBScribbleGrowLib.annotation.records import Annotation
from CMBScribbleGrowLib.scene import PAINT_SEGMENT
from CMBScribbleGrowLib.scene.kept_study import read_kept
from CMBScribbleGrowLib.session import GrowSession
from CMBScribbleGrowLib.session.open_study import OpenStudy
from CMBScribbleGrowLib.study.linked_lesion import LinkedLesion
from CMBScribbleGrowLib.study.state import GrowParameters, State, Status
from CMBSegmentationLib.errors import CMBError, told
from CMBSegmentationLib.review.kept_in import Kept, kept_in
from CMBSegmentationLib.scene.volumes import file_of

from ..page.own_process import brain_found_elsewhere
from ..server.names import without_folders
from ..state import names
from ..state.declared import NO_TOOL, SCRIBBLE_PANEL, ScribbleState
from ..state.typed import live, on_change
from .annotation_shown import show_annotation, show_grown
from .edge import edge, unasked
from .growth_figure import growth_figure

if TYPE_CHECKING:
    from ..page.page_session import PageSession

PAINT, ERASE = "paint", "erase"
EFFECTS = {NO_TOOL: SegmentationEffectNoTool, PAINT: SegmentationEffectPaint, ERASE: SegmentationEffectErase}
TOLERANCE_STEP_PERCENT = 0.5


class Scribbling:
    """Binds a `GrowSession` to the page."""

    def __init__(self, desk: PageSession) -> None:
        self._desk = desk
        self.state = live(desk.server.state, ScribbleState)
        self.state.curve = growth_figure(None)
        self._editor = desk.app.segmentation_editor
        self.session = GrowSession(desk.app.scene)
        session = self.session
        session.parameters_changed.connect(self._show_parameters)
        session.status_changed.connect(self._show_status)
        session.annotation_changed.connect(self._show_annotation)
        session.list_changed.connect(self._show_grown)
        session.current_changed.connect(self._show_current)
        self._showing = self._preparing = self._grow_when_ready = False
        state, name = desk.server.state, names.scribble
        on_change(state, self.open_if_shown, names.page.panel)
        page = names.page
        on_change(
            state, self._put_down_behind, page.busy, page.help_shown, page.series_shown, names.reader.reader_asked
        )
        on_change(state, self._take_brush, name.brush, name.brush_mm)
        on_change(state, self._take_mode, name.grow_mode)
        on_change(state, self._take_tolerance, name.tolerance)
        on_change(state, self._take_grouped, name.grouped)

    # which study

    def open(self) -> bool:
        """Open the scan's annotation of the reader, where it is not open yet; who reads is asked for first."""
        reader, node = self._desk.reader.state.reader, self._desk.node
        if node is None:
            return False
        if not reader:
            self._desk.reader.before(self.open)
            return False
        chosen = self.session.parameters
        if self.session.study is None or chosen.reader != reader or chosen.scan_node_id != node.GetID():
            self._open_of(reader, node)
        self._desk.start(self.prepare())
        return True

    def _open_of(self, reader: str, node: slicer.vtkMRMLScalarVolumeNode) -> OpenStudy:
        folder = self._files(node).folder
        return self.session.opening.open(node, reader=reader, folder=str(folder))

    def _files(self, node: slicer.vtkMRMLScalarVolumeNode) -> StudyFiles:
        """Name the files in which the scan's annotation is kept; they may have had other names before."""
        folder = self._desk.kept.scan_folder()
        stem = kept_in(file_of(node), node.GetName(), str(folder), Kept(read_kept(node).stem))[1]
        self._desk.kept.name_files(stem, ANNOTATION_ENDING, SEGMENTS_ENDING)
        return StudyFiles(folder, stem)

    @unasked
    def open_kept(self) -> None:
        """Open what the reader who is named has annotated on the scan before, also where its panel is not shown.

        The list goes on following it, and a scene that is saved holds it. Where that reader has annotated nothing,
        nothing is opened.
        """
        reader, node = self._desk.reader.state.reader, self._desk.node
        if node is not None and reader and self.session.study is None and reader in self._readers_kept(node):
            self._open_of(reader, node)

    @contextmanager
    def to_take_home(self) -> Iterator[OpenStudy | None]:
        """Have what was annotated on the scan open, now or before, whoever did it: it is about to be exported.

        Nobody is asked who reads. Another reader's annotation is closed again; the scene and the disk have it then.
        """
        node, study = self._desk.node, self.session.study
        readers = self._readers_kept(node) if study is None and node is not None else ()
        if node is None or not readers:
            yield study
            return
        named = self._desk.reader.state.reader
        try:
            yield self._open_of(named if named in readers else readers[-1], node)
        finally:
            if self.session.parameters.reader != named:
                with suppress(CMBError):  # it stays open, and the page says that it is not saved
                    self.session.opening.close_study()
                    self.session.tell(Status())

    def _readers_kept(self, node: slicer.vtkMRMLScalarVolumeNode) -> tuple[str, ...]:
        """Name who has annotated the scan, by scene and disk: last, whose masks the scene has, or who came last."""
        files, in_scene = self._files(node), read_kept(node)
        readers = read_study(files.annotation).readers if files.annotation.exists() else ()
        there = in_scene.reader if in_scene.study is not None else ""
        if in_scene.study is None or in_scene.study.of(there).is_empty:
            return readers
        return (*(one for one in readers if one != there), there)

    @unasked
    def open_if_shown(self) -> None:
        """Open the annotation while its panel is shown: what was annotated before is there to see."""
        if self._desk.state.panel != SCRIBBLE_PANEL:
            self.end_placing()
            self.put_down_quietly()  # nobody would see what the mouse does
        elif self._desk.node is not None:
            self.open()

    def leave(self) -> None:
        """Save and close the annotation: another scan comes."""
        self.put_down()
        self.end_placing()
        if self.session.study is not None:
            self.session.opening.close_study()

    def show_verdicts(self) -> None:
        """Show what the list says of the grown lesions now."""
        if self.session.study is not None:
            self._show_annotation(self.session.annotation)

    def refused(self, error: Exception) -> None:
        """Tell the reader why an action was refused, and have the forms show what is recorded."""
        known = told(error)
        if not isinstance(error, (CMBError, MemoryError)):
            self._desk.refuse(error)
        self.session.refuse(str(known))
        self._show_annotation(self.session.annotation)

    def close(self) -> None:
        """Save: the process ends."""
        self.session.close()

    def poll(self) -> None:
        """Take in what was painted or placed, and save what is due."""
        self.session.poll()
        if not self._is_placing():
            self.end_placing()

    async def prepare(self) -> None:
        """Have another process find the brain, so that the first lesion grows at once."""
        study, image = self.session.study, self.session.growing.without_brain()
        if study is None or image is None or self._preparing:
            return
        self._preparing = True
        try:
            brain = await brain_found_elsewhere(image)
        finally:
            self._preparing = False
        if brain is not None:
            with self._desk.server.state:
                self.session.growing.take_brain(study, image, brain)
        if self._grow_when_ready:
            self._grow_when_ready = False
            with self._desk.server.state:
                self.grow()

    # painting

    @edge
    def name_reader(self) -> None:
        """Go over to the annotation of the reader who was named, where one is open, or is kept."""
        if self.session.study is not None:
            self.put_down()
            self.open()
        else:
            self.open_kept()

    @edge
    def choose_brush(self, brush: str) -> None:
        """Take the brush or the eraser; once more puts it down."""
        self._take(lambda: NO_TOOL if self.state.brush == brush else brush)

    @edge
    def hold_brush(self, brush: str) -> None:
        """Take the brush or the eraser, whatever was in the hand before."""
        self._take(lambda: brush)

    def _take(self, chosen: Callable[[], str]) -> None:
        def take() -> None:
            self.end_placing()
            self.state.brush = chosen()

        self._desk.reader.before(take)

    def _put_down_behind(self) -> None:
        """Put the brush down behind a dialog, and while another scan is opened or compared."""
        page = self._desk.state
        if page.busy or page.help_shown or page.series_shown or self._desk.reader.state.reader_asked:
            self.put_down_quietly()

    def put_down(self) -> None:
        """Put brush and eraser down."""
        self.state.brush = NO_TOOL
        self._editor.deactivate_effect()

    @unasked
    def _take_brush(self) -> None:
        brush = self.state.brush
        if brush == NO_TOOL:
            self._editor.deactivate_effect()
            return
        is_open = False
        try:
            is_open = self.open()
        finally:
            if not is_open:
                self.state.brush = NO_TOOL
        if not is_open:
            return
        study = self.session.study
        assert study is not None
        if self._editor.active_segmentation_node is not study.nodes.scribbles:
            self._editor.set_active_segmentation(study.nodes.scribbles, study.nodes.scan)
        self._editor.set_active_segment_id(PAINT_SEGMENT)
        effect = self._editor.set_active_effect_type(EFFECTS[brush])
        effect.set_brush_diameter(float(self.state.brush_mm), BrushDiameterMode.Absolute)
        effect.set_use_sphere_brush(False)  # one slice: a scribble, which growing takes through the others

    # growing

    @edge
    def grow(self) -> None:
        """Grow what is painted."""
        if not self.open():
            return
        if self._preparing:
            self._grow_when_ready = True
            self.state.grow_message, self.state.grow_failed = "Measuring the scan's intensities (once) …", False
            return
        self.put_down_quietly()
        self.session.growing.grow(PAINT_SEGMENT)

    def put_down_quietly(self) -> None:
        """Put the brush down, if it is in the hand: a segment is rewritten under it, or nobody would see it."""
        if self.state.brush:
            self.put_down()

    @edge
    def accept(self) -> None:
        """Keep the current mask, and put it on the list of microbleeds; what became of it there is told here, too."""
        self._desk.add_grown(self.session.growing.accept())
        said = self._desk.reviewing.state.notice
        if said and said != self.session.status.message:
            self.session.note(f"In the list: {said}")

    @edge
    def undo(self) -> None:
        """Go back by one step; the last stroke is one."""
        with self._brush_kept():
            self.session.undo()

    @edge
    def redo(self) -> None:
        """Go forward by one step that was undone."""
        with self._brush_kept():
            self.session.redo()

    @contextmanager
    def _brush_kept(self) -> Iterator[None]:
        """Take the brush up again after a segment was rewritten under it: one paints on after a wrong stroke."""
        if self.state.brush:
            self._editor.deactivate_effect()
        try:
            yield
        finally:
            self._take_brush()

    @edge
    def select(self, lesion_id: int) -> None:
        """Choose a grown lesion, and look at it."""
        self.session.growing.select(lesion_id)
        self.session.clear_refusal()
        self.jump("microbleeds", lesion_id)

    @edge
    def set_automatic(self) -> None:
        """Take the automatic tolerance again."""
        self.session.growing.preview(None)

    @edge
    def step_tolerance(self, steps: int) -> None:
        """Lower or raise the tolerance."""
        self.session.growing.step_tolerance(steps * TOLERANCE_STEP_PERCENT)

    @unasked
    def _take_mode(self) -> None:
        if self._showing:
            return
        mode = self.state.grow_mode
        self.session.opening.set_parameters(mode=mode)
        if self.session.current is not None:
            self.session.growing.change(mode=mode)

    @unasked
    def _take_tolerance(self) -> None:
        lesion, percent = self.session.current, float(self.state.tolerance)
        if self._showing or lesion is None or lesion.tolerance_percent is None:
            return
        if not math.isclose(percent, lesion.tolerance_percent, abs_tol=0.05):
            self.session.growing.preview(percent)

    @unasked
    def _take_grouped(self) -> None:
        self.session.opening.set_parameters(grouped=bool(self.state.grouped))

    # answers and landmarks

    def _open_for(self, action: Callable[[], None]) -> bool:
        """Open the annotation; where nobody is named yet, the action waits for the name, and the forms show no answer.

        Parameters
        ----------
        action : callable
            What was asked for, as the page calls it.
        """
        if self._desk.node is None or self._desk.reader.state.reader:
            return self.open()
        self._desk.reader.before(action)
        self._show_annotation(self.session.annotation)
        return False

    @edge
    def answer_in(self, kind: str, record_id: int | None, field: str, value: Any) -> None:
        """Write an answer into a record; one that is refused is told, and taken out of the form again.

        Parameters
        ----------
        kind : {"microbleeds", "mimics", "findings"}
        record_id : int or None
        field : str
            Of the record.
        value
            As the record takes it.
        """
        record = self._record(kind, record_id)
        if record is not None:
            self.session.answering.answer(record, **{field: value})

    @edge
    def assess(self, field: str, value: Any) -> None:
        """Say something of the study as a whole; a field of `Assessment`."""
        if self._open_for(lambda: self.assess(field, value)):
            self.session.answering.assess(**{field: value})

    @edge
    def rate(self, field: str, value: Any) -> None:
        """Say how good the scan is; a field of `SeriesQuality`."""
        if self._open_for(lambda: self.rate(field, value)) and self._desk.node is not None:
            said = tuple(value) if field == "flags" else value
            self.session.answering.rate_series(self._desk.node.GetName(), **{field: said})

    @edge
    def flag(self, flag: str, raised: bool) -> None:
        """Raise a flag of the scan, or lower it; one of `annotation.words.SERIES_FLAGS`."""
        if not self._open_for(lambda: self.flag(flag, raised)):
            return
        others = [one for one in self.state.series.get("flags", ()) if one != flag]
        self.rate("flags", [*others, flag] if raised else others)

    @edge
    def mark_done(self, done: bool) -> None:
        """Mark the study as finished, and save it; what was left open is told."""
        if self._open_for(lambda: self.mark_done(done)):
            self.session.answering.mark_done(bool(done))

    @edge
    def place(self, kind: str) -> None:
        """Have the next click in a view set a point; once more ends it.

        Parameters
        ----------
        kind : {"mimics", "findings"}
        """
        if self.state.placing == kind:
            self.end_placing()
            return
        if not self._open_for(lambda: self.place(kind)):
            return
        study = self.session.study
        assert study is not None
        self.put_down()
        self._desk.app.markups_logic.place_node(getattr(study.nodes, kind))
        self.state.placing = kind

    def end_placing(self) -> None:
        """Have the next click in a view set no point."""
        if self.state.placing:
            self.state.placing = ""
            self._desk.views.set_left_drag()

    @edge
    def remove(self, kind: str, record_id: int | None) -> None:
        """Take a record out; undo brings it back."""
        record = self._record(kind, record_id)
        if record is not None:
            self.session.answering.remove(record)

    def remove_chosen(self) -> None:
        """Take the chosen grown lesion out; undo brings it back."""
        self.remove("microbleeds", self.state.grown_chosen)

    def _record(self, kind: str, record_id: int | None) -> Any:
        annotation = self.session.annotation
        records = getattr(annotation, kind) if annotation else ()
        return next((record for record in records if record.id == record_id), None)

    def jump(self, kind: str, record_id: int) -> None:
        """Look at a record."""
        record = self._record(kind, record_id)
        if record is not None:
            self._desk.views.jump((record.r_mm, record.a_mm, record.s_mm))

    def _is_placing(self) -> bool:
        node = self._desk.app.markups_logic.interaction_node
        return node is not None and node.GetCurrentInteractionMode() == slicer.vtkMRMLInteractionNode.Place

    # what the session tells

    def _show_parameters(self, parameters: GrowParameters) -> None:
        with self._quietly():
            self.state.grow_mode, self.state.grouped = parameters.mode, parameters.grouped

    def _show_status(self, status: Status) -> None:
        self.state.grow_message = without_folders(status.message)
        self.state.grow_failed = status.state is State.FAILED
        self.state.grow_notes = [without_folders(note) for note in status.notes]
        self._show_steps()

    def _show_annotation(self, annotation: Annotation | None) -> None:
        show_annotation(self.state, annotation)
        self._show_grown()
        self._show_steps()
        self._show_answers()

    def _show_grown(self) -> None:
        session = self.session
        show_grown(self.state, session.annotation, session.lesions, session.listed_verdicts)

    def _show_steps(self) -> None:
        session, state = self.session, self.state
        state.can_grow_undo, state.can_grow_redo = session.can_undo, session.can_redo
        state.grow_undoes, state.grow_redoes = session.undoes, session.redoes
        state.strokes_waiting = session.waiting

    def _show_current(self, lesion: LinkedLesion | None) -> None:
        percent = lesion.tolerance_percent if lesion is not None else None
        self.state.grown_chosen = lesion.id if lesion else None
        self.state.tolerance_known = percent is not None
        if percent is not None:
            with self._quietly():
                self.state.tolerance = percent
        self.state.tolerance_automatic = lesion is None or lesion.automatic
        self.state.curve = growth_figure(lesion)
        if lesion is not None:
            with self._quietly():
                self.state.grow_mode = lesion.settings.mode
        self._show_answers()

    def _show_answers(self) -> None:
        record = self._record("microbleeds", self.state.grown_chosen)
        self.state.answers = asdict(record) if record is not None else {}
        current = self.session.current
        self.state.grown_accepted = current is not None and current.accepted

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Have what is set be what the session says, not taken for the reader's wish."""
        self._showing = True
        try:
            yield
            self._desk.server.state.flush()
        finally:
            self._showing = False
