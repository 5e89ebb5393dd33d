"""CMB Scribble Grow: from a few painted voxels to a microbleed's mask and record (module, panel, logic, test).

This file is what Slicer asks for; the work is done in CMBScribbleGrowLib.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

# CMBScribbleGrowLib is imported where it is first needed: Slicer loads this file at every start,
# and scipy and SimpleITK would slow that down for all users.
if TYPE_CHECKING:
    from CMBScribbleGrowLib.study.linked_lesion import LinkedLesion
    from CMBScribbleGrowLib.study.state import Status
    from CMBSegmentationWidgets.at_hand import FocusRing
    from CMBSegmentationWidgets.panel_keys import PanelKeys

POLL_INTERVAL_MS = 250


class CMBScribbleGrow(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("CMB Scribble Grow")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = []
        self.parent.contributors = ["The slicer-cmb contributors"]
        self.parent.helpText = _(
            "Grows a microbleed's mask from a few painted voxels, and records what its reader says of it. "
            "Research use only: not a medical device."
        )
        self.parent.acknowledgementText = _(
            "After J. del Pozo Lérida, Automatic Segmentation of Cerebral Microbleeds, "
            "IT University of Copenhagen, 2023, and the Brain Observer MicroBleed Scale "
            "(Cordonnier et al., Stroke 40:94, 2009)."
        )


class CMBScribbleGrowWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The module's panel; it shows the session's state and has none of its own."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: CMBScribbleGrowLogic | None = None
        self.pollTimer = None
        self.keys: PanelKeys | None = None
        self.focusRing: FocusRing | None = None
        self.isShown = False

    def setup(self) -> None:
        """Build the panel; called when the user opens the module for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        panel = slicer.util.loadUI(self.resourcePath("UI/CMBScribbleGrow.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        from CMBSegmentationWidgets.at_hand import FocusRing, WheelGuard

        self.logic = CMBScribbleGrowLogic()
        self.setUpParts()
        self.setUpKeys()
        self.listen()
        self.wheelGuard = WheelGuard(panel)
        self.focusRing = FocusRing(panel)
        self.logic.session.parameters_changed(self.logic.session.parameters)
        self.logic.session.annotation_changed(None)
        self.opening.open_scan(self.ui.scanSelector.currentNode())

    def cleanup(self) -> None:
        """Save what is open; called when Slicer closes or the module is reloaded."""
        self.pollTimer.stop()
        self.keys.ignore()
        self.focusRing.remove()
        self.logic.session.close()
        self.removeObservers()

    def enter(self) -> None:
        """Listen to the keyboard while the module is shown, and take the name that the other panel was given."""
        self.isShown = True
        self.opening.reader.recall()
        self.records.show(self.logic.session.annotation)  # the list may say something else by now
        self.keys.listen()

    def exit(self) -> None:
        """Leave the keyboard to other modules."""
        self.isShown = False
        self.keys.ignore()
        self.growing.leave()

    def setUpParts(self) -> None:
        """Have each part of the panel connect its widgets with the session."""
        from CMBScribbleGrowWidgets.panel.cases import CasesPart
        from CMBScribbleGrowWidgets.panel.growing import GrowingPart
        from CMBScribbleGrowWidgets.panel.opening import OpeningPart
        from CMBScribbleGrowWidgets.panel.records import RecordsPart
        from CMBSegmentationWidgets.panel.signals import Edge

        self.edge = Edge(self.refuse, self.begin)
        self.logic.session.status_changed.connect(self.onStatusChanged)
        self.growing = GrowingPart(self.ui, self.logic, self.edge)
        self.records = RecordsPart(self.ui, self.logic, self.edge)
        self.casesPart = CasesPart(self.ui, self.logic, self.edge)
        self.opening = OpeningPart(self.ui, self.logic, self.edge)

    def setUpKeys(self) -> None:
        """Give each action its key, and each button's tooltip the key of its own."""
        from CMBSegmentationWidgets.panel_keys import PanelKeys

        parts = (self.growing, self.records, self.casesPart)
        actions = {name: self.edge.on(action) for part in parts for name, action in part.actions.items()}
        tooltips = {name: widget for part in parts for name, widget in part.tooltips.items()}
        self.keys = PanelKeys(actions, tooltips, {}, self.ui.keyTable, self.refuse)
        self.ui.resetKeysButton.connect("clicked()", self.edge.on(self.keys.reset))

    def listen(self) -> None:
        """Have a timer ask the session for news, and the scene tell what is loaded."""
        self.pollTimer = qt.QTimer()
        self.pollTimer.setInterval(POLL_INTERVAL_MS)
        self.pollTimer.connect("timeout()", self.poll)
        self.pollTimer.start()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneChanged)

    def poll(self) -> None:
        """Ask the session for news; while the list is read instead, the annotation is that of who reads it."""
        if not self.isShown:
            self.opening.reader.follow()
        self.logic.session.poll()

    def refuse(self, why: str) -> None:
        """Tell why something was refused."""
        self.logic.session.refuse(why)

    def begin(self) -> Callable[[], None]:
        """Give what takes a refusal away, once something is done that tells nothing."""
        session = self.logic.session
        told = session.status

        def done() -> None:
            if session.status is told:
                session.clear_refusal()

        return done

    def onSceneChanged(self, caller: Any = None, event: Any = None) -> None:
        """Open the annotation of a scene that was loaded."""
        self.opening.open_shown()

    def onStatusChanged(self, status: Status) -> None:
        """Tell what was done, or why it was refused."""
        from CMBSegmentationWidgets.panel.messages import PROBLEM_STYLE

        self.ui.statusLabel.setText("\n".join((status.message, *status.notes)).strip())
        self.ui.statusLabel.setStyleSheet(PROBLEM_STYLE if status.state == "failed" else "")
        if status.state == "working":
            slicer.app.processEvents()  # what follows takes some seconds


class CMBScribbleGrowLogic(ScriptedLoadableModuleLogic):
    """What other modules and scripts can call; nothing here needs the panel.

    Attributes
    ----------
    session : GrowSession
    cases : Cases
    """

    def __init__(self) -> None:
        from CMBScribbleGrowLib.session import Cases, GrowSession

        ScriptedLoadableModuleLogic.__init__(self)
        self.session = GrowSession(slicer.mrmlScene)
        self.cases = Cases(self.session, slicer.util.loadVolume)

    def process(
        self,
        inputVolume: slicer.vtkMRMLScalarVolumeNode,
        scribbles: slicer.vtkMRMLSegmentationNode | None = None,
        *,
        reader: str = "script",
        **parameters: Any,
    ) -> tuple[LinkedLesion, ...]:
        """Grow all that is painted on a scan: for scripts.

        Parameters
        ----------
        inputVolume : vtkMRMLScalarVolumeNode
        scribbles : vtkMRMLSegmentationNode, optional
            Its segments are taken as scribbles; without it those painted in the module's own node.
        reader : str
            Whose annotation it is.
        **parameters
            Fields of `study.state.GrowParameters`, such as ``mode="parent"`` or ``folder``.

        Returns
        -------
        tuple of LinkedLesion
            Those that were grown now.

        Raises
        ------
        CMBError
            What was wrong, and what to do about it.
        """
        from CMBScribbleGrowLib.scene import PAINT_SEGMENT, add_to_scribble, segment_ids, segment_on_scan

        self.session.opening.open(inputVolume, reader=reader, **parameters)
        study = self.session.study
        for segment in segment_ids(scribbles) if scribbles is not None else []:
            painted = segment_on_scan(scribbles, segment, study.grid).voxels
            add_to_scribble(study.nodes, PAINT_SEGMENT, painted, study.grid)
        return self.session.growing.grow()

    def grow(self, segmentID: str = "") -> Sequence[LinkedLesion]:
        """Grow what is painted in a segment of the scribbles; without one in the segment to paint in."""
        return self.session.growing.grow(segmentID or self.paintSegment())

    def ownNode(self, nodeClass: Any) -> Any:
        """Give the module's own node of a class: one a scene, kept when the scene is closed."""
        node = nodeClass()
        node.SetSingletonTag("CMBScribbleGrow")
        return slicer.mrmlScene.AddNode(node)  # the one that is there already, if there is

    def chosenFolder(self) -> str | None:
        """Give the folder that the reader chose to save in; None if it is the scan's own or its worklist's."""
        folder = self.session.parameters.folder
        return None if folder == self.cases.given_folder else folder

    def folderOf(self, scan: Any) -> str | None:
        """Give the folder that a scan's annotation is saved in: its worklist's, or the one that the reader chose."""
        item = self.cases.item_of(scan)
        return str(item.files.folder) if item is not None else self.chosenFolder()

    def paintSegment(self) -> str:
        """Give the id of the segment to paint in."""
        from CMBScribbleGrowLib.scene import PAINT_SEGMENT

        return PAINT_SEGMENT

    def remove(self, entry: Any) -> None:
        """Take an entry out of the annotation."""
        if entry is not None:
            self.session.answering.remove(entry)

    def rateSeries(self, **answers: Any) -> Any:
        """Say how good the scan that is shown is; None if no study is open."""
        if self.session.study is None:
            return None
        return self.session.answering.rate_series(self.seriesName(), **answers)

    def seriesName(self) -> str:
        """Name the scan that is shown."""
        return self.session.study.nodes.scan.GetName()

    def series(self) -> Any:
        """Give what was said of the scan that is shown, or a blank record; None if no study is open."""
        from CMBScribbleGrowLib.annotation.edits import utc_now
        from CMBScribbleGrowLib.annotation.records import SeriesQuality

        if self.session.study is None:
            return None
        known = [one for one in self.session.annotation.series if one.series == self.seriesName()]
        blank = SeriesQuality(series=self.seriesName(), reader=self.session.study.reader, time=utc_now())
        return known[0] if known else blank

    def assessment(self) -> Any:
        """Give what was said of the study, or a blank record; None if no study is open."""
        from CMBScribbleGrowLib.annotation.edits import utc_now
        from CMBScribbleGrowLib.annotation.records import Assessment

        if self.session.study is None:
            return None
        blank = Assessment(reader=self.session.study.reader, time=utc_now())
        return self.session.annotation.assessment or blank

    def describe(self, record: Any) -> str:
        """Give a record's line in its list."""
        from CMBScribbleGrowLib.annotation.records import Microbleed, Mimic

        if isinstance(record, Microbleed):
            size = f"{record.diameter_mm:.1f} mm" if record.diameter_mm else _("group")
            said = {True: "", False: _("not accepted")}[record.accepted]
            verdict = self.session.listed_verdicts.get(record.id, "")
            listed = _("list: {verdict}").format(verdict=verdict) if verdict not in ("", "accepted") else ""
            words = (f"CMB {record.id}", size, record.location, record.side, said, listed)
            return " · ".join(word for word in words if word)
        if isinstance(record, Mimic):
            return " · ".join(word for word in (f"Mimic {record.id}", record.type, record.side) if word)
        return " · ".join(word for word in (f"Finding {record.id}", record.text) if word)

    def jumpTo(self, record: Any) -> None:
        """Centre the slice views on a record."""
        from CMBSegmentationLib.scene import jump_to

        jump_to(slicer.mrmlScene, (record.r_mm, record.a_mm, record.s_mm))

    def startPlacing(self, kind: str) -> None:
        """Have the next click in a view set a point: of "mimics" or "findings"."""
        from CMBSegmentationWidgets.panel.placing import place_next

        study = self.session.study
        if study is not None:
            place_next(getattr(study.nodes, kind))


class CMBScribbleGrowTest(ScriptedLoadableModuleTest):
    """What can only be tried inside Slicer; everything else is tested by pytest."""

    def setUp(self) -> None:
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Run all tests."""
        self.setUp()
        self.test_ScribbleInTheSampleScanGrows()

    def test_ScribbleInTheSampleScanGrows(self) -> None:
        """Two voxels in a lesion of the bundled sample become a mask, beside Slicer's own Segment Editor."""
        import json
        import tempfile

        import numpy as np

        from CMBScribbleGrowLib.scene import PAINT_SEGMENT, add_to_scribble
        from CMBSegmentationLib.files.bundled import sample_scan

        path = sample_scan()
        truth = json.loads((path.parent / f"{path.name.split('.')[0]}_truth.json").read_text(encoding="utf-8"))
        lesion = truth["lesions"][0]
        scan = slicer.util.loadVolume(str(path))
        logic = CMBScribbleGrowLogic()
        self.delayDisplay("Growing a lesion of the sample scan")
        with tempfile.TemporaryDirectory() as folder:
            study = logic.session.opening.open(scan, reader="test", folder=folder)
            ras = np.array([lesion["r_mm"], lesion["a_mm"], lesion["s_mm"], 1.0])
            index = np.rint(np.linalg.solve(study.grid.ijk_to_ras, ras)).astype(int)[2::-1]
            add_to_scribble(study.nodes, PAINT_SEGMENT, index[None], study.grid)
            (grown,) = logic.grow()
            assert len(grown.mask) > 1
            assert len(logic.session.annotation.microbleeds) == 1
            logic.session.close()
        self.delayDisplay("Test passed")
