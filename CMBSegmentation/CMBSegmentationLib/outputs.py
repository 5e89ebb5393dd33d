"""The files a detection leaves: BIDS-derivative names, all of them or none."""

from __future__ import annotations

import csv
import errno
import gzip
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import SimpleITK as sitk

from .detection import Detection
from .errors import InputError, MachineError
from .lesions import COLUMNS, Lesion
from .report import report_html
from .result_files import SCHEMA_VERSION, result_names
from .summary import summarise

NOTICE = "Research software, not a medical device: a reader must confirm every finding."
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def check_output_folder(out: Path, stem: str, overwrite: bool) -> None:
    """Refuse, before any work is done, a folder that cannot take the results.

    Parameters
    ----------
    out : Path
        Made if it does not exist.
    stem : str
    overwrite : bool
        Whether earlier results of the same scan may be replaced.

    Raises
    ------
    InputError
        It is a file, cannot be written, or holds results already.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file, not a folder.", "Give another folder with -o.")
    taken = [name for name in result_names(stem, probability=True).values() if (out / name).exists()]
    if taken and not overwrite:
        raise InputError(
            f"{out} already holds results of this scan ({taken[0]}).",
            "Nothing was changed. Give --overwrite to replace them, or another folder.",
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise _disk_error(out, error) from error
        raise InputError(
            f"{out} cannot be written ({error.strerror}).", "Give a folder that you may write to with -o."
        ) from error


def write_results(
    detection: Detection,
    out: Path,
    stem: str,
    *,
    notes: Sequence[str] = (),
    save_probability: bool = False,
) -> dict[str, Path]:
    """Write all files of a detection to a temporary folder, then move them in.

    Parameters
    ----------
    detection : Detection
    out : Path
        As `check_output_folder` left it.
    stem : str
        The scan's name without extension.
    notes : sequence of str
        What was repaired on reading.
    save_probability : bool
        Also write the probability and the brain mask, so that others can re-threshold.

    Returns
    -------
    dict
        Path by kind, as `result_files.result_names`.

    Raises
    ------
    MachineError
        The disk is full or failed; nothing is left behind.
    """
    names = result_names(stem, probability=save_probability)
    with _drafts(out) as draft:
        _write_image(detection.labels, draft / names["labels"])
        _write_table(detection.lesions, draft / names["table"])
        content = {
            "schema_version": SCHEMA_VERSION,
            "notice": NOTICE,
            "scan": stem,
            "notes": list(notes),
            "summary": summarise(detection.lesions),
            "lesions": [lesion.as_row() for lesion in detection.lesions],
            "provenance": detection.provenance,
        }
        (draft / names["json"]).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
        report = report_html(detection, scan_name=stem, notes=notes)
        (draft / names["report"]).write_text(report, encoding="utf-8")
        if save_probability:
            _write_image(detection.probability, draft / names["probability"])
            _write_image(detection.brain, draft / names["brain"])
        for name in names.values():
            os.replace(draft / name, out / name)
        for name in set(result_names(stem, probability=True).values()) - set(names.values()):
            (out / name).unlink(missing_ok=True)  # of the run that is replaced
    return {kind: out / name for kind, name in names.items()}


@contextmanager
def _drafts(out: Path) -> Iterator[Path]:
    """A temporary folder on the disk of `out`; errors of that disk are told as such."""
    try:
        folder = Path(
            tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.resolve().parent if _may_write_beside(out) else out)
        )
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise _disk_error(out, error) from error


def _may_write_beside(out: Path) -> bool:
    beside = out.resolve().parent
    return os.access(beside, os.W_OK) and beside.stat().st_dev == out.stat().st_dev


def _write_image(image: sitk.Image, path: Path) -> None:
    try:
        sitk.WriteImage(image, str(path), True)
    except RuntimeError as error:
        raise OSError(errno.EIO, _last_line(error)) from error
    try:  # the writer does not notice a disk that fills up as the file is closed
        with gzip.open(path) as stream:
            while stream.read(1 << 24):
                pass
    except (EOFError, gzip.BadGzipFile) as error:
        raise OSError(errno.ENOSPC, "the file was cut off") from error


def _write_table(lesions: Sequence[Lesion], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, COLUMNS)
        table.writeheader()
        table.writerows(lesion.as_row() for lesion in lesions)


def _disk_error(out: Path, error: OSError) -> MachineError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    what = "The disk is full" if full else f"Writing failed ({error.strerror or error})"
    return MachineError(
        f"{what}: the results could not be written to {out}.",
        "Nothing was left half-written. Free some space or give a folder on another disk with -o.",
    )


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1][:200] if str(error).strip() else type(error).__name__
