"""Pictures of what was found, what was found wrongly and what was missed (Fig. 8), in one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from jinja2 import Environment, StrictUndefined, Template
from numpy.typing import NDArray
from scipy import ndimage

from CMBSegmentationLib.detecting.candidates.grid import grid_of
from CMBSegmentationLib.detecting.candidates.listing import Candidates
from CMBSegmentationLib.detecting.detect import Detection
from CMBSegmentationLib.detecting.lesions import Lesion, LesionRules
from CMBSegmentationLib.detecting.search import Search
from CMBSegmentationLib.reading.scan import read_scan
from CMBSegmentationLib.report.crops import FIELD_MM, Crop, display_window, lesion_crops
from CMBSegmentationLib.vocabulary.verdicts import KEPT

from ..data.masks import read_labels, read_mask
from .breakdown import MATCHED_BY
from .score_files import PREDICTED, TRUE, LesionScore
from .scoring import CONNECTED, Prediction, lesion_numbers

KINDS = {"TP": "True positives", "FP": "False positives", "FN": "False negatives"}
MOST_PICTURED = 60  # of a kind, the first ones; about 4 MB of page
TEMPLATE = Path(__file__).with_name("gallery.html.j2")


@dataclass(frozen=True)
class Tile:
    """One lesion's pictures: the crops with the prediction's outline, and the truth's in the same planes."""

    kind: str
    lesion: LesionScore
    predicted: tuple[Crop, ...]
    true: tuple[Crop, ...]


def kind_of(lesion: LesionScore, rule: str) -> str | None:
    """Tell TP, FP or FN under a matching rule; None for a true lesion that was found (its TP shows it)."""
    matched = getattr(lesion, MATCHED_BY[rule])
    if lesion.role == PREDICTED:
        return "TP" if matched else "FP"
    return "FN" if lesion.role == TRUE and not matched else None


def subject_tiles(
    scan: Path, truth: Path, prediction: Prediction, lesions: Sequence[LesionScore], rule: str
) -> list[Tile]:
    """Picture a subject's lesions in three planes each.

    Parameters
    ----------
    scan, truth : Path
        The image and the true mask, on one grid.
    prediction : Prediction
        On the same grid.
    lesions : sequence of LesionScore
        Of this subject, as `cmbtraining.evaluation.scoring.score_subject` numbered them.
    rule : str
        Matching rule.

    Returns
    -------
    list of Tile
    """
    wanted = [(kind, one) for one in lesions if (kind := kind_of(one, rule))]
    if not wanted:
        return []
    image = read_scan(scan).image
    true = _on_grid(ndimage.label(sitk.GetArrayFromImage(read_mask(truth)[0]) > 0, CONNECTED)[0], image)
    labels = sitk.GetArrayFromImage(read_labels(prediction.mask))
    predicted = _on_grid(lesion_numbers(labels, prediction), image)
    window = display_window(image, image > 0)
    tiles = []
    for kind, one in wanted:
        at = Lesion(one.id, KEPT, one.r_mm, one.a_mm, one.s_mm, 0.0, one.diameter_mm, 1.0, 0.0, 1.0)
        tiles.append(
            Tile(
                kind,
                one,
                lesion_crops(_shown(image, predicted), at, window),
                lesion_crops(_shown(image, true), at, window),
            )
        )
    return tiles


def gallery_html(tiles: Sequence[Tile], title: str) -> str:
    """Write the page; it loads nothing and runs no script.

    Parameters
    ----------
    tiles : sequence of Tile
    title : str

    Returns
    -------
    str
        An HTML document: true positives, false positives, false negatives, up to `MOST_PICTURED` each.
    """
    groups = [(heading, [tile for tile in tiles if tile.kind == kind]) for kind, heading in KINDS.items()]
    return _template().render(title=title, groups=groups, most=MOST_PICTURED, field_mm=FIELD_MM)


def _on_grid(labels: NDArray[np.integer], image: sitk.Image) -> sitk.Image:
    numbered = sitk.GetImageFromArray(labels.astype(np.uint16))
    numbered.CopyInformation(image)
    return numbered


def _shown(image: sitk.Image, labels: sitk.Image) -> Detection:
    """Labels as the core's crops want them; they read no more of a detection than image and labels."""
    return Detection([], labels, labels, labels, image, LesionRules(0.5), Search(), Candidates(grid_of(image)))


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
