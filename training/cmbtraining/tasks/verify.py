"""What the verifier learns from: a detector's candidates, in rounds; at the end its score is made a probability."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from ..config.sections import VerifyConfig
from ..export.calibration import calibration, fold
from ..fitting.checkpoints import BEST, save
from ..fitting.fine_tuning import take_weights
from ..fitting.lesson import Lesson
from ..networks.build import build_network
from ..networks.verifier import (
    AveragePrecision,
    CandidateBatches,
    Examples,
    InOrder,
    average_precision,
    logits,
    read_examples,
    scores,
)
from .given import Given

VALIDATION_EVERY = 6  # subjects, of which one is kept for validation where no candidates are given for it
FALSE_SCORE = 0.1  # from which a round's negatives count as taken for microbleeds
CALIBRATED, HARD = "calibrated.keras", "false_ones.npy"


def verifier_lesson(config: VerifyConfig, given: Given) -> Lesson:
    """Read candidates.

    Parameters
    ----------
    config : VerifyConfig
        Its ``training`` is of one round.
    given : Given
        Folders that ``collect_candidates.py`` wrote. Its run folder gets ``calibrated.keras`` and ``validation.json``.

    Raises
    ------
    DatasetError, InputError
        There are no candidates, or none of a kind.

    Notes
    -----
    Each round goes on from the best weights of the one before, with a third of each batch what these take for
    microbleeds; the first one too, where there are weights to start from.
    """
    given.only(config.task, "validation")
    training = read_examples(*given.data)
    if given.validation:
        validation = read_examples(*given.validation)
    else:
        kept = np.isin(training.subjects, np.unique(training.subjects)[::VALIDATION_EVERY])
        training, validation = training.part(~kept), training.part(kept)
    settings, hard = config.training, given.out / HARD

    def start(model: keras.Model, number: int) -> None:
        before = given.out / BEST if number else given.start_from
        found = np.empty(0, np.intp)
        if before:
            take_weights(model, Path(before))
            found = false_ones(model, training)
        with hard.open("wb") as stream:
            np.save(stream, found)
        print(f"round {number + 1}: {len(training.kinds)} candidates, {len(found)} of them false ones so far")

    return Lesson(
        lambda: build_network(config),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        CandidateBatches(training, settings, hard, seed=settings.seed),
        InOrder(validation, settings.batch_size),
        measures=[AveragePrecision(validation)],
        monitor=AveragePrecision.NAME,
        larger_is_better=True,
        rounds=config.mining.rounds,
        start=start,
        finish=partial(_calibrate, validation, given.out),
    )


def false_ones(model: keras.Model, examples: Examples) -> NDArray[np.intp]:
    """List the candidates that a verifier takes for microbleeds and that are none."""
    return np.flatnonzero((examples.kinds != 0) & (scores(model, examples) >= FALSE_SCORE))


def _calibrate(validation: Examples, out: Path, best: Path) -> None:
    """Fold a calibration on the validation's candidates into the best weights' last layer."""
    model = keras.models.load_model(best, compile=False)
    truth = validation.kinds == 0
    area = average_precision(scores(model, validation), truth)
    temperature, shift = calibration(logits(model, validation), truth)
    fold(model, temperature, shift)
    save(model, out / CALIBRATED)
    told = {"average_precision": area, "temperature": temperature, "shift": shift}
    (out / "validation.json").write_text(json.dumps(told))
    print(f"validation: average precision {area:.3f}, {int(truth.sum())} microbleeds")
