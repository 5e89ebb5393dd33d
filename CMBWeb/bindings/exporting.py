"""What a reader takes home: the files of the review in a zip, the report, the scene."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from CMBSegmentationLib.compare.page import ENDINGS as CHANGES
from CMBSegmentationLib.errors import CMBError, InputError, MachineError
from CMBSegmentationLib.files.atomic_file import put_in_place, write_error
from CMBSegmentationLib.files.disk_errors import FULL, OF_THE_DISK, is_of
from CMBSegmentationLib.reading.scan import scan_stem
from CMBSegmentationLib.results.names import ENDINGS_REPORT, first_part
from CMBSegmentationLib.scene.origin import is_of_series, origin_of
from CMBSegmentationLib.session.export_review import detection_of, stem_of
from CMBSegmentationLib.session.exporting import compare_detection

from ..files.session_folder import private
from ..files.upload import EARLIER, Earlier, Received
from ..page.own_process import elsewhere

if TYPE_CHECKING:
    from ..page.page_session import PageSession

Told = tuple[str, str]
"""What is told of an export, and what to do."""
ZIP, REPORT, PDF, SCENE, CHANGED = "zip", "report", "pdf", "scene", "comparison"


@dataclass(frozen=True)
class Exported:
    """A file for a reader to take home.

    Attributes
    ----------
    path : Path
    name : str
        For the reader.
    kind : str
        MIME type.
    folder : Path
        Holds the file, and is to be removed once it was sent.
    """

    path: Path
    name: str
    kind: str
    folder: Path


class NoSceneError(MachineError):
    """The scene was not written; Slicer does not say why."""


async def export(desk: PageSession, what: str, folder: Path) -> Exported:
    """Write what was asked for; where the session's disk is full, in the system's temporary folder.

    Parameters
    ----------
    desk : PageSession
    what : {"zip", "report", "pdf", "scene", "comparison"}
    folder : Path
        The session's for exports: each has a private one of its own in it.

    Returns
    -------
    Exported

    Raises
    ------
    CMBError
        There is nothing to export, or it cannot be written; nothing is left half-written.
    """
    if desk.node is None:
        raise InputError("No scan is open.", "Open one first.")
    try:
        return await _exported_on(folder, desk, what)
    except (CMBError, OSError) as error:
        if not (is_of(OF_THE_DISK, error) or isinstance(error, NoSceneError)):
            raise
        first = error
    try:
        return await _exported_on(None, desk, what)
    except (CMBError, OSError) as error:
        if not (is_of(FULL, first) or is_of(FULL, error)):
            raise first from error
        raise MachineError(
            "The disk is full: nothing could be exported.",
            "Whoever runs cmb web has to free some space. What you did stays in this page: export again then.",
        ) from error


async def _exported_on(disk: Path | None, desk: PageSession, what: str) -> Exported:
    with _folder_on(disk) as own:
        return Exported(*await _written(desk, what, own), own)


@contextmanager
def _folder_on(disk: Path | None) -> Iterator[Path]:
    """Make a private folder, in that of the session or in the system's temporary one; it goes where the block fails."""
    own = Path(tempfile.mkdtemp(prefix="cmb-export-", dir=private(disk) if disk is not None else None))
    try:
        yield own
    except BaseException:
        shutil.rmtree(own, ignore_errors=True)
        raise


async def _written(desk: PageSession, what: str, folder: Path) -> tuple[Path, str, str]:
    """Write what was asked for to an empty folder; give its path, its name for the reader and its MIME type."""
    assert desk.node is not None
    stem = desk.node.GetName()
    if what == SCENE:
        return _scene(desk, folder / "scene.mrb"), f"{stem}.mrb", "application/zip"
    if what == CHANGED:
        path = folder / "changes.zip"
        await asyncio.to_thread(_zip, path, _comparison(desk))
        return path, f"{first_part(stem)}{CHANGES['page'].removesuffix('.html')}.zip", "application/zip"
    if what == PDF:
        return _pdf(desk, folder / "report.pdf"), f"{first_part(stem)}{ENDINGS_REPORT['pdf']}", "application/pdf"
    if what == REPORT:
        report = _report(desk, folder / "files")
        return report, report.name, "text/html"
    _write_files(desk, folder / "files")
    path = folder / "files.zip"
    await asyncio.to_thread(_zip, path, folder / "files")
    return path, f"{stem}_cmb.zip", "application/zip"


def _write_files(desk: PageSession, folder: Path) -> None:
    """Write the review's files, as the command names them, and the annotation's beside them."""
    folder.mkdir()
    problems: list[CMBError] = []

    def tried(write: Callable[[PageSession, Path], list[Told]]) -> list[Told]:
        try:
            return write(desk, folder)
        except CMBError as error:  # it takes nothing else with it
            if is_of(FULL, error):
                raise  # another disk may take all of it
            problems.append(error)
            return [(f"Something is missing in what was exported: {error.message}", error.hint)]

    told = [*tried(_list), *tried(_annotation)]
    if not any(folder.iterdir()):
        raise (
            problems[0]
            if problems
            else InputError("There is nothing to export yet.", "Detect microbleeds, or grow a scribble.")
        )
    if told:
        desk.tell(" ".join(message for message, _ in told), " ".join(hint for _, hint in told if hint), "warning")


def _list(desk: PageSession, folder: Path) -> list[Told]:
    """Write the review's files, if there is a review; give what is to be told of them, each with what to do."""
    session, opened = desk.reviewing.session, desk.opened
    if session.review is not None:
        write = partial(session.exporting.export, folder, overwrite=True, header=opened.header if opened else None)
        if opened is not None and opened.scan is not None and opened.scan.frames:
            try:
                write(dicom_folder=opened.path, series=opened.series)
            except CMBError as error:  # what was not asked for costs nothing that was
                if is_of(FULL, error):
                    raise
                write()
                return [(f"Exported without DICOM objects: {error.message}", error.hint)]
        else:
            write()
            if opened is not None and opened.scan is None and is_of_series(desk.node):
                without = "Exported without DICOM objects: a scene does not hold the DICOM files of its scan."
                return [(without, "Open the DICOM folder itself for SEG, SR and PDF.")]
    return []


def _report(desk: PageSession, folder: Path) -> Path:
    session = desk.reviewing.session
    if session.review is None:
        raise InputError("There is no report yet.", "Detect microbleeds first.")
    return session.exporting.export(folder, overwrite=True)["report"]


def _comparison(desk: PageSession) -> Path:
    folder = desk.comparison_folder()
    if not compared_with(folder):
        raise InputError("There is no comparison yet.", "Choose Compare with an earlier scan first.")
    return folder


def _annotation(desk: PageSession, folder: Path) -> list[Told]:
    """Write all readers' annotation as it is now to a folder, if there is any; give what is to be told."""
    with desk.scribbling.to_take_home() as study:
        if study is None or study.disk.files is None or all(one.is_empty for one in study.disk.study.annotations):
            return []
        try:
            study.disk.flush()
        except CMBError as error:
            study.disk.copy_to(folder)
            return [(f"The export has the annotation as it is now; on the server it is not saved: {error.message}", "")]
        for path in (study.disk.files.annotation, study.disk.files.segments):
            if path.exists():
                try:
                    shutil.copy(path, folder)
                except OSError as error:
                    raise write_error(folder / path.name, error) from error
    return []


def _pdf(desk: PageSession, path: Path) -> Path:
    session = desk.reviewing.session
    if session.review is None:
        raise InputError("There is no report yet.", "Detect microbleeds first.")
    return session.exporting.export_pdf(path)


async def compare(desk: PageSession, earlier: Earlier, draft: Path, folder: Path) -> Path:
    """Compare the review with an earlier scan's results; give the page that shows both side by side.

    Parameters
    ----------
    desk : PageSession
    earlier : Earlier
    draft : Path
        Private, for a comparison that is not complete; what is in it is removed.
    folder : Path
        Where the comparison is kept; a former one in it is replaced once this one is complete.

    Raises
    ------
    CMBError
        There is no review, the earlier results are not those of that scan, or the scans cannot be aligned.
    """
    review = desk.reviewing.session.review
    if review is None:
        raise InputError("There is nothing to compare with yet.", "Detect microbleeds first.")
    shutil.rmtree(draft, ignore_errors=True)
    later, stem = detection_of(review), stem_of(review)
    scan = _under_its_name(earlier.scan)
    opened = desk.opened.identity if desk.opened else None
    whose = opened or origin_of(review.nodes.scan).identity
    files = await elsewhere(compare_detection, later, stem, whose, earlier.results, draft, earlier_scan=scan)
    try:
        shutil.rmtree(folder, ignore_errors=True)
        put_in_place(draft, folder)
    except OSError as error:
        raise write_error(folder, error) from error
    return folder / files["page"].name


def compared_with(folder: Path) -> str:
    """Name the earlier scan of the comparison that is kept in a folder, and when it was made; empty without one."""
    for path in folder.glob(f"*{CHANGES['json']}"):
        try:
            first = json.loads(path.read_text(encoding="utf-8"))["first"]
        except (OSError, ValueError, KeyError):
            continue
        return f"{first}, {datetime.fromtimestamp(path.stat().st_mtime):%H:%M}"
    return ""


def _under_its_name(scan: Received) -> Path:
    """Rename what was stored under a name of our own: the comparison calls a scan by its file."""
    stem = re.sub(r"[^\w.-]+", "_", scan_stem(Path(scan.name))).strip("._-")[:80] or EARLIER
    return scan.path.rename(scan.path.with_name(stem + scan.path.name.removeprefix(scan_stem(scan.path))))


def _zip(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    stored = file.suffix in (".gz", ".nrrd", ".dcm")
                    kind = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
                    archive.write(file, file.relative_to(folder).as_posix(), compress_type=kind)
    except OSError as error:
        raise write_error(path, error) from error


def _scene(desk: PageSession, path: Path) -> Path:
    desk.scribbling.put_down()
    try:
        with desk.scribbling.to_take_home():
            pass  # the scene has it from then on
    except CMBError as error:  # it takes nothing else with it
        desk.tell(f"The annotation is missing in the scene: {error.message}", error.hint, "warning")
    desk.app.io_manager.write_scene(path.as_posix())
    if not zipfile.is_zipfile(path):  # nothing, or half of it
        raise NoSceneError(
            "The scene could not be written.",
            "Whoever runs cmb web has to see that its disks have space. Export again then.",
        )
    return path
