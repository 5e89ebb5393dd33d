"""What a reader takes home: the files of the review in a zip, the report, the scene."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from CMBSegmentationLib.compare.page import ENDINGS as CHANGES
from CMBSegmentationLib.errors import CMBError, InputError, MachineError
from CMBSegmentationLib.files.atomic_file import put_in_place
from CMBSegmentationLib.reading.scan import scan_stem
from CMBSegmentationLib.results.names import ENDINGS_REPORT, first_part
from CMBSegmentationLib.scene.origin import is_of_series, origin_of
from CMBSegmentationLib.session.export_review import detection_of, stem_of
from CMBSegmentationLib.session.exporting import compare_detection

from ..files.upload import EARLIER, Earlier, Received
from ..page.own_process import elsewhere

if TYPE_CHECKING:
    from ..page.page_session import PageSession

Told = tuple[str, str]
"""What is told of an export, and what to do."""
ZIP, REPORT, PDF, SCENE, CHANGED = "zip", "report", "pdf", "scene", "comparison"


async def export(desk: PageSession, what: str, folder: Path) -> tuple[Path, str, str]:
    """Write what was asked for.

    Parameters
    ----------
    desk : PageSession
    what : {"zip", "report", "pdf", "scene", "comparison"}
    folder : Path
        Private; former exports in it are replaced.

    Returns
    -------
    path : Path
    name : str
        For the reader.
    kind : str
        MIME type.

    Raises
    ------
    CMBError
        There is nothing to export, or it cannot be written.
    """
    if desk.node is None:
        raise InputError("No scan is open.", "Open one first.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
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
                shutil.copy(path, folder)
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
    shutil.rmtree(folder, ignore_errors=True)
    put_in_place(draft, folder)
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
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                stored = file.suffix in (".gz", ".nrrd", ".dcm")
                kind = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
                archive.write(file, file.relative_to(folder).as_posix(), compress_type=kind)


def _scene(desk: PageSession, path: Path) -> Path:
    desk.scribbling.put_down()
    try:
        with desk.scribbling.to_take_home():
            pass  # the scene has it from then on
    except CMBError as error:  # it takes nothing else with it
        desk.tell(f"The annotation is missing in the scene: {error.message}", error.hint, "warning")
    desk.app.io_manager.write_scene(path.as_posix())
    if not path.is_file() or path.stat().st_size == 0:
        raise MachineError("The scene could not be written.", "Free some disk space and try again.")
    return path
