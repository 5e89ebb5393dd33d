"""What the panel has told so far, and the versions of program, models and packages."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Any

import slicer

from CMBSegmentationLib import __version__
from CMBSegmentationLib.errors import CMBError
from CMBSegmentationLib.packages import all_requirements, installed_versions

REQUESTER = "CMB Segmentation"
AFRESH = ("--upgrade", "--force-reinstall", "--no-deps")  # with their own needs, Slicer's numpy would be replaced


class PanelLog:
    """Writes each message once, with its time, into the panel and into Slicer's own log.

    Parameters
    ----------
    text : QPlainTextEdit
    """

    def __init__(self, text: Any) -> None:
        self._text, self._last = text, ""

    def write(self, message: str, *, is_problem: bool = False) -> None:
        """Write a message; the same one again, and an empty one, is left out."""
        if not message or message == self._last:
            return
        self._last = message
        self._text.appendPlainText(f"{datetime.now():%H:%M:%S}  {message}")
        logging.getLogger(REQUESTER).log(logging.WARNING if is_problem else logging.INFO, message)


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
