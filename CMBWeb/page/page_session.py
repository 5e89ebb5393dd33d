"""All that one browser session has: the scene, the sessions on it, and what binds them to the page."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import slicer
from trame_server import Server
from trame_slicer.core import SlicerApp

from CMBScribbleGrowLib.study.linked_lesion import LinkedLesion
from CMBSegmentationLib.errors import CMBError, InputError, MachineError, told
from CMBSegmentationLib.files.bundled import sample_scan
from CMBSegmentationLib.files.write_soon import not_saved_line
from CMBSegmentationLib.reading.dicom.series import SeriesChoiceError
from CMBSegmentationLib.reading.scan import SUPPORTED, FormatError
from CMBSegmentationLib.scene import load_results

from ..bindings.exporting import Exported, compare, compared_with, export
from ..bindings.keys import PageKeys
from ..bindings.phase_shown import PhaseShown
from ..bindings.reader import Reader
from ..bindings.reviewing import Reviewing
from ..bindings.scans import OpenedScan, add_scan, read_in
from ..bindings.scenes import check_apart, clear, open_scene
from ..bindings.scribbling import Scribbling
from ..bindings.views import Views
from ..files.chosen_image import ImageChoiceError, one_of_images
from ..files.kept_results import KeptResults, KeptScan
from ..files.session_folder import COMPARISON, EXPORTS, PHASE, REVIEW, UPLOADS, private, queue_folder, remove
from ..files.upload import SCENE_SUFFIX, Earlier, Received
from ..server.names import without_folders
from ..state import names
from ..state.declared import PageState
from ..state.typed import live, on_change
from ..ui.view_corner import view_corner

POLL_S = 0.1
SAMPLE_NAME = "cmb-sample_T2starw"
OPENING, DETECTING = "A scan is being opened.", "A detection is running."
WRITING = "Results are being written or compared."
NOT_OPENED = "was not opened: the review of the scan that is shown is not saved yet."
log = logging.getLogger(__name__)


class NotLeftError(MachineError):
    """The scan that is shown stays, since what was done on it cannot be saved."""


class PageSession:
    """One reader's page: scene, sessions, and what binds them.

    Parameters
    ----------
    server : Server
    app : SlicerApp
        Its scene is empty.
    """

    told = 0  # how many messages
    _is_refusal = False  # the last of them

    def __init__(self, server: Server, app: SlicerApp) -> None:
        self.server, self.app = server, app
        self.state = live(server.state, PageState)
        self.folder: Path | None = None
        self.opened: OpenedScan | None = None
        self._tasks: set[asyncio.Future[Any]] = set()
        self._waiting: KeptScan | None = None  # for its series to be chosen
        self._is_opening = False
        self.views = Views(server, app, view_corner(lambda name: self.views.show_alone(name)))
        self.kept = KeptResults(self.review_folder, lambda: queue_folder(self._own_folder()))
        self.reader = Reader(self)
        self.reviewing = Reviewing(self, self.kept)
        self.phase = PhaseShown(self)
        self.scribbling = Scribbling(self)
        self.reviewing.session.review_changed.connect(self.scribbling.show_verdicts)
        for session in (self.reviewing.session, self.scribbling.session):
            session.saving_changed.connect(lambda error: self._show_saving())
        self.keys = PageKeys(self)
        on_change(server.state, self._close_series_choice, names.page.series_shown)
        server.controller.on_server_ready.add_task(self._poll)

    # the beginning and the end

    def begin(self, folder: Path, scan: Path | None) -> None:
        """Take the folder of a browser session, offer what was left there, and open a scan where one is given."""
        self.folder = private(folder)
        former = self.kept.scan()
        with self.server.state:
            self.state.resumable = former.name if former is not None else ""
        if scan is not None and (former is None or former.path != str(scan)):
            self.start(self.open_path(scan, scan.name))
        elif former is not None and scan is not None:
            self.resume()

    def upload_folder(self) -> Path:
        """Give the private folder for what is uploaded."""
        return private(self._own_folder() / UPLOADS)

    def review_folder(self) -> Path:
        """Give the private folder in which the review is saved as it is made."""
        return private(self._own_folder() / REVIEW)

    def phase_folder(self) -> Path:
        """Give the private folder for the phase that is searched with."""
        return private(self._own_folder() / PHASE)

    def comparison_folder(self) -> Path:
        """Give the folder in which the comparison of the scan that is shown is kept, with its review."""
        return self.kept.scan_folder() / COMPARISON

    def close(self) -> None:
        """Save what there is: the process ends."""
        self.reviewing.close()
        self.scribbling.close()

    @property
    def node(self) -> slicer.vtkMRMLScalarVolumeNode | None:
        """The scan that is shown."""
        return self.opened.node if self.opened is not None else None

    # what is told

    def tell(self, message: str, hint: str = "", kind: str = "info") -> None:
        """Show a message in the page until it is closed or another comes."""
        self.told, self._is_refusal = self.told + 1, False
        with self.server.state:
            self.state.message, self.state.message_hint = without_folders(message), without_folders(hint)
            self.state.message_kind, self.state.message_shown = kind, bool(message)

    def tell_error(self, error: Exception) -> None:
        """Show what went wrong and what to do; a program's own fault goes to the log as well."""
        known = told(error)
        if known.unforeseen:
            log.error("unforeseen", exc_info=error)
        self.tell(known.message, known.hint, "error")

    def refuse(self, error: Exception) -> None:
        """Show why an action was refused: until the next one that succeeds."""
        self.tell_error(error)
        self._is_refusal = True

    def refusal_is_over(self) -> None:
        """Show no refusal any more: something else was done."""
        if self._is_refusal:
            self._is_refusal = False
            self._take_back(self.state.message)

    def _show_saving(self) -> None:
        """Show what is not on the disk, as long as that is so; a message that said so goes, too."""
        error = self.reviewing.session.not_saved or self.scribbling.session.not_saved
        line = without_folders(not_saved_line(error)) if error is not None else ""
        former, message = self.state.not_saved, self.state.message
        with self.server.state:
            self.state.not_saved = line
        if (message in former and message not in line) or (not line and message.endswith(NOT_OPENED)):
            self._take_back(message)

    # scans

    def open_sample(self) -> None:
        """Open the bundled simulated scan."""
        self.start(self.open_path(sample_scan(), SAMPLE_NAME))

    def open_uploaded(self, received: Received) -> None:
        """Open what a browser has sent: a scan, or a scene that was saved here or in Slicer."""
        self._open_kept(KeptScan(str(received.path), received.name, uploaded=True))

    def resume(self) -> None:
        """Go on with the review that was left: after the server was restarted, or the session was idle."""
        former = self.kept.scan()
        if former is None:
            self.tell("The scan of that review is no longer there.", "Open the scan again.", "error")
            return
        self._open_kept(former)

    def _open_kept(self, wanted: KeptScan) -> None:
        is_scene = wanted.name.lower().endswith(SCENE_SUFFIX)
        self.start(self._open_scene(wanted) if is_scene else self._open(wanted))

    def choose_series(self, uid: str) -> None:
        """Open that series of the folder which the page has asked about; none of them with an empty UID."""
        waiting = self._waiting
        if waiting is None or (uid and self._is_busy()):
            return
        if uid:
            self._waiting = None
            self.start(self._open(replace(waiting, series=uid)))
        self._forget_waiting()

    def _close_series_choice(self) -> None:
        """Take Escape, or a click beside the question, for "None of these"."""
        if self._waiting is not None and not self.state.series_shown:
            self._forget_waiting()

    def _forget_waiting(self) -> None:
        """Ask no more which series is meant."""
        waiting, self._waiting = self._waiting, None
        with self.server.state:
            self.state.series_offered, self.state.series_shown = [], False
        if waiting is not None and waiting.uploaded:
            remove(Path(waiting.path))

    async def open_path(self, path: Path, name: str, *, uploaded: bool = False) -> bool:
        """Read a scan and show it; what is wrong with it is told in the page, and the former scan stays.

        What was found in it and decided on it before is shown, too.

        Parameters
        ----------
        path : Path
            A file or a DICOM folder.
        name : str
            Shown in the page.
        uploaded : bool
            Whether the file is ours to remove when it cannot be read.
        """
        return await self._open(KeptScan(str(path), name, uploaded))

    async def _open(self, wanted: KeptScan) -> bool:
        path, name = Path(wanted.path), wanted.name
        if not self._begin_opening(name):
            return False
        await asyncio.sleep(0)  # let it be seen
        try:
            wanted, notes = await asyncio.to_thread(one_of_images, wanted)
            path, name = Path(wanted.path), wanted.name
            scan = await asyncio.to_thread(read_in, path, name, wanted.series)
            scan.notes = (*notes, *scan.notes)
            self._show(scan, wanted)
        except SeriesChoiceError as error:
            self._ask_for_series(wanted, error)
            return False
        except Exception as error:
            if wanted.uploaded:
                remove(path if path.is_dir() else path.parent)
            self.tell_error(_by_its_name(told(error), path, name))
            return False
        finally:
            self._opening_is_over()
        return True

    def _ask_for_series(self, wanted: KeptScan, error: SeriesChoiceError) -> None:
        self._waiting = wanted
        with self.server.state:
            self.state.series_offered = [asdict(one) for one in error.offered]
            self.state.series_title = "Which scan?" if isinstance(error, ImageChoiceError) else "Which series?"
            self.state.series_why = _shown(error.message, Path(wanted.path), wanted.name)
            self.state.series_shown = True

    async def _open_scene(self, wanted: KeptScan) -> None:
        path, name = Path(wanted.path), wanted.name
        if not self._begin_opening(name):
            return
        await asyncio.sleep(0)
        try:
            await asyncio.to_thread(check_apart, path, name)
            self._leave()
            scan = open_scene(self.app, path, name)
            self.kept.begin(wanted)
            self._take(scan)
            with self.server.state:
                self.reviewing.resume()
        except Exception as error:
            remove(path.parent)
            self.tell_error(_by_its_name(told(error), path, name))
        finally:
            self._opening_is_over()

    def _is_busy(self) -> bool:
        """Whether no scan can be opened now; then the reader is told why."""
        if self._is_opening:
            self.tell(OPENING, "Wait until it is shown.", "warning")
        elif self.state.busy:  # an export or a comparison
            self.tell(WRITING, "Open the scan once that is done.", "warning")
        elif self.reviewing.session.detection.is_running:
            self.tell(DETECTING, "Wait for it or cancel it, then open another scan.", "warning")
        else:
            return False
        return True

    def detection_is_over(self) -> None:
        """Ask no more to wait for the detection."""
        self._take_back(DETECTING)

    def _opening_is_over(self) -> None:
        self._is_opening = False
        with self.server.state:
            self.state.busy = ""
        self._take_back(OPENING)

    def _take_back(self, message: str) -> None:
        if self.state.message == message:
            with self.server.state:
                self.state.message, self.state.message_shown = "", False

    def _begin_opening(self, name: str) -> bool:
        if self._is_busy():
            return False
        self._forget_waiting()
        self._is_opening = True
        with self.server.state:
            self.state.busy, self.state.message_shown = f"Reading {name} …", False
        return True

    def _show(self, scan: OpenedScan, kept: KeptScan) -> None:
        self._leave()
        node = add_scan(self.app.scene, scan)
        self.kept.begin(kept)
        self._take(scan)
        found = self.kept.results()
        if found is not None:
            with self.server.state:
                load_results(found, node)
                self.reviewing.resume()

    def _take(self, scan: OpenedScan) -> None:
        """Have views and sessions work on a scan that is in the scene."""
        self.opened = scan
        self.kept.take(scan.key)
        with self.server.state:
            self.server.state.trame__title = f"{scan.name} – CMB"
            self.state.has_scan, self.state.resumable = True, ""
            self.state.scan_name, self.state.scan_facts = scan.name, scan.facts
            self.state.scan_notes = list(scan.notes)
            self.state.compared = compared_with(self.comparison_folder())
            self.views.show(scan.node)
            self.reviewing.take_scan(scan.node)
            self.phase.take_scan(scan)
            self.scribbling.open_if_shown()
            self.scribbling.open_kept()
        if scan.doubts:
            self.tell(" ".join(scan.doubts), kind="warning")

    def _leave(self) -> None:
        """Save the former scan's review and take all that was found in it out of the scene; raises if it cannot."""
        try:
            self.reviewing.save()
            self.scribbling.leave()
        except CMBError as error:
            raise NotLeftError(error.message, error.hint) from error
        former, self.opened = self.opened, None
        if former is not None and former.node is not None:
            self.reviewing.leave()
            clear(self.app.scene, former.node)

    # taking home

    def add_grown(self, lesion: LinkedLesion) -> None:
        """Put a grown lesion on the list of microbleeds."""
        self.reviewing.add_grown(lesion)

    async def export(self, what: str) -> Exported:
        """Write what a reader takes home; as `exporting.export`."""
        with self.server.state:
            return await export(self, what, self._own_folder() / EXPORTS)

    async def compare(self, earlier: Earlier) -> Path:
        """Write what changed since an earlier scan; as `exporting.compare`."""
        with self.server.state:
            self.state.busy = "Aligning the two scans …"
        try:
            folder = self.comparison_folder()
            page = await compare(self, earlier, self._own_folder() / COMPARISON, folder)
        except Exception as error:
            named = _by_its_name(told(error), earlier.scan.path, earlier.scan.name)
            raise _by_its_name(named, earlier.results, "the .zip") from error
        finally:
            remove(earlier.folder)
            with self.server.state:
                self.state.busy = ""
                self.state.compared = compared_with(self.comparison_folder())
        return page

    # inside

    async def _poll(self, **_: Any) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            try:
                with self.server.state:
                    self.reviewing.poll()
                    self.scribbling.poll()
                    self.views.poll()
            except Exception as error:
                self.tell_error(error)

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Have something done beside all else; what goes wrong in it is told."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)  # the loop itself keeps none alive
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self.tell_error(error)

    def _own_folder(self) -> Path:
        if self.folder is None:
            raise InputError("This page has no session yet.", "Reload it.")
        return self.folder


def _by_its_name(error: CMBError, path: Path, name: str) -> CMBError:
    """Word an error with the name that the reader knows; where it lies on the disk is no concern of theirs."""
    if isinstance(error, NotLeftError):
        return NotLeftError(f"{name} {NOT_OPENED}", str(error))
    if isinstance(error, FormatError):
        error = FormatError(error.message, f"Supported are {SUPPORTED}, {SCENE_SUFFIX} and DICOM folders.")
    with contextlib.suppress(TypeError):
        return type(error)(_shown(error.message, path, name), _shown(error.hint, path, name))
    return error


def _shown(text: str, path: Path, name: str) -> str:
    return text.replace(str(path), name).replace(path.name, name)
