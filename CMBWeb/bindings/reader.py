"""Who reads: asked for before the first verdict, kept for the session, remembered by the browser."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING

from CMBSegmentationLib.errors import InputError

from ..state import names
from ..state.declared import ReaderState
from ..state.typed import live, on_change

if TYPE_CHECKING:
    from ..page.page_session import PageSession

LONGEST_NAME = 60
LETTERS_AND_DIGITS = "LMN"  # first letters of Unicode's categories: letters, their marks, numbers
BETWEEN = " .,'’-_()&"  # besides letters and digits, in a name
JOINERS = "\u200c\u200d"  # part of words in Persian and in scripts of India


def checked_name(name: object) -> str:
    """Check a reader's name or initials as a browser sends them.

    Parameters
    ----------
    name : object
        Anything: it comes from outside.

    Returns
    -------
    str
        On one line, without blanks around it.

    Raises
    ------
    InputError
        It is empty, too long, or holds what no name has.
    """
    text = unicodedata.normalize("NFC", name.strip(" ")) if isinstance(name, str) else ""
    if not text:
        raise InputError("A name or initials are needed.", "Type yours: they are written into each verdict.")
    if len(text) > LONGEST_NAME:
        raise InputError(f"This is longer than {LONGEST_NAME} characters.", "Give a shorter name, or initials.")
    odd = {one for one in text if unicodedata.category(one)[0] not in LETTERS_AND_DIGITS}
    if odd - {*BETWEEN, *JOINERS} or unicodedata.category(text[0])[0] not in "LN":
        raise InputError(
            "This cannot be a name.",
            f"Begin with a letter or digit; besides them only spaces and {' '.join(BETWEEN.strip())} are taken.",
        )
    return text


class Reader:
    """Knows who reads, and has whatever is to be signed wait until that is known.

    Parameters
    ----------
    desk : PageSession
    """

    def __init__(self, desk: PageSession) -> None:
        self._desk = desk
        self._waiting: list[Callable[[], object]] = []
        self.state = live(desk.server.state, ReaderState)
        on_change(desk.server.state, self._forget_waiting, names.reader.reader_asked)
        desk.server.trigger("name_reader")(self.name)
        desk.server.trigger("reader_kept")(self.take_kept)

    def before(self, action: Callable[[], object]) -> None:
        """Do what is to be signed, once it is known by whom."""
        if self.state.reader:
            action()
        else:
            self._waiting.append(action)
            self.ask()

    def ask(self) -> None:
        """Ask who reads."""
        self.state.reader_asked = True
        self.state.reader_wrong = ""

    def name(self, name: str) -> str:
        """Sign with this name from now on, and do what waited for it.

        Returns
        -------
        str
            For the browser to keep; empty where it is refused, and the page says why.
        """
        try:
            self._sign_as(checked_name(name))
        except InputError as error:
            self.state.reader_wrong = f"{error.message} {error.hint}"
            return ""
        waiting, self._waiting = self._waiting, []
        self.state.reader_asked = False
        for action in waiting:
            self._do(action)
        return self.state.reader

    def take_kept(self, name: str) -> None:
        """Take the name that the browser has kept, where this session has none and it can be a name."""
        if self.state.reader:
            return
        try:
            self._sign_as(checked_name(name))
        except InputError:
            return
        self._desk.scribbling.open_if_shown()

    def _do(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:
            self._desk.tell_error(error)

    def _sign_as(self, name: str) -> None:
        self.state.reader = name
        self._desk.reviewing.name_reader(name)
        self._desk.scribbling.name_reader()

    def _forget_waiting(self) -> None:
        if not self.state.reader_asked:
            self._waiting.clear()
