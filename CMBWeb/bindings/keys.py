"""The keys of the page: what each does, which the reader has changed, and where they act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from CMBSegmentationLib.review import ACCEPTED, MIMICS, UNCERTAIN
from CMBSegmentationLib.vocabulary.actions import PAGE, QUESTION, READ, SCRIBBLE, mimic_action
from CMBSegmentationLib.vocabulary.keys import Keys

from ..state.declared import SCRIBBLE_PANEL, KeysState
from ..state.typed import live
from .scribbling import ERASE, PAINT

if TYPE_CHECKING:
    from ..page.page_session import PageSession

HELP = "help"


class PageKeys:
    """Does what a key stands for, in the tab that is shown.

    The browser tells which key was pressed outside text fields, and keeps what the reader has changed.

    Parameters
    ----------
    desk : PageSession
    """

    def __init__(self, desk: PageSession) -> None:
        self._desk = desk
        self.state = live(desk.server.state, KeysState)
        self._is_pointing = self._is_scribbling = False
        self._refused = ""
        anywhere = _anywhere(desk) | {"brush": lambda: self._brush(PAINT), "eraser": lambda: self._brush(ERASE)}
        self._reading = anywhere | _while_reading(desk) | {"add": self._add}
        self._scribbling = anywhere | _while_scribbling(desk)
        self._take(Keys(PAGE))
        desk.server.trigger("key")(self.press)
        desk.server.trigger("keys_kept")(self.take_kept)
        desk.server.trigger("set_key")(self.change)
        desk.server.trigger("reset_keys")(self.reset)

    def press(self, key: str, panel: str, is_pointing: bool = False) -> None:
        """Do what a key stands for; behind a dialog nothing acts.

        The browser sends no key while it shows a dialog; one that was opened here meanwhile, it may not show yet. Of
        the help only the browser knows whether it is still open: that it was closed may come after the next key.

        Parameters
        ----------
        key : str
            In Qt's words.
        panel : str
            The tab that the browser showed when it was pressed: it is ahead of the state here.
        is_pointing : bool
            Whether the mouse was in a slice view.
        """
        self._is_pointing = is_pointing
        self._is_scribbling = is_scribbling = panel == SCRIBBLE_PANEL
        asks = self._desk.reviewing.session.deciding.question.is_open
        places = [SCRIBBLE] if is_scribbling else [QUESTION, READ] if asks else [READ]
        found = (self._keys.action(key, place) for place in places)
        action = next((one for one in found if one is not None), None)
        if action is None:
            return
        if action.name != HELP and (not self._desk.state.has_scan or self._dialog_was_opened()):
            return
        try:
            (self._scribbling if is_scribbling else self._reading)[action.name]()
        except Exception as error:
            self._desk.refuse(error)

    def _add(self) -> None:
        self._desk.reviewing.add_pointed(is_pointing=self._is_pointing)

    def _brush(self, brush: str) -> None:
        """Give the brush or the eraser; only who is scribbling already puts it down with its key."""
        self._desk.state.panel = SCRIBBLE_PANEL
        scribbling = self._desk.scribbling
        (scribbling.choose_brush if self._is_scribbling else scribbling.hold_brush)(brush)

    def _dialog_was_opened(self) -> bool:
        return self._desk.state.series_shown or self._desk.reader.state.reader_asked

    def take_kept(self, changed: Mapping[str, str]) -> None:
        """Take the keys that the browser has kept; those that do not fit are left out."""
        self._take(Keys.kept(PAGE, changed))

    def change(self, name: str, key: str) -> dict[str, str]:
        """Give an action another key, and give all changes to keep; one that is refused is told."""
        try:
            self._take(self._keys.with_key(name, key))
        except Exception as error:
            self._desk.tell_error(error)
            self._refused = self._desk.state.message
        else:
            self._forget_refusal()
        return self._keys.changed

    def reset(self) -> dict[str, str]:
        """Use the keys of the table again."""
        self._take(Keys(PAGE))
        self._forget_refusal()
        return self._keys.changed

    def _forget_refusal(self) -> None:
        """Close the message of a refusal that is settled, not any other."""
        if self._refused and self._desk.state.message == self._refused:
            self._desk.tell("")
        self._refused = ""

    def _take(self, keys: Keys) -> None:
        self._keys = keys
        self.state.keys = keys.in_words()
        self.state.keys_heard = [keys.of(one.name) for one in keys.actions]
        self.state.key_of_help = keys.of(HELP)


def _anywhere(desk: PageSession) -> dict[str, Callable[[], object]]:
    """Give what each action does that is the same in both tabs, by its name."""
    page, views, review = desk.state, desk.views.state, desk.reviewing.state

    def toggle_crosshair() -> None:
        views.crosshair = not views.crosshair

    def toggle_outlines() -> None:
        review.outlines = not review.outlines

    def toggle_help() -> None:
        page.help_shown = not page.help_shown

    return {
        "crosshair": toggle_crosshair,
        "outlines": toggle_outlines,
        "fit": desk.views.show_whole,
        HELP: toggle_help,
    }


def _while_reading(desk: PageSession) -> dict[str, Callable[[], object]]:
    reviewing = desk.reviewing

    def answer(mimic: str) -> Callable[[], object]:
        return lambda: reviewing.answer(mimic)

    return {
        "next": lambda: reviewing.step(1),
        "previous": lambda: reviewing.step(-1),
        "accept": lambda: reviewing.decide(ACCEPTED),
        "uncertain": lambda: reviewing.decide(UNCERTAIN),
        "reject": reviewing.ask,
        "zoom": reviewing.zoom,
        "field": desk.phase.toggle,
        **{mimic_action(number): answer(mimic) for number, mimic in enumerate(MIMICS, start=1)},
        "no_mimic": answer(""),
        "close_question": reviewing.close_question,
        "undo": reviewing.undo,
        "redo": reviewing.redo,
        "delete": reviewing.delete,
    }


def _while_scribbling(desk: PageSession) -> dict[str, Callable[[], object]]:
    scribbling = desk.scribbling
    return {
        "grow": scribbling.grow,
        "accept_grown": scribbling.accept,
        "lower_tolerance": lambda: scribbling.step_tolerance(-1),
        "raise_tolerance": lambda: scribbling.step_tolerance(1),
        "mark_mimic": lambda: scribbling.place("mimics"),
        "mark_finding": lambda: scribbling.place("findings"),
        "end_placing": scribbling.end_placing,
        "undo": scribbling.undo,
        "redo": scribbling.redo,
        "delete": scribbling.remove_chosen,
    }
