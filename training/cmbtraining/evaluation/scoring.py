"""Masks against truth: components counted and matched, subject by subject."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from CMBSegmentationLib.compare.match import match_centres
from CMBSegmentationLib.detecting.lesions import Lesion
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.results.earlier_versions import STATUS_OF_0_1_0, reason_of_sentence
from CMBSegmentationLib.results.names import ENDINGS, TABLE_BEFORE_0_2_0
from CMBSegmentationLib.results.read_back import read_list
from CMBSegmentationLib.vocabulary.reasons import Rule
from CMBSegmentationLib.vocabulary.verdicts import KEPT

from ..data.masks import MaskError, grid_difference, read_labels, read_mask
from ..synthesis.mimics import KINDS
from .breakdown import cohort_of
from .score_files import CANDIDATE, PREDICTED, TRUE, LesionScore, ScoreError, SubjectScore

CONNECTED = np.ones((3, 3, 3))  # 26-connected: Docs/paper.md, section 6


@dataclass(frozen=True)
class Prediction:
    """What was predicted of a subject, on disk.

    Attributes
    ----------
    mask : Path
        Labels or a 0/1 mask on the truth's grid.
    lesions : Path or None
        The list that `cmb detect` writes beside its labels, JSON; of other programs, a CSV table with ``id, status,
        probability``. With a list each label is one lesion; without, each connected component.
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
    stem = files[0].name.removesuffix(ENDINGS["labels"])
    lists = (files[0].with_name(stem + ending) for ending in (ENDINGS["json"], TABLE_BEFORE_0_2_0))
    return Prediction(files[0], next((path for path in lists if path.exists()), None))


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
        true_image, mimics_map = _truth(truth, truth.stat().st_mtime_ns if truth.exists() else 0, mimics)
        labels_image = read_labels(prediction.mask)
    except MaskError as error:
        raise ScoreError(f"{subject}: {error}") from error
    apart = grid_difference(labels_image, true_image)
    if apart:
        raise ScoreError(f"{subject}: {prediction.mask.name} is on another grid than {truth.name} ({apart}).")
    true_mask = sitk.GetArrayViewFromImage(true_image) > 0
    labels = sitk.GetArrayViewFromImage(labels_image)
    numbers = lesion_numbers(labels, prediction)
    predicted_mask = numbers > 0

    true = _components(connected(true_mask), true_image)
    predicted = _components(numbers, true_image)
    both = true_mask & predicted_mask
    true_hit, predicted_hit = (_present(c.labels[both], len(c)) for c in (true, predicted))
    pairs = match_centres(predicted.centres_mm, true.centres_mm)
    predicted_near, true_near = (_marked([p[k] for p in pairs], n) for k, n in ((0, len(predicted)), (1, len(true))))

    listed = _listed(prediction.lesions)
    probabilities = _probabilities(predicted, labels, listed)
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
    pooled = connected(true_mask | predicted_mask)
    kinds = kinds_of(predicted.labels, mimics_map)
    nothing = [""] * len(true)
    lesions = _lesions(subject, TRUE, true, [None] * len(true), true_hit, true_near, pooled, nothing)
    lesions += _lesions(subject, PREDICTED, predicted, probabilities, predicted_hit, predicted_near, pooled, kinds)
    return score, lesions + _candidates(subject, listed)


@lru_cache(maxsize=1)
def _truth(truth: Path, _changed_ns: int, mimics: Path | None) -> tuple[sitk.Image, NDArray[Any] | None]:
    """Read the truth and the map of mimics; a scan is scored at several thresholds, one after the other."""
    return read_mask(truth)[0], None if mimics is None else sitk.GetArrayFromImage(read_labels(mimics))


def lesion_numbers(labels: NDArray[Any], prediction: Prediction) -> NDArray[np.int32]:
    """Number the lesions of a prediction (z, y, x) from 1: its labels where a list names them, else its components."""
    fractional = labels.dtype.kind == "f" and bool((labels != np.rint(labels)).any())
    mask = labels > (0.5 if fractional else 0)
    if fractional or prediction.lesions is None:
        return connected(mask)
    numbers = np.zeros(labels.shape, np.int32)
    numbers[mask] = np.unique(labels[mask], return_inverse=True)[1].ravel() + 1
    return numbers


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


def connected(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number the components of a mask from 1; only the box that holds them is looked through."""
    numbers = np.zeros(mask.shape, np.int32)
    box = ndimage.find_objects(mask.view(np.int8))
    if box:
        numbers[box[0]] = ndimage.label(mask[box[0]], CONNECTED)[0]
    return numbers


def _components(labels: NDArray[np.int32], image: sitk.Image) -> _Components:
    places = np.flatnonzero(labels)
    numbers = labels.ravel()[places]
    voxels = np.bincount(numbers, minlength=1)[1:]
    centres = [
        np.bincount(numbers, weights=along, minlength=1)[1:] / np.maximum(voxels, 1)
        for along in np.unravel_index(places, labels.shape)
    ]
    points = [image.TransformContinuousIndexToPhysicalPoint(one) for one in np.stack(centres[::-1], axis=1)]
    ras = np.array(points).reshape(-1, 3) * (-1, -1, 1)
    volumes = voxels * float(np.prod(image.GetSpacing()))
    return _Components(labels, ras, np.cbrt(6 * volumes / np.pi))


def _present(numbers: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    return _marked(np.unique(numbers) - 1, count)


def _marked(which: Sequence[int] | NDArray, count: int) -> NDArray[np.bool_]:
    marks = np.zeros(count, bool)
    marks[np.asarray(which, int)] = True
    return marks


def _listed(path: Path | None) -> Sequence[Lesion]:
    """Read a list: that of `cmb detect`, or a table of another program or an earlier version."""
    if path is None:
        return ()
    if path.suffix == ".json":
        try:
            return read_list(path).lesions
        except InputError as error:
            raise ScoreError(str(error)) from error
    with path.open(newline="", encoding="utf-8") as stream:
        return [_lesion_of(row) for row in csv.DictReader(stream)]


def _lesion_of(row: dict[str, str]) -> Lesion:
    measures = ("r_mm", "a_mm", "s_mm", "volume_mm3", "diameter_mm", "elongation")
    measured: dict[str, Any] = {name: float(row.get(name) or 0) for name in measures}
    for name in ("contrast", "probability"):
        measured[name] = None if row.get(name) in (None, "", "n/a") else float(row[name])
    return Lesion(
        id=int(row["id"]),
        status=STATUS_OF_0_1_0.get(row["status"], row["status"]),
        **measured,
        reason=reason_of_sentence(row.get("dropped_because") or ""),
    )


def _probabilities(predicted: _Components, labels: NDArray, listed: Sequence[Lesion]) -> list[float | None]:
    """The highest probability of the listed lesions whose labels a component holds."""
    known = {one.id: one.probability for one in listed if one.status == KEPT and one.probability is not None}
    found: list[float | None] = []
    for number, box in enumerate(ndimage.find_objects(predicted.labels), start=1):
        ids = np.unique(labels[box][predicted.labels[box] == number])
        found.append(max((known[int(k)] for k in ids if int(k) in known), default=None))
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


def _candidates(subject: str, listed: Sequence[Lesion]) -> list[LesionScore]:
    """What was dropped for its probability alone, and would count at a lower threshold."""
    return [
        LesionScore(
            subject=subject,
            role=CANDIDATE,
            id=one.id,
            r_mm=one.r_mm,
            a_mm=one.a_mm,
            s_mm=one.s_mm,
            diameter_mm=one.diameter_mm,
            probability=one.probability,
            overlaps=False,
            within_3_mm=False,
        )
        for one in listed
        if one.reason is not None and one.reason.rule is Rule.BELOW_THRESHOLD
    ]
