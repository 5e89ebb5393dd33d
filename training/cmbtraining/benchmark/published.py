"""What is published about finding microbleeds: readers and other detectors, each with its data and its rule."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published result; figures are text, as they were given, and empty where they were not."""

    who: str
    data: str
    rule: str
    recall: str = ""
    precision: str = ""
    f1: str = ""
    false_a_scan: str = ""
    other: str = ""


NOT_TOLD = "rule not given"

# Docs/published-figures.md, "The ceiling, on real data"
READERS = (
    Published(
        "six neuroradiologists against a consensus (Duan 2020)",
        "patients",
        f"per lesion, {NOT_TOLD}",
        f1="0.76 (0.62-0.90)",
    ),
    Published("two readers, BOMBS scale", "patients", "at least one microbleed", other="kappa 0.68"),
    Published("two readers, MARS scale", "patients", "at least one microbleed", other="kappa 0.68-0.87"),
)

# Docs/published-figures.md, "Peers" and "The ceiling, on real data"; rules of CenSynCMB and mb_segment are from
# their repositories
DETECTORS = (
    Published(
        "VALDO challenge, best entry (Sudre 2024)",
        "VALDO's test scans, trained on VALDO",
        "VALDO: centres within 5 mm, median over subjects",
        f1="0.68",
    ),
    Published(
        "CenSynCMB (2026)",
        "VALDO, cross-validated, three sequences",
        "mean over subjects",
        "0.75",
        "0.79",
        "0.74",
    ),
    Published("CenSynCMB (2026)", "AIBL, SWI, not trained on it", "mean over subjects", "0.89", "0.56", "0.65"),
    Published(
        "mb_segment (2026)",
        "VALDO, cross-validated",
        "any common voxel, summed over lesions",
        f1="0.65",
    ),
    Published(
        "mb_segment (2026)",
        "15 VALDO scans held out",
        "any common voxel, summed over lesions",
        f1="0.47",
    ),
    Published(
        "the paper's model 3 (del Pozo Lerida 2023)",
        "22 VALDO scans held out",
        "any common voxel, summed over lesions",
        "0.71",
        "0.44",
        "0.54",
        "1.59",
    ),
    Published("MicrobleedNet, the paper's sequel", "DOU, SWI", NOT_TOLD, "0.69", "0.84", false_a_scan="0.1"),
    Published("MicrobleedNet, the paper's sequel", "clinical scans", NOT_TOLD, "0.30", "0.70"),
    Published(
        "microbleednet (FSL group)",
        "four data sets, cross-validated",
        f"per cluster, {NOT_TOLD}",
        "> 0.90",
        false_a_scan="< 2",
    ),
    Published(
        "largest multicentre set (2026)",
        "patients of several centres",
        f"per lesion, {NOT_TOLD}",
        "0.77",
        "0.88",
        false_a_scan="0.58",
    ),
)
