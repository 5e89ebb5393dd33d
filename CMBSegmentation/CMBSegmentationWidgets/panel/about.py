"""The versions of program, models and packages, and installing the packages into Slicer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from CMBSegmentationLib import __version__
from CMBSegmentationLib.errors import CMBError
from CMBSegmentationLib.packages import all_requirements, installed_versions

from .messages import REQUESTER, Messages

AFRESH = ("--upgrade", "--force-reinstall", "--no-deps")  # with their own needs, Slicer's numpy would be replaced


class AboutPart:
    """The section About: versions, and a button that installs the packages again.

    Parameters
    ----------
    ui : object
        The panel's widgets by name.
    messages : Messages
    """

    def __init__(self, ui: Any, messages: Messages) -> None:
        self.ui, self._messages = ui, messages
        ui.aboutSection.connect("contentsCollapsed(bool)", self._on_collapsed)
        ui.reinstallButton.connect("clicked()", messages.edge.on(self.reinstall))

    def reinstall(self) -> None:
        """Install the packages again after asking."""
        try:
            if reinstall():
                self._messages.tell(_("The packages were installed again. Restart Slicer to use them."))
        except Exception as error:  # pip's failure is a CalledProcessError
            why = _("The packages could not be installed ({error}). Check the internet connection and try again.")
            self._messages.tell(why.format(error=error), is_problem=True)
        self._on_collapsed(False)

    def _on_collapsed(self, is_collapsed: bool) -> None:
        """Look up the versions when they are to be seen."""
        if not is_collapsed:
            self.ui.versionsLabel.setText(versions_text())


def install_in_slicer(requirements: Sequence[str]) -> None:
    """Ask the user and install into Slicer's Python; RuntimeError if the user declines.

    Parameters
    ----------
    requirements : sequence of str
        As pip takes them.
    """
    try:
        from slicer.packaging import pip_ensure
    except ImportError:  # Slicer 5.10
        question = _("These Python packages will be installed into Slicer:") + "\n\n" + "\n".join(requirements)
        if not slicer.util.confirmOkCancelDisplay(question, REQUESTER):
            raise RuntimeError(_("it was declined")) from None
        slicer.util.pip_install(list(requirements))
    else:
        pip_ensure(list(requirements), requester=REQUESTER)


def versions_text() -> str:
    """Write the versions, a line each: the program, the bundled models, the packages."""
    packages = [f"{name} {version}" for name, version in installed_versions().items()]
    return "\n".join((f"{REQUESTER} {__version__}", *_models(), *packages))


def reinstall() -> bool:
    """Ask, and install the packages afresh into Slicer's Python; tell whether that was done.

    Raises
    ------
    Exception
        What pip's failure raises in Slicer.
    """
    wanted = all_requirements()
    question = "These Python packages will be installed again into Slicer:\n\n" + "\n".join(wanted)
    if not slicer.util.confirmOkCancelDisplay(question, REQUESTER):
        return False
    slicer.util.pip_install([*AFRESH, *wanted])
    return True


def _models() -> list[str]:
    from CMBSegmentationLib.files.bundled import bundled_models

    return [_model(path) for path in bundled_models()]


def _model(path: Path) -> str:
    try:
        from CMBSegmentationLib.models.hardware import open_session
        from CMBSegmentationLib.models.model_file import read_manifest

        manifest = read_manifest(open_session(path, "cpu")[0], path.name)
    except (CMBError, ImportError):
        return f"{path.stem} (version unknown: packages are missing)"
    return f"{manifest.name} {manifest.version}"
