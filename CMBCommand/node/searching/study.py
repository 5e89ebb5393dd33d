"""One study searched, in a worker: the run of `cmb detect`, and its results as DICOM; always yields an outcome."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import SimpleITK as sitk

from CMBSegmentationLib.dicom_out import DicomExport, prepare_export, write_objects
from CMBSegmentationLib.errors import CMBError, InputError, MachineError, told
from CMBSegmentationLib.models.loaded_models import StageChoice, Stages, load_stages
from CMBSegmentationLib.reading.dicom.series import SeriesChoiceError
from CMBSegmentationLib.report.content import content_of
from CMBSegmentationLib.report.pdf import report_pdf
from CMBSegmentationLib.results.as_detection import read_detection
from CMBSegmentationLib.results.counts import counts_of
from CMBSegmentationLib.results.summary import sentence_of
from CMBSegmentationLib.running.run import Request, run
from CMBSegmentationLib.vocabulary.numbers import counted

from ..logs import silence_libraries
from ..settings import Search
from .failure_report import write_failure_report

DICOM_KINDS = ("dicom_seg", "dicom_sr", "dicom_pdf")


@dataclass(frozen=True)
class StudySearch:
    """What to do with a study.

    Attributes
    ----------
    images : Path
        Its folder.
    out : Path
        Folder for the results, of this try only.
    search : Search
    threads : int
        That the networks may use.
    tells_failure : bool
        Make a structured report if it cannot be searched.
    missing : int
        Images of it that could not be taken.
    """

    images: Path
    out: Path
    search: Search
    threads: int = 1
    tells_failure: bool = False
    missing: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes
    ----------
    files : dict of str to str
        DICOM objects to send, path by kind.
    found : str
        The counts in a sentence; empty where it failed.
    report : str
        Path of the page.
    seconds : float
    error, hint : str
        Empty where it went well.
    may_go_next_time : bool
        It was the machine's fault.
    """

    files: dict[str, str] = field(default_factory=dict)
    found: str = ""
    report: str = ""
    seconds: float = 0.0
    error: str = ""
    hint: str = ""
    may_go_next_time: bool = False


def search_study(job: StudySearch) -> Outcome:
    """Search a study and make its DICOM objects; raises nothing.

    Parameters
    ----------
    job : StudySearch

    Returns
    -------
    Outcome
    """
    started = time.perf_counter()
    with warnings.catch_warnings():
        silence_libraries()  # in this process, too
        try:
            return _searched(job, started)
        except Exception as caught:
            error = _for_the_node(told(caught), type(caught).__name__)
        files: dict[str, str] = {}
        is_machines = isinstance(error, MachineError) and not error.unforeseen
        if job.tells_failure and not is_machines:
            files = write_failure_report(job.images, job.out, error)
    return Outcome(files, "", "", time.perf_counter() - started, error.message, error.hint, is_machines)


def _for_the_node(error: CMBError, kind: str) -> CMBError:
    """Give a hint that can be followed here, where nobody gives options with a study, and nothing of a header."""
    if error.unforeseen:  # its text is a library's, which may quote a patient's name
        error.message = f"Unexpected: {kind}."
    if isinstance(error, SeriesChoiceError):
        error.hint = "Search the right one by hand: cmb detect FOLDER --series NUMBER --dicom."
    return error


def _searched(job: StudySearch, started: float) -> Outcome:
    if job.missing:
        raise InputError(
            f"At least {counted(job.missing, 'image')} of this study could not be taken: there was no room, or the "
            "archive failed.",
            "See to it that there is room, and send the study again.",
        )
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(job.threads)
    wanted = job.search
    stages = loaded_stages(wanted.model, wanted.device, wanted.stages, job.threads)
    request = Request(
        job.images, job.out, device=wanted.device, settings=wanted.settings, overwrite=True, dicom=DicomExport()
    )
    outcome = run(request, loaded=stages)
    files = {**outcome.files, **_pdf(job)}
    return Outcome(
        {kind: str(files[kind]) for kind in DICOM_KINDS if kind in files},
        sentence_of(counts_of(outcome.detection.lesions)),
        str(files["report"]),
        time.perf_counter() - started,
    )


def _pdf(job: StudySearch) -> Mapping[str, Path]:
    """Make the report's PDF for the archive, as `cmb report --dicom` does."""
    from CMBSegmentationLib.dicom_out.encapsulated import pdf_object

    stored = read_detection(job.out, job.images)
    source = prepare_export(stored.frames, job.images.name, DicomExport())
    content = content_of(stored.detection, scan_name=stored.stem, notes=stored.notes)
    return write_objects(
        lambda: {"dicom_pdf": pdf_object(report_pdf(content), source, stored.detection.search.software)},
        job.out,
        stored.stem,
    )


@lru_cache(maxsize=1)
def loaded_stages(model: str | None, device: str, choice: StageChoice, threads: int) -> Stages:
    """Load the models once a worker; raises as `load_stages`."""
    return load_stages(model, device, choice, threads=threads)
