"""Who reads: remembered for both panels, and asked for before the first verdict where it is not known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from CMBSegmentationLib.errors import InputError

SETTING = "CMBSegmentation/Reader"  # of both panels: nobody has two names


class ReaderName:
    """The field for the reader's name, in either panel.

    Parameters
    ----------
    edit : QLineEdit
    named : callable
        Called with the name that stands there; tells whether it was taken.
    """

    def __init__(self, edit: Any, named: Callable[[str], bool]) -> None:
        self._edit, self._named = edit, named
        edit.connect("editingFinished()", self.take)
        self.recall()

    def recall(self) -> None:
        """Show the name that was typed last, in this panel or in the other."""
        self._edit.setText(qt.QSettings().value(SETTING, "") or "")
        self.take()

    def follow(self) -> None:
        """Take the name that was typed in the other panel meanwhile, if it is another one."""
        if (qt.QSettings().value(SETTING, "") or "") != self._edit.text.strip():
            self.recall()

    def take(self) -> None:
        """Take the name as it stands in the field, and remember it for the next start."""
        if self._named(self._edit.text.strip()):
            qt.QSettings().setValue(SETTING, self._edit.text.strip())

    def need(self) -> None:
        """Ask who reads, unless that is known; `InputError` if it is not said."""
        self.take()  # what was just typed: not every system moves the focus with a click on a button
        if not self._edit.text.strip():
            label = _("Your name or initials: they are written into every verdict.")
            self._edit.setText(qt.QInputDialog.getText(slicer.util.mainWindow(), _("Who reads?"), label) or "")
            self.take()
        if not self._edit.text.strip():
            raise InputError(_("A verdict needs a name or initials."), _("Type yours under Reader."))
