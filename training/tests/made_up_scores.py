"""Subjects and lesions as scoring gives them, from places along one axis."""

from __future__ import annotations

from CMBSegmentationLib.compare.match import match_centres
from cmbtraining.evaluation.score_files import PREDICTED, TRUE, LesionScore, SubjectScore

TOUCHING_MM = 3.0  # lesions of 3 mm in diameter, as made up here, touch up to this distance


def scores_of(subjects: dict[str, tuple[list[float], list[float]]], probability: float = 0.9):
    """Score true and predicted places (mm along one axis, each lesion 3 mm wide) subject by subject."""
    rows: list[SubjectScore] = []
    lesions: list[LesionScore] = []
    for name, (true, predicted) in subjects.items():
        pairs = match_centres([(x, 0, 0) for x in predicted], [(x, 0, 0) for x in true])
        pools = _pools([*true, *predicted])
        near = {TRUE: {t for _, t in pairs}, PREDICTED: {p for p, _ in pairs}}
        for role, places, others in ((TRUE, true, predicted), (PREDICTED, predicted, true)):
            for k, x in enumerate(places):
                touched = any(abs(x - other) < TOUCHING_MM for other in others)
                pool = pools[k + (len(true) if role == PREDICTED else 0)]
                chance = probability if role == PREDICTED else None
                lesions.append(LesionScore(name, role, k + 1, x, 0, 0, 3.0, chance, touched, k in near[role], pool))
        hit = sum(any(abs(p - t) < TOUCHING_MM for t in true) for p in predicted)
        rows.append(SubjectScore(name, len(true), len(predicted), hit, float("nan"), len(pairs), "RSS", 0.8))
    return rows, lesions


def _pools(places: list[float]) -> list[int]:
    order = sorted(range(len(places)), key=places.__getitem__)
    pools, number, last = [0] * len(places), 0, float("-inf")
    for k in order:
        number += places[k] - last > TOUCHING_MM
        pools[k], last = number, places[k]
    return pools
