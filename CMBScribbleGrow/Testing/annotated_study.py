"""A study that two readers have annotated, and the small oblique scan that it is of."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from CMBScribbleGrowLib.annotation.records import (
    Annotation,
    Assessment,
    Finding,
    Growing,
    Microbleed,
    Mimic,
    SeriesQuality,
    Study,
)

TIME = "2026-01-31T09:30:00Z"
SHAPE = (12, 20, 24)  # k, j, i


def small_scan() -> sitk.Image:
    """Oblique, anisotropic, far from the origin."""
    scan = sitk.GetImageFromArray(np.random.default_rng(5).normal(500, 20, SHAPE).astype(np.float32))
    scan.SetSpacing((0.8, 0.9, 3.0))
    scan.SetOrigin((-31.5, 42.25, 17.125))
    scan.SetDirection(sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.21, -0.13, 0.34).GetMatrix())
    return scan


def microbleed(number: int = 1, reader: str = "SI", centre=(1.0, 2.0, 3.0), **other) -> Microbleed:
    r_mm, a_mm, s_mm = centre
    return Microbleed(id=number, reader=reader, time=TIME, r_mm=r_mm, a_mm=a_mm, s_mm=s_mm, **other)


def point(reader: str = "SI", number: int = 1) -> dict:
    return {"id": number, "reader": reader, "time": TIME, "r_mm": -4.5, "a_mm": 6.0, "s_mm": 7.25}


def full_annotation(reader: str = "SI") -> Annotation:
    """One of everything that the protocol knows."""
    growing = Growing(
        mode="running-mean", connectivity=6, tolerance_percent=12.5, automatic=True, largest_diameter_mm=7.0
    )
    single = microbleed(
        1,
        reader,
        diameter_mm=3.2,
        scribble_segment=f"CMB 1 scribble ({reader})",
        grown_segment=f"CMB 1 grown ({reader})",
        uncertain=True,
        smaller_than_5_mm=True,
        location="cortex / grey-white junction",
        side="left",
        cause="other",
        cause_text="vasculitis",
        growing=growing,
        comment="größer auf T2*",
    )
    group = microbleed(2, reader, grouping="CAA group", count=None, cause="CAA")
    return Annotation(
        reader=reader,
        microbleeds=(single, group),
        mimics=(Mimic(**point(reader), type="basal-ganglia calcification", side="right"),),
        findings=(Finding(**point(reader), text="lacune"),),
        series=(
            SeriesQuality(
                series="SWI", reader=reader, time=TIME, flags=("blurry", "other artefact"), text="dental brace"
            ),
        ),
        assessment=Assessment(
            reader=reader, time=TIME, included=False, why_not="no SWI", quality="insufficient T2*/SWI", done=True
        ),
    )


def full_study() -> Study:
    """Two readers side by side."""
    return Study(
        scan="sub-01_swi.nii.gz",
        report="sub-01_report.txt",
        priority="tumour",
        annotations=(full_annotation("SI"), Annotation(reader="AB", microbleeds=(microbleed(1, "AB"),))),
    )
