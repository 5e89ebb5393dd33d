"""The part of the panel with the protocol's questions: of each lesion, mimic and finding, of study and series."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from CMBScribbleGrowLib.annotation import words as vocabulary
from CMBSegmentationWidgets.at_hand import allow
from CMBSegmentationWidgets.panel.signals import Edge

from ..answer_form import AnswerForm, FlagList, RecordList

if TYPE_CHECKING:
    from CMBScribbleGrowLib.annotation.records import Annotation


class RecordsPart:
    """Lists of records, and a form for the chosen one of each.

    Parameters
    ----------
    ui : object
        The panel's widgets by name.
    logic : CMBScribbleGrowLogic
    edge : Edge

    Attributes
    ----------
    actions, tooltips : dict
        By the name of the action in `vocabulary.actions`: what to call, and whose tooltip names the key.
    """

    def __init__(self, ui: Any, logic: Any, edge: Edge) -> None:
        self.ui, self._logic, self._session, self._edge = ui, logic, logic.session, edge
        self._awaited = ""  # the list that the next point comes into
        self._set_up_lesions()
        self._set_up_landmarks()
        self._set_up_study()
        buttons = {
            "delete": (ui.removeLesionButton, lambda: logic.remove(self._lesions.current)),
            "mark_mimic": (ui.placeMimicButton, lambda: self._place("mimics")),
            "mark_finding": (ui.placeFindingButton, lambda: self._place("findings")),
        }
        self.tooltips = {name: button for name, (button, action) in buttons.items()}
        self.actions: dict[str, Callable[[], object]] = {name: action for name, (button, action) in buttons.items()}
        for button, action in (
            *buttons.values(),
            (ui.removeMimicButton, lambda: logic.remove(self._mimics.current)),
            (ui.removeFindingButton, lambda: logic.remove(self._findings.current)),
        ):
            button.connect("clicked()", edge.on(action))
        self._session.annotation_changed.connect(self.show)
        self._session.list_changed.connect(self._show_listed)
        self._session.current_changed.connect(lambda lesion: self._update_buttons())

    def show(self, annotation: Annotation | None) -> None:
        """List the records, and show the chosen ones."""
        self._show_listed()
        self._list_landmarks(self._mimics, "mimics", annotation)
        self._list_landmarks(self._findings, "findings", annotation)
        self._lesion_form.show(self._lesions.current)
        self._show_landmarks()
        self._study_form.show(self._logic.assessment())
        series = self._logic.series()
        self._series_flags.show(series.flags if series else None)
        self._series_form.show(series)
        self._update_buttons()

    def _show_listed(self) -> None:
        """Show what the list of the same scan says, too: of each lesion, and of what is still open."""
        annotation, current = self._session.annotation, self._session.current
        self._lesions.show(annotation.microbleeds if annotation else (), current.id if current else None)
        self.ui.unansweredText.setPlainText("\n".join(self._session.answering.left_open))

    def _set_up_lesions(self) -> None:
        ui = self.ui
        self._lesions = RecordList(ui.lesionList, self._logic.describe, self._on_lesion_chosen)
        form = self._lesion_form = AnswerForm(lambda **said: self._answer(self._lesions.current, said), ui.lesionList)
        form.words("location", ui.locationSelector, vocabulary.LOCATIONS)
        form.words("side", ui.sideSelector, vocabulary.SIDES)
        form.words("cause", ui.causeSelector, vocabulary.CAUSES)
        form.text("cause_text", ui.causeTextEdit)
        form.yes_no("smaller_than_5_mm", ui.smallerSelector)
        form.flag("uncertain", ui.uncertainCheck)
        form.count("count", ui.countSpin)
        form.text("comment", ui.lesionCommentEdit)

    def _set_up_landmarks(self) -> None:
        ui = self.ui
        self._mimics = RecordList(ui.mimicList, self._logic.describe, self._on_landmark_chosen)
        self._mimic_form = AnswerForm(lambda **said: self._answer(self._mimics.current, said), ui.mimicList)
        self._mimic_form.words("type", ui.mimicTypeSelector, vocabulary.MIMICS)
        self._mimic_form.words("side", ui.mimicSideSelector, vocabulary.SIDES)
        self._mimic_form.text("text", ui.mimicTextEdit)
        self._findings = RecordList(ui.findingList, self._logic.describe, self._on_landmark_chosen)
        self._finding_form = AnswerForm(lambda **said: self._answer(self._findings.current, said), ui.findingList)
        self._finding_form.text("text", ui.findingTextEdit)

    def _set_up_study(self) -> None:
        ui, session, logic = self.ui, self._session, self._logic
        self._study_form = AnswerForm(lambda **said: self._say(session.answering.assess, **said), ui.includedSelector)
        self._study_form.yes_no("included", ui.includedSelector)
        self._study_form.text("why_not", ui.whyNotEdit)
        self._study_form.words("quality", ui.qualitySelector, vocabulary.QUALITIES)
        self._study_form.text("comments", ui.studyCommentsEdit)
        self._series_flags = FlagList(
            ui.seriesFlagsList,
            vocabulary.SERIES_FLAGS,
            lambda flags: self._say(logic.rateSeries, flags=flags),
            ui.lesionList,
        )
        self._series_form = AnswerForm(lambda **said: self._say(logic.rateSeries, **said), ui.seriesFlagsList)
        self._series_form.text("text", ui.seriesTextEdit)

    def _answer(self, record: Any, said: dict[str, Any]) -> None:
        """Write an answer into its record."""
        if record is not None:
            self._say(self._session.answering.answer, record, **said)

    def _say(self, action: Callable[..., object], *args: Any, **said: Any) -> None:
        """Have something recorded; what is refused is taken out of the forms again."""
        if not self._edge.do(action, *args, **said):
            self.show(self._session.annotation)

    def _on_lesion_chosen(self, record: Any) -> None:
        """Show a microbleed and adjust it from now on."""
        self._edge.do(self._session.growing.select, record.id)
        self._logic.jumpTo(record)
        self._lesion_form.show(record)

    def _on_landmark_chosen(self, record: Any) -> None:
        """Show a point in the slice views."""
        self._logic.jumpTo(record)
        self._show_landmarks()

    def _place(self, kind: str) -> None:
        """Have the next click in a slice view set a point, and open the section that asks about it."""
        ui = self.ui
        self._logic.startPlacing(kind)
        if self._session.study is not None:
            self._awaited = kind
            section, what = {
                "mimics": (ui.mimicSection, _("Click the mimic in a slice view.")),
                "findings": (ui.findingSection, _("Click the finding in a slice view.")),
            }[kind]
            section.collapsed = False
            ui.statusLabel.setText(what)

    def _list_landmarks(self, shown: RecordList, kind: str, annotation: Annotation | None) -> None:
        """List points; the one that was just set is chosen, so that it can be described."""
        records = getattr(annotation, kind) if annotation else ()
        new = [one for one in records if one.id not in shown.ids] if kind == self._awaited else []
        shown.show(records, new[-1].id if new else None)
        if new:
            self._awaited = ""
            self.ui.statusLabel.setText(_("{record} placed.").format(record=self._logic.describe(new[-1])))

    def _show_landmarks(self) -> None:
        self._mimic_form.show(self._mimics.current)
        self._finding_form.show(self._findings.current)

    def _update_buttons(self) -> None:
        """Allow what can be done now."""
        ui = self.ui
        for button in (ui.placeMimicButton, ui.placeFindingButton):
            allow(button, self._session.study is not None, ui.lesionList)
        allow(ui.removeLesionButton, self._lesions.current is not None, ui.lesionList)
        allow(ui.removeMimicButton, self._mimics.current is not None, ui.lesionList)
        allow(ui.removeFindingButton, self._findings.current is not None, ui.lesionList)
