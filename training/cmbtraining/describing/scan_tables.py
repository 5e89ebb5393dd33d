"""Tables of scan statistics, with the real figures of Docs/simulation.md in their first rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from CMBSegmentationLib.detecting.brain_mask import brain_mask

from ..synthesis.placement import PLACES
from .scan_statistics import DarkVoxels, LesionShape, lesion_shapes, lesions_per_scan, scan_dark_voxels

SCAN_PATTERN = "sub-*/sub-*_space-T2S_desc-masked_T2S.nii.gz"
DARK_HEADER = ("scans", "n", "0.1 / 1 / 5 % quantile", "below 0.6 / 0.75, %", "compact spots below 0.6 / 0.75")
REAL_DARK = (
    ("real SWI 3T, 1 mm", "1", "0.46 / 0.72 / 0.89", "0.4 / 1.2", "37 / 81"),
    ("real GRE 3T TE 25, 1 mm", "1", "0.25 / 0.56 / 0.81", "1.3 / 3.3", "105 / 186"),
)
"""Field-notes.md, "Two real heads without known microbleeds, measured"."""
LESION_HEADER = ("of the lesions", "real, as published")
DIAMETERS = (5, 25, 50, 75, 95)
TENTHS = (10, 50, 90)
REAL_LESIONS = {
    "lesions": "957 in 206 scans",
    "diameter mm, 5/25/50/75/95 %": "T2\\*: 2.0 / 2.5 / 2.7 / 3.3 / 4.9; "
    "SWI: 1.2–2.3 / 1.5–2.6 / 2.3–3.1 / 3.0–3.4 / 3.2–4.6",
    "volume mm³, 10/50/90 %": "4.7 / 10 / 45",
    "peak contrast, 10/50/90 %": "0.09 / 0.20 / 0.28",
    "mean contrast, 10/50/90 %": "0.05 / 0.10 / 0.16",
    "flatness, median": "0.79 (thin SWI), 0.5 (thick slices)",
    "sphericity, median": "0.85 (thin SWI), 0.79 (thick slices)",
    "height in slices of 1 mm, 10/50/90 %": "2 / 3 / 6",
    "cortex or junction / subcortical white / deep grey / infratentorial, %": "38 / 39 / 16 / 7",
    "scans without, %": "31",
    "lesions per positive scan, median (largest)": "1 (83)",
}
"""Field-notes.md, "Real lesions, as published"; VALDO's where sets differ."""


@dataclass(frozen=True)
class ScanFigures:
    """A scan's figures; `lesions` and `places` are None where it has no truth."""

    dark: DarkVoxels
    lesions: list[LesionShape] | None
    places: list[str] | None


def scans_in(path: Path) -> list[Path]:
    """List the scans of a set in VALDO's layout, or the one scan that the path is."""
    return sorted(path.glob(SCAN_PATTERN)) if path.is_dir() else [path]


def scan_figures(scan: Path) -> ScanFigures:
    """Measure a scan, and its lesions where a mask lies beside it.

    Parameters
    ----------
    scan : Path
        ``sub-X_space-T2S_desc-masked_T2S.nii.gz`` with ``sub-X_space-T2S_CMB.nii.gz`` and ``sub-X_truth.json``
        beside it, or any 3D image.

    Returns
    -------
    ScanFigures
    """
    image = sitk.ReadImage(str(scan), sitk.sitkFloat32)
    brain = brain_mask(image)
    dark = scan_dark_voxels(image, brain)
    mask = scan.with_name(scan.name.replace("_desc-masked_T2S", "_CMB"))
    if mask == scan or not mask.exists():
        return ScanFigures(dark, None, None)
    shapes = lesion_shapes(image, sitk.ReadImage(str(mask)), sitk.GetArrayFromImage(brain) > 0)
    truth = scan.with_name(f"{scan.name.split('_')[0]}_truth.json")
    rows = json.loads(truth.read_text(encoding="utf-8"))["lesions"] if truth.exists() else []
    return ScanFigures(dark, shapes, [row["place"] for row in rows if "place" in row])


def dark_table(sets: dict[str, list[ScanFigures]]) -> str:
    """Give a Markdown table of dark voxels, the real heads first.

    Parameters
    ----------
    sets : dict
        Figures of the scans of every set, by its name.

    Returns
    -------
    str
    """
    rows = [*REAL_DARK]
    for name, figures in sets.items():
        dark = [one.dark for one in figures]
        rows.append(
            (
                name,
                str(len(dark)),
                _ranges([d.quantiles for d in dark], "{:.2f}"),
                _ranges([[100 * share for share in d.shares] for d in dark], "{:.1f}"),
                _ranges([d.spots for d in dark], "{:.0f}"),
            )
        )
    return _markdown(DARK_HEADER, rows)


def lesion_table(sets: dict[str, list[ScanFigures]]) -> str:
    """Give a Markdown table of lesions: a figure a row, the published ones first, then a column for every set."""
    columns = [_lesion_column(figures) for figures in sets.values()]
    rows = [(what, real, *(column[what] for column in columns)) for what, real in REAL_LESIONS.items()]
    return _markdown((*LESION_HEADER, *sets), rows)


def _lesion_column(figures: Sequence[ScanFigures]) -> dict[str, str]:
    known = [one for one in figures if one.lesions is not None]
    lesions = [lesion for one in known for lesion in one.lesions or []]
    counts = [len(one.lesions or []) for one in known]
    without, median, largest = lesions_per_scan(counts)
    places = Counter(place for one in known for place in one.places or [])
    total = sum(places.values())

    def quantiles(of: Callable[[LesionShape], float], percents: Sequence[int], form: str) -> str:
        if not lesions:
            return "–"
        return " / ".join(form.format(q) for q in np.percentile([of(lesion) for lesion in lesions], percents))

    values = (
        f"{len(lesions)} in {sum(1 for n in counts if n)} scans",
        quantiles(lambda one: one.diameter_mm, DIAMETERS, "{:.1f}"),
        quantiles(lambda one: one.volume_mm3, TENTHS, "{:.1f}"),
        quantiles(lambda one: one.peak_contrast, TENTHS, "{:.2f}"),
        quantiles(lambda one: one.mean_contrast, TENTHS, "{:.2f}"),
        quantiles(lambda one: one.flatness, (50,), "{:.2f}"),
        quantiles(lambda one: one.sphericity, (50,), "{:.2f}"),
        quantiles(lambda one: one.slices, TENTHS, "{:.0f}"),
        " / ".join(f"{100 * places[place] / total:.0f}" for place in PLACES) if total else "not recorded",
        f"{100 * without:.0f}",
        f"{median:g} ({largest})",
    )
    return dict(zip(REAL_LESIONS, values, strict=True))


def _ranges(rows: Sequence[Sequence[float]], form: str) -> str:
    """Write a figure after the other: of several scans the median, with the lowest and the highest."""
    texts = []
    for values in zip(*rows, strict=True):
        text = form.format(np.median(values))
        if len(values) > 1:
            text += f" ({form.format(min(values))}–{form.format(max(values))})"
        texts.append(text)
    return " / ".join(texts)


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
