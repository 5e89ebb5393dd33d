"""The methods paragraph says what was really run, and its references are BibTeX."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from report_scans import Page, a_detection

from CMBCommand import cli
from CMBSegmentationLib.detecting.lesions import LesionRules
from CMBSegmentationLib.detecting.search import Search, UsedModel, UsedParcellation
from CMBSegmentationLib.report.content import content_of
from CMBSegmentationLib.report.methods import Way, bibtex_of, paragraph, trained_on, ways_of
from CMBSegmentationLib.report.page import page_of
from CMBSegmentationLib.results.deidentify import unnamed
from CMBSegmentationLib.results.stored_list import StoredList
from CMBSegmentationLib.running.write import write_results

POINTS = {"specific": 0.5, "balanced": 0.3}
METRICS = {
    "data": "60 simulated scans",
    "rule": "one to one within 3 mm",
    "default_point": "balanced",
    "operating_points": POINTS,
    "figures": {"TPR": 0.675, "PPV": 0.725, "F1": 0.699, "FPavg": 1.0},
    "validation": {"specific": "137 of 234 found (recall 0.59), 0.50 false a scan (allowed: 0.5)"},
}
DETECTOR = UsedModel(
    "net", "1.2", sha256="abcdef0123456789", spacing_mm=(0.6, 0.6, 1.0), training={"data": "996 scans"}
)
VERIFIER = UsedModel("judge", "3", training={"data": "candidates (training/x.py --all)"}, metrics=METRICS)
REGIONS = UsedModel("map", "0.4", training={"statement": "Never on patients.", "data": "heads"})
SEARCH = Search(
    DETECTOR, VERIFIER, REGIONS, operating_points=POINTS, brain_mask="found", software="0.9", date="2026-01-02"
)


def said_of(search: Search = SEARCH, threshold: float = 0.3, **way) -> str:
    return " ".join(paragraph(Way(search, LesionRules(threshold), **way)))


def test_calcium_that_a_reader_kept_is_not_said_to_be_left_out():
    assert "Calcium did not count where the scan itself showed that sign. Veins" in said_of(phase=True)
    for read in ({"read": 1}, {"begun": 1}):
        assert "itself showed that sign, unless a reader kept it. Veins" in said_of(phase=True, **read)


def test_versions_models_thresholds_and_data_are_those_of_the_search():
    text = said_of()
    for part in (
        "in 1 T2*-weighted or susceptibility-weighted scan with slicer-cmb 0.9, research software, not a medical",
        "del Pozo Lérida, IT University of Copenhagen, 2023",
        "The network net 1.2 gave each voxel of the brain a probability at 0.6 × 0.6 × 1 mm.",
        "a probability of 0.30 or more counted as microbleeds. This is the operating point “balanced”.",
        "A second network, judge 3, looked at each candidate once more",
        "Regions and sides, those of MARS (Gregoire et al., Neurology 73:1759, 2009), come from the network map 0.4.",
        "Never on patients.",
        "net 1.2 (SHA-256 abcdef012345…) was trained on 996 scans.",
        "judge 3 was trained on candidates.",
        "At this operating point it had recall 0.675, precision 0.725, F1 0.699 and 1.0 false a scan (one to one "
        "within 3 mm) when it was tested on 60 simulated scans.",
        "No reader has confirmed the findings.",
    ):
        assert part in text
    assert "judge 3 looked" not in said_of(replace(SEARCH, verifier=None))


@pytest.mark.parametrize(
    ("threshold", "said"),
    [
        (0.5, "it had 137 of 234 found (recall 0.59), 0.50 false a scan (one to one within 3 mm) when"),
        (0.42, "No figure of its accuracy at this threshold is known."),
    ],
)
def test_another_threshold_has_figures_of_its_own_or_none(threshold, said):
    text = said_of(threshold=threshold)
    assert said in text
    assert "0.675" not in text


@pytest.mark.parametrize("metrics", [{}, {"figures": 3, "operating_points": POINTS}, {"data": [1], "validation": "x"}])
def test_a_model_without_figures_is_said_to_have_none(metrics):
    text = said_of(replace(SEARCH, verifier=replace(VERIFIER, metrics=metrics)))
    assert "No figure of its accuracy at this threshold is known." in text


def test_a_parcellation_is_told_with_its_sources_and_its_file_only_where_it_is_one():
    given = replace(SEARCH, regions=None, parcellation=UsedParcellation("aseg.nii.gz", "ff", False))
    text = said_of(given)
    assert "come from the parcellation aseg.nii.gz, with FreeSurfer's labels (Fischl" in text
    assert "It does not tell lobes apart." in text
    assert "each scan's own parcellation" in said_of(given, scans=3)
    assert "@article{fischl2002," in bibtex_of(given)
    assert "@article{desikan2006," not in bibtex_of(given)
    assert "fischl" not in bibtex_of(SEARCH)


def test_places_that_a_reader_changed_are_not_called_the_networks():
    said = "; a reader changed the region or side of 3 microbleeds."
    assert f"come from the network map 0.4{said} Never on patients." in said_of(placed=3)
    parcelled = replace(SEARCH, regions=None, parcellation=UsedParcellation("aseg.nii.gz", "ff", True))
    assert f"counted to its lobe{said}" in said_of(parcelled, placed=3)
    alone = said_of(replace(SEARCH, regions=None), placed=1)
    assert "Regions were not mapped; a reader gave the region or side of 1 microbleed." in alone
    lesions = [replace(one, region="parietal", place_by_reader=True) for one in a_detection(search=SEARCH).lesions]
    rejected = replace(lesions[0], id=99, decision="rejected")
    (way,) = ways_of([StoredList((*lesions, rejected), LesionRules(0.3), SEARCH)] * 2)
    assert way.placed == 2 * len(lesions) > 0


def test_what_a_reader_put_on_the_list_is_not_called_the_programs():
    assert "A reader added 3 microbleeds and took 1 from the candidates that were left out." in said_of(
        added=3, taken=1
    )
    assert "A reader added 1 microbleed. " in said_of(added=1)
    all_three = "A reader added 1 microbleed, took 2 from the candidates that were left out and made 3 by merging or"
    assert f"{all_three} splitting others." in said_of(added=1, taken=2, made=3)
    assert "A reader" not in said_of()
    first, *others = a_detection(search=SEARCH).lesions
    put = (
        replace(first, id=98, origin="added"),
        replace(first, id=99, status="dropped", decision="accepted", reader="A"),
        *(replace(first, id=100 + n, origin=origin) for n, origin in enumerate(("merged", "split", "split"))),
    )
    (way,) = ways_of([StoredList((first, *others, *put), LesionRules(0.3), SEARCH)] * 2)
    assert (way.added, way.taken, way.made) == (2, 2, 6)


def test_references_are_entries_with_keys_of_their_own_and_closed_braces():
    entries = [one for one in bibtex_of(SEARCH).split("\n\n") if not one.startswith("%")]
    keys = [re.match(r"@(article|misc|software|mastersthesis)\{([a-z0-9]+),\n", one)[2] for one in entries]
    assert len(set(keys)) == len(keys) > 8
    assert {
        "slicercmb2026v09",
        "delpozolerida2023",
        "gregoire2009",
        "cordonnier2009",
        "wilson2018",
        "berge2021",
    } <= set(keys)
    for entry in entries:
        assert entry.count("{") == entry.count("}")
        assert re.fullmatch(r"@\w+\{\w+,\n(  \w+ = \{.*\},\n)+\}", entry)


def test_entries_of_two_versions_have_keys_of_their_own_and_come_before_the_classes():
    text = bibtex_of(SEARCH, replace(SEARCH, software="1.0"), replace(SEARCH, date="2027-01-01"), SEARCH)
    keys = re.findall(r"@\w+\{([a-z0-9]+),", text)
    assert len(set(keys)) == len(keys)
    assert {"slicercmb2026v09", "slicercmb2026v10", "slicercmb2027v09"} <= set(keys)
    assert text.index("slicercmb2027v09") < text.index("% of the clinical classes") < text.index("wilson2018")


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ({"begun": 1}, "A reader decided on some of the findings."),
        ({"begun": 1, "readers": ("SI",)}, "Verdicts are those of SI. They do not cover all findings."),
        (
            {"scans": 3, "read": 1, "begun": 1},
            "In 1 of them a reader decided on the findings. Others were read in part: 1.",
        ),
    ],
)
def test_a_review_that_was_only_begun_is_not_called_done(way, said):
    assert said_of(**way).endswith(said)
    one, *_ = a_detection(search=SEARCH).lesions
    (found,) = ways_of([StoredList((replace(one, decision="accepted"), one), LesionRules(0.3), SEARCH)])
    assert (found.read, found.begun) == (0, 1)


def test_scans_that_were_searched_alike_share_a_paragraph_and_name_no_reader():
    read = a_detection(search=SEARCH)
    lesions = tuple(replace(one, decision="accepted", reader="SI") for one in read.lesions)
    lists = [StoredList(tuple(read.lesions), LesionRules(0.3), SEARCH), StoredList(lesions, LesionRules(0.3), SEARCH)]
    lists.append(StoredList((), LesionRules(0.3), replace(SEARCH, device="cuda", date="2026-02-01")))
    lists.append(StoredList((), LesionRules(0.5), SEARCH))
    first, second = ways_of(lists)
    assert (first.scans, first.read, second.scans) == (3, 1, 1)
    text = " ".join(paragraph(first))
    assert "in 3 T2*-weighted or susceptibility-weighted scans" in text
    assert "In 1 of them a reader decided on the findings." in text
    assert "SI" not in text.split()


def test_the_report_has_the_paragraph_and_the_references_to_copy():
    detection = a_detection(search=replace(SEARCH, parcellation=UsedParcellation("Jane.nii.gz", "ff"), regions=None))
    content = content_of(detection, scan_name="s")
    text = Page(page_of(content)).text
    assert " ".join(content.methods) in text
    assert "@article{gregoire2009," in text
    assert "Jane.nii.gz" in text
    assert "Jane" not in Page(page_of(content_of(unnamed(detection, "x"), scan_name="x"))).text


def test_cmb_methods_prints_the_paragraph_of_a_folder_and_its_references(tmp_path, capsys):
    for name in ("sub-1_T2starw", "sub-2_T2starw"):
        write_results(a_detection(search=SEARCH), tmp_path / "out" / name, name)
    assert cli.main(["methods", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Cerebral microbleeds were searched for in 2 T2*-weighted or susceptibility-weighted scans")
    assert "@software{slicercmb2026v09," in said
    assert cli.main(["methods", str(tmp_path / "out"), "--bibtex"]) == 0
    assert capsys.readouterr().out.startswith("@software{slicercmb2026v09,")
    for wrong, why in ((tmp_path / "nowhere", "is not a folder"), (tmp_path, "has no results")):
        (tmp_path / "out").rename(tmp_path / ".out") if why == "has no results" else None
        assert cli.main(["methods", str(wrong)]) == 2
        assert why in capsys.readouterr().err


def test_what_a_model_was_trained_on_is_told_without_commands_and_details():
    data = "996 simulated scans (training/x.py --all): 622 at first, then 374 more, in some 780,000"
    model = UsedModel("net", "1", training={"data": data})
    assert trained_on(model) == "996 simulated scans"
    assert "net 1 was trained on 996 simulated scans. " in said_of(replace(SEARCH, detector=model))
    page = page_of(content_of(a_detection(search=replace(SEARCH, detector=model)), scan_name="s"))
    before_provenance = page.partition("Settings and provenance")[0]
    assert "780,000" not in before_provenance
    assert "780,000" in page
