"""Masks against truth: components counted and matched, subject by subject."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from CMBSegmentationLib.compare.match import match_centres
from CMBSegmentationLib.results.names import ENDINGS
from CMBSegmentationLib.vocabulary.verdicts import KEPT

from ..data.masks import MaskError, grid_difference, read_labels, read_mask
from ..synthesis.mimics import KINDS
from .breakdown import cohort_of
from .score_files import CANDIDATE, PREDICTED, TRUE, LesionScore, ScoreError, SubjectScore

CONNECTED = np.ones((3, 3, 3))  # 26-connected: Docs/paper.md, section 6
LISTED = (KEPT, "accepted")  # the latter in lists of 0.1.0
BELOW_THRESHOLD = "probability"  # how the core's reason begins for a candidate below the threshold


@dataclass(frozen=True)
class Prediction:
    """What was predicted of a subject, on disk.

    Attributes
    ----------
    mask : Path
        Labels or a 0/1 mask on the truth's grid.
    lesions : Path or None
        The lesion list that `cmb detect` writes beside its labels.
    """

    mask: Path
    lesions: Path | None


@dataclass(frozen=True)
class _Components:
    """The components of a mask: label image (z, y, x), centres (n, 3) RAS mm and diameters (n,) mm."""

    labels: NDArray[np.int32]
    centres_mm: NDArray[np.float64]
    diameters_mm: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.diameters_mm)


def find_prediction(folder: Path, subject: str) -> Prediction:
    """Find the predicted mask of a subject: the file whose name begins with the subject's.

    Parameters
    ----------
    folder : Path
        Searched with all its subfolders. Where several files fit, ``*_desc-cmb_dseg.nii.gz`` counts.
    subject : str

    Raises
    ------
    ScoreError
        There is none, or more than one.
    """
    names = {path for ending in ("nii.gz", "nii") for path in folder.rglob(f"{subject}*.{ending}")}
    fitting = sorted(p for p in names if not p.name.removeprefix(subject)[:1].isalnum())  # sub-10 is not sub-101
    files = [p for p in fitting if p.name.endswith(ENDINGS["labels"])] or fitting
    if not files:
        raise ScoreError(f"{subject} has no predicted mask ({subject}*.nii.gz) in {folder}.")
    if len(files) > 1:
        raise ScoreError(f"{subject} has {len(files)} predicted masks in {folder}, such as {files[0]} and {files[1]}.")
    table = files[0].with_name(files[0].name.removesuffix(ENDINGS["labels"]) + ENDINGS["table"])
    return Prediction(files[0], table if table.exists() else None)


def score_subject(
    subject: str, truth: Path, prediction: Prediction, mimics: Path | None = None
) -> tuple[SubjectScore, list[LesionScore]]:
    """Count and match one subject's lesions.

    Parameters
    ----------
    subject : str
    truth : Path
        Mask file; cleaned as in training (`cmbtraining.data.masks.clean_mask`).
    prediction : Prediction
    mimics : Path, optional
        The simulator's map of mimics on the truth's grid; without it the lesions have no kind.

    Returns
    -------
    score : SubjectScore
    lesions : list of LesionScore
        True ones, predicted ones, and candidates below the threshold where there is a lesion list.

    Raises
    ------
    ScoreError
        A file cannot be read, or the masks are on different grids.
    """
    try:
        true_image, _ = read_mask(truth)
        labels_image = read_labels(prediction.mask)
        mimics_map = None if mimics is None else sitk.GetArrayFromImage(read_labels(mimics))
    except MaskError as error:
        raise ScoreError(f"{subject}: {error}") from error
    apart = grid_difference(labels_image, true_image)
    if apart:
        raise ScoreError(f"{subject}: {prediction.mask.name} is on another grid than {truth.name} ({apart}).")
    true_mask = sitk.GetArrayViewFromImage(true_image) > 0
    labels = sitk.GetArrayViewFromImage(labels_image)
    fractional = labels.dtype.kind == "f" and bool((labels != np.rint(labels)).any())
    predicted_mask = labels > (0.5 if fractional else 0)

    true, predicted = _components(true_mask, true_image), _components(predicted_mask, true_image)
    both = true_mask & predicted_mask
    true_hit, predicted_hit = (_present(c.labels[both], len(c)) for c in (true, predicted))
    pairs = match_centres(predicted.centres_mm, true.centres_mm)
    predicted_near, true_near = (_marked([p[k] for p in pairs], n) for k, n in ((0, len(predicted)), (1, len(true))))

    rows = _list_rows(prediction.lesions)
    probabilities = _probabilities(predicted, labels, rows)
    total = int(true_mask.sum()) + int(predicted_mask.sum())
    score = SubjectScore(
        subject=subject,
        n_true=len(true),
        n_pred=len(predicted),
        n_matched=int(predicted_hit.sum()),
        dice=2 * int(both.sum()) / total if total else float("nan"),
        n_matched_centres=len(pairs),
        cohort=cohort_of(subject),
        slice_mm=round(max(true_image.GetSpacing()), 3),
    )
    pooled, _ = ndimage.label(true_mask | predicted_mask, CONNECTED)
    kinds = kinds_of(predicted.labels, mimics_map)
    nothing = [""] * len(true)
    lesions = _lesions(subject, TRUE, true, [None] * len(true), true_hit, true_near, pooled, nothing)
    lesions += _lesions(subject, PREDICTED, predicted, probabilities, predicted_hit, predicted_near, pooled, kinds)
    return score, lesions + _candidates(subject, rows)


def kinds_of(components: NDArray[np.integer], mimics: NDArray[np.integer] | None) -> list[str]:
    """Say what every component covers most of.

    Parameters
    ----------
    components : int array (z, y, x)
        Numbered from 1.
    mimics : int array (z, y, x) or None
        Value k is ``synthesis.mimics.KINDS[k - 1]``, 0 is none.

    Returns
    -------
    list of str
        In the order of the numbers; empty where a component covers none, and without a map.
    """
    boxes = ndimage.find_objects(components)
    if mimics is None:
        return [""] * len(boxes)
    found = []
    for number, box in enumerate(boxes, start=1):
        covered = np.bincount(mimics[box][components[box] == number], minlength=len(KINDS) + 1)[1:]
        found.append(KINDS[int(covered.argmax())] if covered.any() else "")
    return found


def _components(mask: NDArray[np.bool_], image: sitk.Image) -> _Components:
    labels, count = ndimage.label(mask, CONNECTED)
    numbers = range(1, count + 1)
    centres = ndimage.center_of_mass(mask, labels, numbers) if count else []
    points = [image.TransformContinuousIndexToPhysicalPoint(centre[::-1]) for centre in centres]
    ras = np.array(points).reshape(-1, 3) * (-1, -1, 1)
    volumes = np.bincount(labels.ravel(), minlength=count + 1)[1:] * float(np.prod(image.GetSpacing()))
    return _Components(labels, ras, np.cbrt(6 * volumes / np.pi))


def _present(numbers: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    return _marked(np.unique(numbers) - 1, count)


def _marked(which: Sequence[int] | NDArray, count: int) -> NDArray[np.bool_]:
    marks = np.zeros(count, bool)
    marks[np.asarray(which, int)] = True
    return marks


def _list_rows(path: Path | None) -> list[dict[str, str]]:
    if path is None:
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _probabilities(predicted: _Components, labels: NDArray, rows: Sequence[dict[str, str]]) -> list[float | None]:
    """The highest probability of the listed lesions whose labels a component holds."""
    listed = {int(row["id"]): float(row["probability"]) for row in rows if row["status"] in LISTED}
    found: list[float | None] = []
    for number, box in enumerate(ndimage.find_objects(predicted.labels), start=1):
        ids = np.unique(labels[box][predicted.labels[box] == number])
        found.append(max((listed[int(k)] for k in ids if int(k) in listed), default=None))
    return found


def _lesions(
    subject: str,
    role: str,
    components: _Components,
    probabilities: Sequence[float | None],
    overlaps: NDArray[np.bool_],
    near: NDArray[np.bool_],
    pooled: NDArray[np.int32],
    kinds: Sequence[str],
) -> list[LesionScore]:
    centres = np.round(components.centres_mm, 2).tolist()
    pool_of = np.zeros(len(components) + 1, int)
    inside = components.labels > 0
    pool_of[components.labels[inside]] = pooled[inside]
    return [
        LesionScore(
            subject=subject,
            role=role,
            id=k + 1,
            r_mm=r,
            a_mm=a,
            s_mm=s,
            diameter_mm=round(float(components.diameters_mm[k]), 2),
            probability=probabilities[k],
            overlaps=bool(overlaps[k]),
            within_3_mm=bool(near[k]),
            pool=int(pool_of[k + 1]),
            kind=kinds[k],
        )
        for k, (r, a, s) in enumerate(centres)
    ]


def _candidates(subject: str, rows: Sequence[dict[str, str]]) -> list[LesionScore]:
    """What was dropped for its probability alone, and would count at a lower threshold."""
    return [
        LesionScore(
            subject=subject,
            role=CANDIDATE,
            id=int(row["id"]),
            r_mm=float(row["r_mm"]),
            a_mm=float(row["a_mm"]),
            s_mm=float(row["s_mm"]),
            diameter_mm=float(row["diameter_mm"]),
            probability=float(row["probability"]),
            overlaps=False,
            within_3_mm=False,
        )
        for row in rows
        if row["dropped_because"].startswith(BELOW_THRESHOLD)
    ]
