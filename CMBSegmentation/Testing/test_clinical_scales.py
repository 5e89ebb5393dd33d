"""The count in the classes of trials and guidelines: their limits, what they count, and where they are said."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace

import pytest
from report_scans import Page, a_detection

from CMBSegmentationLib.batch.bids import BidsScan
from CMBSegmentationLib.batch.jobs import COLUMNS, Row
from CMBSegmentationLib.compare.align import GONE, NEW, NOT_SEEN, STABLE, Change
from CMBSegmentationLib.compare.clinical import clinical_change
from CMBSegmentationLib.detecting.lesions import Lesion
from CMBSegmentationLib.report.content import content_of
from CMBSegmentationLib.report.page import page_of
from CMBSegmentationLib.report.pdf import report_pdf
from CMBSegmentationLib.results.counts import counts_of
from CMBSegmentationLib.results.summary import summary_of
from CMBSegmentationLib.vocabulary.published.references import Reference
from CMBSegmentationLib.vocabulary.published.scales import ARIA_H, NOT_A_DIAGNOSIS, SCALES, SIDEROSIS
from CMBSegmentationLib.vocabulary.regions import LOBE_UNKNOWN


def lesions(number: int, decision: str = "none", diameter_mm: float = 3.0, region: str = "") -> list[Lesion]:
    at = (0.0, 0.0, 0.0)
    return [
        Lesion(n, "kept", *at, 14.0, diameter_mm, 1.0, 0.5, 0.9, region=region, decision=decision, reader="SI")
        for n in range(1, number + 1)
    ]


def classes(*found: Lesion) -> list[str]:
    return list(summary_of(counts_of(found))["scales"].values())


@pytest.mark.parametrize(
    ("number", "aria", "cromis", "eso"),
    [
        (0, "0", "0", "0"),
        (1, "1-4", "1", "1-10"),
        (2, "1-4", "2-4", "1-10"),
        (4, "1-4", "2-4", "1-10"),
        (5, ">4", ">=5", "1-10"),
        (10, ">4", ">=5", "1-10"),
        (11, ">4", ">=5", ">10"),
    ],
)
def test_each_scale_changes_class_at_the_number_that_its_source_says(number, aria, cromis, eso):
    assert classes(*lesions(number)) == [aria, cromis, eso]


@pytest.mark.parametrize(
    ("new", "grade"), [(0, "absent"), (1, "mild"), (4, "mild"), (5, "moderate"), (9, "moderate"), (10, "severe")]
)
def test_the_grade_of_aria_h_is_that_of_the_new_microbleeds(new, grade):
    assert ARIA_H.step_of(new).words == grade


def test_before_a_review_the_detectors_count_is_classed_and_after_it_definite_and_possible():
    found = lesions(6)
    assert classes(*found)[0] == ">4"
    decisions = ("accepted", "uncertain", "rejected", "rejected", "none", "none")
    read = [replace(one, decision=said) for one, said in zip(found, decisions, strict=True)]
    assert classes(*read) == ["1-4", "2-4", "1-10"]


def test_what_is_larger_than_ten_millimetres_is_no_microbleed_on_these_scales():
    counts = counts_of(lesions(4, "accepted") + lesions(1, "accepted", diameter_mm=10.5))
    assert counts.microbleeds == 5
    assert [step.name for _, step in counts.on_scales] == ["1-4", "2-4", "1-10"]
    assert counts.larger == 1


def test_a_lesion_in_an_unknown_lobe_counts_as_lobar():
    counts = counts_of(lesions(2, region=LOBE_UNKNOWN))
    assert (counts.by_group["lobar"], counts.by_region, counts.pattern) == (2, {LOBE_UNKNOWN: 2}, "lobar")


def test_every_scale_begins_at_none_and_names_its_source():
    for scale in (*SCALES, ARIA_H):
        assert scale.steps[0].lowest == 0
        assert [step.lowest for step in scale.steps] == sorted(step.lowest for step in scale.steps)
        assert all(isinstance(one, Reference) and one.bibtex.startswith("@") for one in scale.references)


@pytest.mark.parametrize("blobs", [(), (((20, 32, 8), 0.9), ((45, 32, 8), 0.8))])
def test_page_and_paper_say_the_classes_with_source_and_that_siderosis_is_not_assessed(tmp_path, blobs):
    content = content_of(a_detection(blobs), scan_name="s")
    (tmp_path / "a.pdf").write_bytes(report_pdf(content))
    printed = subprocess.run(["pdftotext", tmp_path / "a.pdf", "-"], capture_output=True, text=True, check=True).stdout
    for text in (Page(page_of(content)).text, re.sub(r"\s+", " ", printed)):
        said = ("Cummings et al., J Prev Alzheimers Dis 10:362, 2023", "Wilson et al., Lancet Neurol 17:539, 2018")
        said += ("Berge et al., Eur Stroke J 6:I, 2021", NOT_A_DIAGNOSIS, SIDEROSIS, "cmb compare gives it")
        said += ("1–4", "2–4 (any)", "1–10 (low to moderate)") if blobs else ("0 (absent)", "0 (none)")
        assert [one for one in said if one not in text] == []
        assert "Detected by the program, not confirmed by a reader." in text


def test_page_and_paper_say_what_the_classes_leave_out(tmp_path):
    detection = a_detection([((20, 32, 8), 0.9), ((45, 32, 8), 0.8), ((32, 20, 8), 0.7)])
    first, second, third = detection.lesions
    lesions = [
        replace(first, decision="accepted", reader="SI"),
        replace(second, decision="accepted", reader="SI", diameter_mm=10.5),
        third,
    ]
    content = content_of(replace(detection, lesions=lesions), scan_name="s")
    (tmp_path / "a.pdf").write_bytes(report_pdf(content))
    printed = subprocess.run(["pdftotext", tmp_path / "a.pdf", "-"], capture_output=True, text=True, check=True).stdout
    for text in (Page(page_of(content)).text, re.sub(r"\s+", " ", printed)):
        assert "Definite and possible microbleeds (without 1 larger than 10 mm and 1 not reviewed yet)." in text


def test_the_grade_between_two_visits_counts_what_is_new_and_tells_what_may_be(tmp_path):
    before, after = lesions(3), lesions(8)
    after[7] = replace(after[7], diameter_mm=11.0)  # a haemorrhage, no microbleed
    changes = [Change(STABLE, old, new) for old, new in zip(before, after[:3], strict=True)]
    changes += [Change(NEW, None, one) for one in after[3:6]] + [Change(NEW, None, after[7])]
    changes += [Change(NOT_SEEN, None, after[6]), Change(NOT_SEEN, before[0], None), Change(GONE, before[1], None)]
    found = clinical_change(before, after, changes)
    assert (found.new, found.unknown, found.grade.words, found.highest_grade.words) == (3, 1, "mild", "mild")
    assert "mild (3 new microbleeds; not confirmed by a reader)" in found.sentence
    assert "does not tell whether 1 more was there: mild if all count" in found.sentence
    assert [(first.name, second.name) for _, first, second in found.scales] == [
        ("1-4", ">4"), ("2-4", ">=5"), ("1-10", "1-10"),
    ]  # fmt: skip
    read = [replace(one, decision="accepted", reader="SI") for one in after]
    read[3] = replace(read[3], decision="rejected")
    again = [replace(one, second=None if one.second is None else read[one.second.id - 1]) for one in changes]
    found = clinical_change(before, read, again)
    assert found.new == 2
    assert "(2 new microbleeds; first scan not read; second scan read by SI)" in found.sentence


def test_what_is_new_and_not_reviewed_yet_is_not_called_absent():
    stable, *new = lesions(11)
    after = [replace(stable, decision="accepted", reader="KH"), *new]
    changes = [Change(STABLE, stable, after[0]), *(Change(NEW, None, one) for one in new)]
    found = clinical_change([stable], after, changes)
    assert (found.new, found.unread, found.highest_grade.words) == (0, 10, "severe")
    assert "10 more not reviewed yet: severe if all count" in found.sentence
    assert found.read == "first scan not read; second scan read by KH, 10 not reviewed yet"
    assert clinical_change(after, [stable], []).read.endswith("second scan not read")


def test_classes_of_a_half_read_scan_are_not_shown_as_a_fall():
    before = [replace(one, decision="accepted", reader="SI") for one in lesions(6)]
    after = [replace(before[0]), replace(before[1], decision="rejected"), *lesions(7)[2:]]
    changes = [Change(STABLE, old, new) for old, new in zip(before, after, strict=False)]
    found = clinical_change(before, after, changes)
    assert [(first.text, second.text) for scale, first, second in found.scales][1] == ("≥ 5 (any)", "1 (any)")
    assert found.notes == (
        "First scan: definite and possible microbleeds.",
        "Second scan: definite and possible microbleeds (without 5 not reviewed yet).",
    )
    assert "review of the second scan is not finished" in found.caution
    told = found.to_json()
    assert told["scales_count"] == {"first": found.notes[0], "second": found.notes[1], "caution": found.caution}
    assert all(
        one in told["scales_sentence"] for one in ("CROMIS-2 ≥ 5 (any) and 1 (any)", *found.notes, found.caution)
    )
    half = clinical_change(after, after, [])
    assert "review of the two scans is not finished" in half.caution
    assert "confirmed the first scan's microbleeds and not" in clinical_change(before, lesions(3), []).caution
    assert clinical_change(before, before, []).caution == clinical_change(lesions(2), lesions(3), []).caution == ""


def test_the_cohorts_table_has_the_classes(tmp_path):
    scan = BidsScan(tmp_path / "sub-1_T2starw.nii.gz", "1", "", tmp_path)
    cells = Row(scan, tuple(lesions(5))).cells()
    assert [cells[scale.key] for scale in SCALES] == [">4", ">=5", "1-10"]
    assert list(cells) == list(COLUMNS)
    failed = Row(scan, error="no").cells()
    assert [failed[scale.key] for scale in SCALES] == ["", "", ""]
