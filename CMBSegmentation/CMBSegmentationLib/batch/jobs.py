"""One scan of a batch: searched once, and told as a row whatever happens."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ..detecting.detect import Detection, Settings
from ..detecting.lesions import ACCEPTED, checked_row
from ..detecting.lesions import COLUMNS as OF_LESIONS
from ..errors import told
from ..files.atomic_file import replacing
from ..files.fields import Fields, read_json
from ..files.paths import printable
from ..files.present import check_present
from ..models.loaded_models import StageChoice, Stages, load_stages
from ..results.folder import check_output_folder
from ..results.names import all_names, result_names
from ..results.read_back import checked_verdict
from ..running.run import Request, run
from ..vocabulary.columns import REVIEW_COLUMNS
from ..vocabulary.regions import GROUPS, group_of
from ..vocabulary.verdicts import ACCEPTED as DEFINITE
from ..vocabulary.verdicts import DECISIONS, UNCERTAIN
from .bids import BidsScan
from .result_record import ENDING, is_whole, write_record
from .thumbnail import write_thumbnail

THUMBNAIL = "_desc-cmb_thumbnail.png"
COLUMNS = (
    "subject", "session", "scan", "microbleeds", "class", "below_5_mm", "from_5_to_10_mm", "lobar", "deep",
    "infratentorial", "definite", "possible", "dropped", "seconds", "error", "hint",
)  # fmt: skip
"""Of the table of scans. Definite and possible are counted where a reader has decided on a lesion of the scan."""
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
    """

    scan: BidsScan
    out: Path
    model: str | None = None
    device: str = "auto"
    stages: StageChoice = field(default_factory=StageChoice)
    settings: Settings = field(default_factory=Settings)
    threads: int = 1
    overwrite: bool = False

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
    summary : dict or None
        As `results.counts.summarise`; None where it failed.
    lesions : tuple of dict
        All that were listed, by column name; what readers said of them, too, where there is something.
    seconds : float
        That the search took.
    is_earlier : bool
        The results were there already.
    error, hint : str
        Empty where it went well.
    """

    scan: BidsScan
    summary: dict[str, Any] | None = None
    lesions: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0
    is_earlier: bool = False
    error: str = ""
    hint: str = ""

    @property
    def name(self) -> str:
        """The scan's name, without extension, as it can be printed."""
        return printable(self.scan.stem)

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """The lesions that count."""
        return [lesion for lesion in self.lesions if lesion["status"] == ACCEPTED]

    def lesion_rows(self) -> list[dict[str, Any]]:
        """One row a lesion, by `LESION_COLUMNS`; empty where there is no value."""
        return [{**self._named(), **lesion} for lesion in self.lesions]

    def cells(self) -> dict[str, Any]:
        """Values by `COLUMNS`; empty where there are none."""
        summary = self.summary or {}
        return {
            **self._named(),
            "microbleeds": summary.get("accepted", ""),
            **{key: summary.get(key, "") for key in ("class", "below_5_mm", "from_5_to_10_mm", "dropped")},
            **self._by_group(),
            **self._by_decision(),
            "seconds": round(self.seconds, 1) if self.summary else "",
            "error": self.error,
            "hint": self.hint,
        }

    def _named(self) -> dict[str, str]:
        return {
            "subject": printable(self.scan.subject),
            "session": printable(self.scan.session),
            "scan": printable((self.scan.folder / self.scan.path.name).as_posix()),
        }

    def _by_group(self) -> dict[str, Any]:
        """Microbleeds by group of regions; empty where regions were not assessed."""
        if self.accepted and not any(lesion.get("region") for lesion in self.accepted):
            return {}
        groups = Counter(group_of(lesion.get("region", "")) for lesion in self.accepted)
        return {group: groups[group] for group in GROUPS} if self.summary else {}

    def _by_decision(self) -> dict[str, Any]:
        """Microbleeds that a reader called definite, and possible; empty where nobody has read."""
        said = Counter(lesion.get("decision", "") for lesion in self.lesions)
        read = any(said[decision] for decision in DECISIONS)
        return {"definite": said[DEFINITE], "possible": said[UNCERTAIN]} if read else {}


def do_scan(job: Job) -> Row:
    """Search a scan unless its results are there; never raises for what is wrong with one scan.

    A cluster may call this twice for one scan, when a worker dies between finishing and telling: the
    second call finds the results and reads them.

    Parameters
    ----------
    job : Job

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
        thumbnail, record = job.scan.stem + THUMBNAIL, job.scan.stem + ENDING
        check_output_folder(job.folder, {*all_names(job.scan.stem), thumbnail, record}, overwrite=True)
        request = Request(job.scan.path, job.folder, device=job.device, settings=job.settings, overwrite=True)
        outcome = run(request, loaded=stages)
        with replacing(job.folder / thumbnail) as draft:
            write_thumbnail(outcome.detection, draft)
        names = {path.name for path in outcome.files.values()} | {thumbnail}
        write_record(job.folder, job.scan.stem, job.scan.path.name, names)
        return _row(job, _listed(outcome.detection), seconds=time.perf_counter() - started)
    except Exception as caught:
        error = told(caught)
        return Row(job.scan, error=printable(error.message), hint=printable(error.hint))


def earlier_row(job: Job) -> Row | None:
    """Read what an earlier run left of a scan; None where it did not end, or a file is not as it was left."""
    stem, names = job.scan.stem, result_names(job.scan.stem, probability=False)
    files = {*names.values(), stem + THUMBNAIL}
    try:
        content = read_json((job.folder / names["json"]).read_text(encoding="utf-8"))
        reviewed = bool(content["provenance"].get("review"))  # exported over the search's: other files, all wanted
        there = all((job.folder / name).is_file() for name in files)
        if not (reviewed and there) and not is_whole(job.folder, stem, job.scan.path.name, files):
            return None
        content["lesions"] = [checked_row(one) | checked_verdict(one) for one in Fields(content).records("lesions")]
        seconds = sum(content["provenance"]["timings_s"].values())
        return _row(job, content, seconds=seconds, is_earlier=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@lru_cache(maxsize=1)
def _stages(name: str | None, device: str, choice: StageChoice, threads: int) -> Stages:
    """Load the models once a worker."""
    return load_stages(name, device, choice, threads=threads)


def _listed(detection: Detection) -> dict[str, Any]:
    from ..results.counts import summarise

    return {
        "summary": summarise(detection.lesions),
        "lesions": [lesion.as_row() for lesion in detection.lesions],
    }


def _row(job: Job, content: dict[str, Any], *, seconds: float, is_earlier: bool = False) -> Row:
    return Row(job.scan, content["summary"], tuple(content["lesions"]), seconds, is_earlier)
