"""What is known of each lesion beside its probability: what the detector alone gave it, the region, the side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..models.input_spec import CHANNELS
from ..models.model_file import Model
from ..vocabulary.verdicts import KEPT
from .lesions import Lesion
from .model_grid import PreparedScan
from .regions import FIRST_TISSUE, Regions, region_name, side_of
from .tissue_shares import shares_of
from .verifier import MOST_VERIFIED, Verdict, find_candidates, rescaled, verify

SAME_CANDIDATE_MM = 4.0
AROUND_MM = 4.0
Looked = list[tuple[tuple[float, float, float], float, Verdict]]
"""Each verified candidate: RAS mm, the detector's highest probability, the verdict."""


def second_look(
    prepared: PreparedScan, probability: NDArray[np.float32], verifier: Model, mapped: Regions | None = None
) -> tuple[NDArray[np.float32], Looked]:
    """Let the verifier judge what the detector points at.

    Parameters
    ----------
    prepared : PreparedScan
    probability : float32 array (i, j, k)
        The detector's, on the grid of ``prepared.voxels``.
    verifier : Model
    mapped : Regions, optional
        What the verifier is shown of the tissue around.

    Returns
    -------
    probability : float32 array (i, j, k)
        Each candidate's peak is the verifier's now.
    looked : list
        What was judged.
    """
    candidates = find_candidates(probability)[:MOST_VERIFIED]
    to_index = prepared.ras_to_index()
    tissue = None
    if mapped is not None and verifier.channels == len(CHANNELS):
        tissue = shares_of(mapped, to_index, prepared.spec.spacing_mm)
    verdicts = verify(prepared.voxels, probability, candidates, verifier, tissue)
    to_ras = np.linalg.inv(to_index)
    looked: Looked = []
    for one, verdict in zip(candidates, verdicts, strict=True):
        r, a, s = (to_ras[:3, :3] @ one.centre + to_ras[:3, 3]).tolist()
        looked.append(((r, a, s), one.peak, verdict))
    return rescaled(probability, candidates, verdicts), looked


def with_context(lesions: Sequence[Lesion], tissue: sitk.Image, provenance: dict[str, Any]) -> list[Lesion]:
    """Fill in ``detector``, ``region`` and ``side``, and say what the verifier takes a dropped candidate for.

    Parameters
    ----------
    lesions : sequence of Lesion
    tissue : SimpleITK.Image
        `Regions.tissue`; only read where regions were mapped.
    provenance : dict
        Of the detection: its entries ``regions`` and ``verifier`` hold what is needed.

    Returns
    -------
    list of Lesion
    """
    verifier = provenance.get("verifier")
    judged = (verifier or {}).get("candidates")
    found = list(lesions)
    if verifier is None:
        found = [replace(one, detector=one.probability) for one in found]
    elif judged:
        places = np.array([[one["r_mm"], one["a_mm"], one["s_mm"]] for one in judged])
        found = [_judged(one, places, judged) for one in found]
    return with_regions(found, tissue, provenance)


def with_regions(lesions: Sequence[Lesion], tissue: sitk.Image, provenance: dict[str, Any]) -> list[Lesion]:
    """Fill in ``region`` and ``side`` where regions were mapped; parameters as of `with_context`."""
    midplane = midplane_of(provenance)
    if midplane is None:
        return list(lesions)
    return [_placed(one, tissue, midplane) for one in lesions]


def midplane_of(provenance: Mapping[str, Any]) -> Sequence[float] | None:
    """Give the plane between left and right, as `Regions.midplane`; None where regions were not mapped."""
    return (provenance.get("regions") or {}).get("midplane_ras")


def region_provenance(model: Model, mapped: Regions | None) -> dict[str, Any]:
    """Tell which model mapped the regions, and what is needed to name sides; JSON-ready."""
    return {**_model(model), "midplane_ras": None if mapped is None else list(mapped.midplane)}


def verifier_provenance(model: Model, looked: Looked | None) -> dict[str, Any]:
    """Tell which model verified, and what it said of every candidate; JSON-ready."""
    candidates = [
        {
            "r_mm": round(r, 2),
            "a_mm": round(a, 2),
            "s_mm": round(s, 2),
            "detector": round(peak, 4),
            "score": round(verdict.score, 4),
            "kind": verdict.kind,
        }
        for (r, a, s), peak, verdict in looked or []
    ]
    return {**_model(model), "candidates": candidates}


def _model(model: Model) -> dict[str, Any]:
    manifest = model.manifest
    return {
        "file": model.path.name,
        "sha256": model.sha256,
        "name": manifest.name,
        "version": manifest.version,
        "training": manifest.training,
        "metrics": manifest.metrics,
    }


def _judged(lesion: Lesion, places: NDArray[np.float64], judged: Sequence[dict[str, Any]]) -> Lesion:
    apart = np.linalg.norm(places - (lesion.r_mm, lesion.a_mm, lesion.s_mm), axis=1)
    reach = max(SAME_CANDIDATE_MM, lesion.diameter_mm)
    near = np.flatnonzero(apart <= reach)
    if len(near) == 0:
        return lesion
    # of several nearby, the lesion's peak tells which one it is
    peaks = [one.get("combined") or one["score"] for one in judged]  # results of 0.1.0 have the mean of both stages
    best = min(near.tolist(), key=lambda n: (abs(peaks[n] - lesion.probability) > 0.05, apart[n]))
    one = judged[best]
    because = lesion.dropped_because
    if lesion.status != KEPT and because.startswith("probability") and one["kind"] not in ("", "microbleed"):
        because += f"; the verifier takes it for: {one['kind']}"
    return replace(lesion, detector=one.get("detector"), dropped_because=because)


def _placed(lesion: Lesion, tissue: sitk.Image, midplane: Sequence[float]) -> Lesion:
    """Name the region that most of the lesion's surroundings belong to, and the side."""
    index = np.array(tissue.TransformPhysicalPointToContinuousIndex((-lesion.r_mm, -lesion.a_mm, lesion.s_mm)))
    spacing, size = np.array(tissue.GetSpacing()), np.array(tissue.GetSize())
    reach_mm = lesion.diameter_mm / 2 + AROUND_MM
    reach = np.maximum(1, np.ceil(reach_mm / spacing)).astype(int)
    low = np.clip(np.rint(index).astype(int) - reach, 0, size - 1)
    high = np.clip(np.rint(index).astype(int) + reach + 1, low + 1, size)
    values = sitk.GetArrayViewFromImage(tissue)[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
    where = np.argwhere(values >= FIRST_TISSUE)
    offsets = (where[:, ::-1] + low - index) * spacing
    apart = np.linalg.norm(offsets, axis=1)
    near = where[apart <= max(reach_mm, spacing.max())]
    if len(near) == 0:
        return lesion
    # the lesion itself may look like another region to the network: what lies around it decides
    around = where[(apart > lesion.diameter_mm / 2) & (apart <= max(reach_mm, spacing.max()))]
    near = around if len(around) else near
    region = region_name(int(np.bincount(values[tuple(near.T)]).argmax()))
    side = side_of((lesion.r_mm, lesion.a_mm, lesion.s_mm), region, tuple(midplane))
    return replace(lesion, region=region, side=side)
