"""One scan of a batch: searched once; always yields one result row, even on failure."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ..detecting.detect import Settings
from ..detecting.lesions import Lesion
from ..errors import InputError, told
from ..files.atomic_file import replacing
from ..files.paths import printable
from ..files.present import check_present
from ..models.loaded_models import StageChoice, Stages, load_stages
from ..progress import Progress, no_progress
from ..results.counts import Counts, counts_of
from ..results.folder import check_output_folder
from ..results.names import all_names, result_names
from ..results.read_back import read_list
from ..results.summary import summary_of
from ..running.run import Request, run
from ..vocabulary.columns import COLUMNS as OF_LESIONS
from ..vocabulary.columns import REVIEW_COLUMNS
from ..vocabulary.published.scales import SCALES
from ..vocabulary.regions import GROUPS
from .bids import BidsScan
from .parcellations import parcellation_of
from .result_record import ENDING, is_whole, write_record
from .thumbnail import write_thumbnail

THUMBNAIL = "_desc-cmb_thumbnail.png"
COLUMNS = (
    "subject", "session", "scan", "microbleeds", "class", "below_5_mm", "from_5_to_10_mm", "lobar", "deep",
    "infratentorial", "definite", "possible", "dropped", *(scale.key for scale in SCALES), "seconds", "error", "hint",
)  # fmt: skip
"""Of the table of scans, from `results.summary.summary_of` each."""
LESION_COLUMNS = ("subject", "session", "scan", *OF_LESIONS, *REVIEW_COLUMNS)
"""Of the table of all lesions."""


@dataclass(frozen=True)
class Job:
    """What to do with one scan.

    Attributes
    ----------
    scan : BidsScan
    out : Path
        Root of the derivatives.
    model : str or None
    device : str
    stages : StageChoice
    settings : Settings
    threads : int
        That the network may use.
    overwrite : bool
        Search again where there are results.
    parcellation : str
        Pattern of the path of the scan's parcellation, as `batch.parcellations.parcellation_of` takes it; empty: none.
    """

    scan: BidsScan
    out: Path
    model: str | None = None
    device: str = "auto"
    stages: StageChoice = field(default_factory=StageChoice)
    settings: Settings = field(default_factory=Settings)
    threads: int = 1
    overwrite: bool = False
    parcellation: str = ""

    @property
    def folder(self) -> Path:
        """Where this scan's results go."""
        return self.out / self.scan.folder


@dataclass(frozen=True)
class Row:
    """What came of a scan.

    Attributes
    ----------
    scan : BidsScan
    lesions : tuple of Lesion or None
        All of the list; None where the scan failed.
    seconds : float
        That the search took.
    is_earlier : bool
        The results were there already.
    error, hint : str
        Empty where it went well.
    """

    scan: BidsScan
    lesions: tuple[Lesion, ...] | None = None
    seconds: float = 0.0
    is_earlier: bool = False
    error: str = ""
    hint: str = ""

    @property
    def name(self) -> str:
        """The scan's name, without extension, as it can be printed."""
        return printable(self.scan.stem)

    @property
    def counts(self) -> Counts:
        """What was found, in numbers."""
        return counts_of(self.lesions or ())

    @property
    def microbleeds(self) -> list[Lesion]:
        """Those that the headline counts."""
        counted = self.counts.counted
        return [lesion for lesion in self.lesions or () if lesion.certainty in counted]

    def lesion_rows(self) -> list[dict[str, Any]]:
        """One row a lesion, by `LESION_COLUMNS`; empty where there is no value."""
        return [{**self._named(), **lesion.as_row((*OF_LESIONS, *REVIEW_COLUMNS))} for lesion in self.lesions or ()]

    def cells(self) -> dict[str, Any]:
        """Values by `COLUMNS`; empty where there are none."""
        searched = self.lesions is not None
        summary = summary_of(self.counts) if searched else {}
        groups, scales = summary.pop("by_group", {}), summary.pop("scales", {})
        return {
            **{key: "" for key in COLUMNS},
            **self._named(),
            **{key: value for key, value in summary.items() if key in COLUMNS},
            **{group: groups.get(group, "") for group in GROUPS},
            **scales,
            "seconds": round(self.seconds, 1) if searched else "",
            "error": self.error,
            "hint": self.hint,
        }

    def _named(self) -> dict[str, str]:
        return {
            "subject": printable(self.scan.subject),
            "session": printable(self.scan.session),
            "scan": printable(self.scan.source),
        }


def do_scan(job: Job, progress: Progress = no_progress) -> Row:
    """Search a scan unless its results are there; never raises for what is wrong with one scan.

    A cluster may call this twice for one scan, when a worker dies between finishing and telling: the
    second call finds the results and reads them.

    Parameters
    ----------
    job : Job
    progress : Progress, optional
        Of this scan's search.

    Returns
    -------
    Row
    """
    try:
        if not job.overwrite and (row := earlier_row(job)) is not None:
            return row
        started = time.perf_counter()
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(job.threads)
        stages = _stages(job.model, job.device, job.stages, job.threads)
        check_present(job.scan.path)
        thumbnail, record = job.scan.named(THUMBNAIL), job.scan.named(ENDING)
        check_output_folder(job.folder, {*all_names(job.scan.stem), thumbnail, record}, overwrite=True)
        request = Request(
            job.scan.path,
            job.folder,
            device=job.device,
            settings=job.settings,
            parcellation=parcellation_of(job.scan, job.parcellation) if job.parcellation else None,
            overwrite=True,
            uri=job.scan.uri,
        )
        outcome = run(request, progress, loaded=stages)
        with replacing(job.folder / thumbnail) as draft:
            write_thumbnail(outcome.detection, draft)
        names = {path.name for path in outcome.files.values()} | {thumbnail}
        write_record(job.folder / record, job.scan.path.name, names)
        return Row(job.scan, tuple(outcome.detection.lesions), time.perf_counter() - started)
    except Exception as caught:
        error = told(caught)
        return Row(job.scan, error=printable(error.message), hint=printable(error.hint))


def earlier_row(job: Job) -> Row | None:
    """Read what an earlier run left of a scan; None where it did not end, or a file is not as it was left."""
    names = result_names(job.scan.stem, probability=False)
    files, record = {*names.values(), job.scan.named(THUMBNAIL)}, job.folder / job.scan.named(ENDING)
    try:
        stored = read_list(job.folder / names["json"])
        reviewed = bool(stored.search.reviewed_at)  # exported over the search's: other files, all wanted
        there = record.is_file() and all((job.folder / name).is_file() for name in files)
        if not (reviewed and there) and not is_whole(record, job.scan.path.name, files):
            return None
        return Row(job.scan, stored.lesions, sum(stored.search.seconds.values()), is_earlier=True)
    except (OSError, InputError):
        return None


@lru_cache(maxsize=1)
def _stages(name: str | None, device: str, choice: StageChoice, threads: int) -> Stages:
    """Load the models once a worker."""
    return load_stages(name, device, choice, threads=threads)
