"""Who is trained on and who is not: splits stratified by cohort and by lesions yes/no, kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from .dataset import DatasetError, Subject
from .masks import MaskError, read_mask

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Split:
    """Names of the subjects on either side; nobody is on both."""

    training: tuple[str, ...]
    validation: tuple[str, ...]

    def __post_init__(self) -> None:
        both = sorted(set(self.training) & set(self.validation))
        if both:
            raise DatasetError(f"{', '.join(both)} would be trained on and validated on: a side each.")
        for side, names in (("training", self.training), ("validation", self.validation)):
            if not names:
                raise DatasetError(f"The split has no {side} subject; add subjects or change its share.")


def strata(subjects: Sequence[Subject]) -> dict[str, str]:
    """Name each subject's stratum: the cohort (first character after ``sub-``) and lesions yes or no.

    Parameters
    ----------
    subjects : sequence of Subject
        Their masks are read.

    Returns
    -------
    dict
        ``"1 with lesions"`` or the like, by subject.

    Raises
    ------
    DatasetError
        A mask cannot be read.
    """
    found = {}
    for subject in subjects:
        try:
            mask, _ = read_mask(subject.mask)
        except MaskError as error:
            raise DatasetError(f"{subject.name}: {error}") from error
        lesions = "with" if sitk.GetArrayViewFromImage(mask).any() else "without"
        found[subject.name] = f"{subject.name.removeprefix('sub-')[:1]} {lesions} lesions"
    return found


def split_share(stratum: Mapping[str, str], validation_share: float, seed: int) -> list[Split]:
    """Put a share of every stratum into validation (the paper's: 0.3).

    Systematic sampling over the shuffled strata: each stratum and the whole miss their share by
    less than one subject, strata of one subject included.

    Parameters
    ----------
    stratum : mapping
        Stratum by subject, as `strata` gives it.
    validation_share : float
        Above 0, below 1.
    seed : int

    Returns
    -------
    list of one Split
    """
    if not 0 < validation_share < 1:
        raise DatasetError(f"A validation share of {validation_share:g} is not between 0 and 1.")
    rng = np.random.default_rng(seed)
    names = _by_stratum(stratum, rng)
    steps = np.floor(np.arange(len(names) + 1) * validation_share + rng.random())
    chosen = np.diff(steps) > 0
    return [_split(names, chosen)]


def split_folds(stratum: Mapping[str, str], folds: int, seed: int) -> list[Split]:
    """Part the subjects into folds, each the validation side once; every stratum is spread evenly.

    Parameters
    ----------
    stratum : mapping
    folds : int
        At least 2 and at most the number of subjects.
    seed : int

    Returns
    -------
    list of Split
    """
    if not 2 <= folds <= len(stratum):
        raise DatasetError(f"{folds} folds of {len(stratum)} subjects are not possible.")
    names = _by_stratum(stratum, np.random.default_rng(seed))
    return [_split(names, np.arange(len(names)) % folds == fold) for fold in range(folds)]


def write_splits(splits: Sequence[Split], stratum: Mapping[str, str], seed: int, path: Path) -> None:
    """Write splits as JSON."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "seed": seed,
        "folds": [{"training": list(s.training), "validation": list(s.validation)} for s in splits],
        "strata": dict(stratum),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_split(path: Path, fold: int = 0) -> Split:
    """Read one split of a JSON file.

    Raises
    ------
    DatasetError
        The file is no split, has no such fold, or a side is empty or shares a subject.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        folds = [Split(tuple(f["training"]), tuple(f["validation"])) for f in content["folds"]]
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path} is not a split as training/split.py writes it ({error}).") from error
    if not 0 <= fold < len(folds):
        raise DatasetError(f"{path} has {len(folds)} folds, counted from 0; there is no fold {fold}.")
    return folds[fold]


def chosen(subjects: Sequence[Subject], names: Sequence[str]) -> list[Subject]:
    """Pick subjects by name; one with scans of several sequences is there once for each.

    Raises
    ------
    DatasetError
        One is not in the data.
    """
    present = {subject.name for subject in subjects}
    missing = [name for name in names if name not in present]
    if missing:
        raise DatasetError(f"The split names {', '.join(missing)}, which the data folder does not hold.")
    return [subject for name in names for subject in subjects if subject.name == name]


def _by_stratum(stratum: Mapping[str, str], rng: np.random.Generator) -> list[str]:
    """Order subjects by stratum, shuffled within each; independent of the order they come in."""
    names = sorted(stratum)
    order = sorted(rng.permutation(len(names)).tolist(), key=lambda k: stratum[names[k]])
    return [names[k] for k in order]


def _split(names: Sequence[str], validation: np.ndarray) -> Split:
    sides = [tuple(sorted(n for n, v in zip(names, validation, strict=True) if v == side)) for side in (False, True)]
    return Split(*sides)
