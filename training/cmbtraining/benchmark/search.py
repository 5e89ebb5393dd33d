"""Search the scans of a benchmark set as in use, once, and list and score at every operating point."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib.detecting.candidates.listing import labels_of
from CMBSegmentationLib.detecting.detect import detect
from CMBSegmentationLib.detecting.lesions import LesionRules
from CMBSegmentationLib.models.loaded_models import Stages
from CMBSegmentationLib.models.model_file import Model
from CMBSegmentationLib.reading.scan import read_scan
from CMBSegmentationLib.results.folder import write_image
from CMBSegmentationLib.results.names import ENDINGS, SCHEMA_VERSION
from CMBSegmentationLib.results.stored_list import StoredList, to_json

from ..evaluation.score_files import LesionScore, SubjectScore
from ..evaluation.scoring import find_prediction, score_subject
from .figures import Scores
from .kept_detection import keep, kept

ALL_STAGES, WITHOUT_REGIONS, DETECTOR_ALONE = "all stages", "without regions", "detector alone"
THRESHOLDS, SECONDS = "thresholds.json", "seconds.json"
WORTH_PROCESSES = 8  # scans to score: each takes seconds, a process two to begin


@dataclass(frozen=True)
class RememberingModel(Model):
    """A model that does not compute again what it was asked before: one detector, with and without later stages."""

    known: dict[bytes, NDArray[np.float32]] = field(default_factory=dict)

    def logits(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network, as `Model.logits`."""
        key = hashlib.blake2b(patches.tobytes(), digest_size=16).digest()
        if key not in self.known:
            self.known[key] = super().logits(patches)
        return self.known[key]


@dataclass(frozen=True)
class BenchmarkFiles:
    """A scan of the set on disk."""

    subject: str
    image: Path
    truth: Path
    mimics: Path


def files_of(folder: Path, subject: str) -> BenchmarkFiles:
    """Name a subject's files in a folder of `benchmark.sets.make_scan`."""
    stem = folder / subject / f"{subject}_space-T2S"
    return BenchmarkFiles(subject, *(Path(f"{stem}{end}.nii.gz") for end in ("_desc-masked_T2S", "_CMB", "_mimics")))


def combinations(stages: Stages) -> dict[str, Stages]:
    """Give what is compared: all stages, then without the map of regions, then the detector alone."""
    detector = RememberingModel(**{one.name: getattr(stages.detector, one.name) for one in fields(stages.detector)})
    every = {ALL_STAGES: replace(stages, detector=detector)}
    if stages.regions and stages.verifier:
        every[WITHOUT_REGIONS] = Stages(detector, verifier=stages.verifier)
    if stages.regions or stages.verifier:
        every[DETECTOR_ALONE] = Stages(detector)
    return every


def search(
    scan: BenchmarkFiles, compared: Mapping[str, Stages], out: Path, points: Mapping[str, Mapping[str, float]] | None
) -> None:
    """Search one scan with every combination unless it is done, and write labels and lists of every point.

    Parameters
    ----------
    scan : BenchmarkFiles
    compared : mapping of str to Stages
        Of `combinations`.
    out : Path
        ``COMBINATION/POINT/SUBJECT/`` are made in it.
    points : mapping or None
        Thresholds by name, by combination; in place of the models' own operating points.
    """
    image = read_scan(scan.image).image
    for name, stages in compared.items():
        folder = out / name / scan.subject
        found = kept(folder)
        if found is None:
            detection = detect(image, model=stages.detector, regions=stages.regions, verifier=stages.verifier)
            keep(detection, folder)
            (folder / SECONDS).write_text(json.dumps(dict(detection.search.seconds)))
            found = kept(folder)
            assert found is not None
        thresholds = found.search.operating_points if points is None else points[name]
        for point, value in thresholds.items():
            _list_at(found, image, value, out / name / point / scan.subject, scan.subject)
        (out / name / THRESHOLDS).write_text(json.dumps(dict(thresholds)))
    for stages in compared.values():
        if isinstance(stages.detector, RememberingModel):
            stages.detector.known.clear()


def _list_at(found: StoredList, image: sitk.Image, threshold: float, folder: Path, subject: str) -> None:
    """Write the lists of a threshold; those that are there already are of the same detection, and stay."""
    stamp = folder / "threshold"
    if not stamp.exists() or float(stamp.read_text()) != threshold:
        _write(found, image, replace(found.rules, threshold=threshold), folder, subject)
        stamp.write_text(str(threshold))


def _write(found: StoredList, image: sitk.Image, rules: LesionRules, folder: Path, subject: str) -> None:
    assert found.candidates is not None
    listed = found.candidates.at(rules)
    folder.mkdir(parents=True, exist_ok=True)
    write_image(labels_of(listed, image), folder / f"{subject}{ENDINGS['labels']}")
    of_point = StoredList(tuple(one.lesion for one in listed), rules, found.search)
    content = {"schema_version": SCHEMA_VERSION, **to_json(of_point)}
    (folder / f"{subject}{ENDINGS['json']}").write_text(json.dumps(content), encoding="utf-8")


def listed_rules(found: StoredList, folder: Path, point: str) -> LesionRules:
    """Give the rules that a combination's folder was listed by at an operating point."""
    return replace(found.rules, threshold=json.loads((folder / THRESHOLDS).read_text())[point])


def scores_of(scans: Iterable[BenchmarkFiles], folder: Path) -> dict[str, Scores]:
    """Match what one combination listed against the truth.

    Parameters
    ----------
    scans : iterable of BenchmarkFiles
    folder : Path
        ``COMBINATION`` as `search` left it.

    Returns
    -------
    dict
        By operating point.
    """
    scans = list(scans)
    thresholds = json.loads((folder / THRESHOLDS).read_text())
    score = partial(_score_scan, folder=folder, points=tuple(thresholds))
    if len(scans) < WORTH_PROCESSES:
        scored = [score(scan) for scan in scans]
    else:
        with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
            scored = pool.map(score, scans, chunksize=1)
    return {
        point: Scores(
            threshold, tuple(of[point][0] for of in scored), tuple(one for of in scored for one in of[point][1])
        )
        for point, threshold in thresholds.items()
    }


def _score_scan(
    scan: BenchmarkFiles, folder: Path, points: Sequence[str]
) -> dict[str, tuple[SubjectScore, list[LesionScore]]]:
    """Score one scan at every point; its truth is read once."""
    return {
        point: score_subject(scan.subject, scan.truth, find_prediction(folder / point, scan.subject), scan.mimics)
        for point in points
    }


def seconds_a_scan(scans: Iterable[BenchmarkFiles], folder: Path) -> float:
    """Mean over the scans of what a detection took, in seconds."""
    laps = [json.loads((folder / scan.subject / SECONDS).read_text()) for scan in scans]
    return float(np.mean([sum(one.values()) for one in laps]))
