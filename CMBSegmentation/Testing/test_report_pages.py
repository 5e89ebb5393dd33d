"""Tables, glass brain and PDF: what a reader said is counted as such, and every lesion lies where it is."""

from __future__ import annotations

import base64
import io
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import matplotlib.font_manager
import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image
from report_scans import Page, a_detection, an_empty_scan

from CMBSegmentationLib.detecting.detect import Detection
from CMBSegmentationLib.detecting.lesions import Lesion
from CMBSegmentationLib.detecting.search import Search, UsedModel
from CMBSegmentationLib.errors import MachineError
from CMBSegmentationLib.reading.scan_identity import ScanName
from CMBSegmentationLib.report.content import content_of
from CMBSegmentationLib.report.glass_brain import glass_brain
from CMBSegmentationLib.report.page import SHOWN, columns_of, page_of, report_html
from CMBSegmentationLib.report.page import cell as cell_of
from CMBSegmentationLib.report.pdf import fonts as pdf_fonts
from CMBSegmentationLib.report.pdf import report_pdf
from CMBSegmentationLib.report.tables import count_tables, shown_certainties
from CMBSegmentationLib.report.words import SAY
from CMBSegmentationLib.results.counts import counts_of
from CMBSegmentationLib.results.deidentify import unnamed
from CMBSegmentationLib.vocabulary.numbers import counted_class
from CMBSegmentationLib.vocabulary.verdicts import DEFINITE, DETECTED, KEPT, POSSIBLE

PLACES = (
    ("frontal", "left", 3.0), ("frontal", "left", 6.0), ("parietal", "right", 2.0), ("thalamus", "right", 2.5),
    ("brainstem", "midline", 2.0), ("", "", 2.0),
)  # fmt: skip
SAID = ("accepted", "uncertain", "rejected", "accepted", "none", "accepted")


NOBODY = ("none",) * len(PLACES)


def lesions(said: tuple[str, ...] = NOBODY) -> list[Lesion]:
    return [
        Lesion(
            n, KEPT, 0, 0, 0, 14, diameter, 1, 0.5, 0.9, region=region, side=side, decision=decision,
            reader="" if decision == "none" else "SI",
        )
        for n, ((region, side, diameter), decision) in enumerate(zip(PLACES, said, strict=True), start=1)
    ]  # fmt: skip


def read_as(detection: Detection, *decisions: str, reader: str) -> Detection:
    """The same with decisions on its first lesions."""
    said = [replace(one, decision=what, reader=reader) for one, what in zip(detection.lesions, decisions, strict=False)]
    return replace(detection, lesions=[*said, *detection.lesions[len(said) :]])


def cell(table, row: str, certainty: str, side: str) -> int:
    at = 0
    for heading, width in table.spans:
        if heading == certainty:
            at += table.columns[at : at + width].index(side)
            break
        at += width
    (found,) = [line for line in table.rows if line.name == row]
    return found.cells[at]


def test_without_a_reader_nothing_is_called_definite():
    counts = counts_of(lesions())
    assert shown_certainties(counts) == (DETECTED,)
    assert not counts.is_read
    assert (counts.microbleeds, counts.count_class, counts.pattern) == (6, "5-10", "mixed")


def test_mars_and_bombs_count_definite_and_possible_apart_by_region_side_and_size():
    counts = counts_of(lesions(SAID))
    assert shown_certainties(counts) == (DEFINITE, POSSIBLE, DETECTED)
    assert (counts.definite, counts.possible, counts.not_read) == (3, 1, 1)
    assert (counts.rejected, counts.readers, counts.count_class) == (1, ("SI",), "2-4")
    mars, bombs = count_tables(counts)
    assert cell(mars, "frontal", DEFINITE, "left") == cell(mars, "frontal", POSSIBLE, "left") == 1
    assert cell(mars, "lobar", DEFINITE, "left") == 1
    assert cell(mars, "parietal", DEFINITE, "right") == 0  # rejected
    assert cell(mars, "brainstem", DETECTED, "midline") == 1
    assert cell(mars, "unassigned", DEFINITE, "side not known") == 1
    assert sum(mars.rows[-1].cells) == sum(bombs.rows[-1].cells) == 5
    assert cell(bombs, "lobar, < 5 mm", DEFINITE, "left") == cell(bombs, "lobar, 5–10 mm", POSSIBLE, "left") == 1
    assert cell(bombs, "deep, < 5 mm", DEFINITE, "right") == 1
    assert counts.pattern == "mixed"
    assert "hypertensive arteriopathy" in counts.pattern_meaning


def test_without_regions_only_sizes_are_counted():
    counts = counts_of([replace(one, region="", side="") for one in lesions()])
    (table,) = count_tables(counts)
    assert [row.cells for row in table.rows] == [(5,), (1,), (6,)]
    assert counts.pattern == ""
    assert count_tables(counts_of([])) == ()


@pytest.mark.parametrize("turn_degrees", [0.0, 25.0])
def test_the_glass_brain_puts_each_lesion_at_its_place_in_millimetres(turn_degrees):
    scan = an_empty_scan(turn_degrees=turn_degrees)
    values = np.zeros(scan.GetSize()[::-1], np.uint8)
    values[4:12, 15:50, 15:50] = 1
    brain = sitk.GetImageFromArray(values)
    brain.CopyInformation(scan)
    corner = brain.TransformIndexToPhysicalPoint((16, 16, 5))  # just inside the right anterior inferior corner
    left, posterior, superior = corner
    one = Lesion(1, KEPT, -left, -posterior, superior, 14, 3, 1, 0.5, 0.9)
    views = glass_brain(brain, [one])
    assert len(views) == 3
    for view in views:
        shade = np.asarray(Image.open(io.BytesIO(base64.b64decode(view.png.split(",")[1]))))
        assert shade.shape == (view.height_mm, view.width_mm)
        (mark,) = view.marks
        around = shade[int(mark.y_mm) - 4 : int(mark.y_mm) + 5, int(mark.x_mm) - 4 : int(mark.x_mm) + 5]
        assert around.min() < 255  # brain
        if turn_degrees == 0:
            assert around.max() == 255  # and its edge
            assert (mark.x_mm < view.width_mm / 2) == (view.plane.left in "RA")  # the voxel is right and anterior
            assert (mark.y_mm > view.height_mm / 2) == (view.plane.top == "S")  # and inferior


def test_the_page_has_tables_pattern_and_map():
    detection = a_detection((((20, 32, 8), 0.9), ((45, 32, 8), 0.8)))
    placed = [replace(one, region="frontal", side="left") for one in detection.lesions]
    html = report_html(replace(detection, lesions=placed), scan_name="s")
    text = Page(html).text
    assert "Microbleed Anatomical Rating Scale" in text
    assert "Brain Observer Microbleed Scale" in text
    assert "strictly lobar" in text
    assert "not a diagnosis of this patient" in text
    assert html.count('<circle class="mark detected"') == 6
    assert "Detected by the program, not reviewed by a reader." in text


def test_one_microbleed_is_singular_on_page_and_paper(tmp_path):
    one = a_detection()
    assert "1 microbleed (detected)" in Page(report_html(one, scan_name="s")).text
    assert "1 microbleed (detected)" in words_of(report_pdf(content_of(one, scan_name="s")), tmp_path)
    assert counted_class("2-4", "microbleed") == "2–4 microbleeds"
    assert counted_class(">10", "microbleed") == "> 10 microbleeds"


def test_the_page_says_what_the_reader_said():
    detection = a_detection((((20, 32, 8), 0.9), ((45, 32, 8), 0.8)))
    text = Page(report_html(read_as(detection, "accepted", "uncertain", reader="S<I"), scan_name="s")).text
    assert "read by S<I with the help of research software: 1 definite, 1 possible" in text
    assert "definite, read by S<I" in text
    assert "Verdicts are those of S<I." in text
    assert "not confirmed by a reader" not in text


def test_no_word_of_the_list_is_broken_on_paper(tmp_path):
    detection = a_detection((((20, 32, 8), 0.9), ((45, 32, 8), 0.8), ((20, 50, 8), 0.7), ((45, 50, 8), 0.6)))
    white, said = "deep and periventricular white matter", ("accepted", "uncertain", "rejected", "none")
    told = [
        replace(
            one, region=white, side="midline", decision=what, reader="" if what == "none" else "SI", phase="unclear"
        )
        for one, what in zip(detection.lesions, said, strict=True)
    ]
    told[0] = replace(told[0], cause="hypertension", origin="added")
    told[1] = replace(told[1], cause="radiotherapy")
    told[2] = replace(told[2], mimic="basal-ganglia calcification", status="dropped")
    content = content_of(replace(detection, lesions=told), scan_name="s")
    text = words_of(report_pdf(content, dropped=True), tmp_path)
    tables = (
        (text.index(" List "), text.index("R, A, S:")),
        (text.rindex("whole axial slice"), text.rindex(" Methods ")),
    )
    for kind, shown, (begin, end) in zip(("listed", "dropped"), (content.listed, content.dropped), tables, strict=True):
        names = columns_of(shown, kind)
        texts = [SHOWN[name].heading for name in names] + [cell_of(one, name) for one in shown for name in names]
        assert {word for words in texts for word in words.split()} <= set(text[begin:end].split())


def test_places_that_a_reader_took_away_have_a_column_though_no_other_lesion_has_a_region():
    cleared = replace(lesions()[0], region="", side="", place_by_reader=True)
    assert "region" in columns_of([cleared], "listed")
    assert cell_of(cleared, "region") == SAY["no_place_by_reader"]
    assert "region" not in columns_of([replace(cleared, place_by_reader=False)], "listed")


def test_on_paper_a_heading_stands_with_what_it_is_of(tmp_path):
    for lines in range(0, 64, 3):
        content = content_of(a_detection(), scan_name="s", notes=["A line."] * lines)
        (tmp_path / "a.pdf").write_bytes(report_pdf(content))
        told = subprocess.run(["pdftotext", tmp_path / "a.pdf", "-"], capture_output=True, text=True, check=True).stdout
        (page,) = [page for page in told.split("\f") if SAY["pictures"] in page.splitlines()]
        assert "CMB 1" in page.splitlines()
        names = [line for line in told[told.index(SAY["provenance"]) :].splitlines() if ": " in line]
        assert len(names) == len(set(names))  # no row of values is repeated on the next page


def words_of(pdf: bytes, tmp_path) -> str:
    (tmp_path / "a.pdf").write_bytes(pdf)
    told = subprocess.run(["pdftotext", "-layout", tmp_path / "a.pdf", "-"], capture_output=True, text=True, check=True)
    return re.sub(r"\s+", " ", told.stdout)


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_the_pdf_is_the_same_bytes_again_and_grows_with_its_lesions():
    blobs = [((12 + 18 * k, 20 + 12 * j, 8), 0.9) for k in range(3) for j in range(2)]
    few, many = (content_of(a_detection(blobs[:n]), scan_name="s") for n in (1, 6))
    pdf = report_pdf(few)
    assert pdf.startswith(b"%PDF")
    assert pdf == report_pdf(few)
    assert pages_of(report_pdf(many)) > pages_of(pdf)


def test_the_pdf_says_what_the_page_says(tmp_path):
    detection = a_detection((((20, 32, 8), 0.9), ((45, 32, 8), 0.3)), search=Search(device="cpu"))
    content = content_of(detection, scan_name="s & <b>evil</b>", notes=["12 voxels < NaN."])
    text = words_of(report_pdf(content), tmp_path)
    for said in ("Research software, not a medical device.", "s & <b>evil</b>", "12 voxels < NaN.", "CMB 1", "cpu"):
        assert said in text
    assert content.sentence in text
    assert "1 dropped candidate is only counted on paper" in text
    assert "Candidate 2" not in text
    assert "Candidate 2" in words_of(report_pdf(content, dropped=True), tmp_path)


def test_the_pdf_lists_what_the_reader_rejected_and_as_what(tmp_path):
    blobs = [
        ((12 + 18 * k, 20 + 24 * j, 8), p) for (k, j), p in zip(np.ndindex(3, 2), [0.9] * 3 + [0.3] * 3, strict=True)
    ]
    detection = read_as(a_detection(blobs), "accepted", "rejected", "rejected", "rejected", reader="SI")
    mimics = ("", "vessel", "", "basal-ganglia calcification", "", "")
    told = [replace(one, mimic=mimic) for one, mimic in zip(detection.lesions, mimics, strict=True)]
    content = content_of(replace(detection, lesions=told), scan_name="s")
    text = words_of(report_pdf(content), tmp_path)
    title = "3 rejected lesions and 2 dropped candidates"
    assert title in Page(page_of(content)).text
    section = text[text.index(title) : text.index(" Methods ")]
    assert re.search(
        r"Mimic Reader 2 [^a-z]* vessel SI 3 [^a-z]* – SI 4 [^a-z]* basal-ganglia calcification SI", section
    )
    assert "2 dropped candidates are only counted on paper" in section
    alone = content_of(read_as(a_detection(blobs[:1]), "rejected", reader="SI"), scan_name="s")
    assert "1 rejected lesion No. R mm" in words_of(report_pdf(alone), tmp_path)


def test_the_counts_of_a_half_finished_review_fit_the_pages_width(tmp_path):
    detection = a_detection((((20, 32, 8), 0.9), ((45, 32, 8), 0.8), ((20, 50, 8), 0.7), ((45, 50, 8), 0.6)))
    sides = ("left", "right", "midline", "")
    placed = [replace(one, region="frontal", side=side) for one, side in zip(detection.lesions, sides, strict=True)]
    detection = read_as(replace(detection, lesions=placed), "accepted", "uncertain", reader="SI")
    content = content_of(detection, scan_name="s")
    assert len(content.tables[0].columns) == 12  # three certainties, four sides
    (tmp_path / "a.pdf").write_bytes(report_pdf(content))
    told = subprocess.run(["pdftotext", "-bbox", tmp_path / "a.pdf", "-"], capture_output=True, text=True, check=True)
    page = float(re.search(r'<page width="([\d.]+)"', told.stdout)[1])
    assert max(float(edge) for edge in re.findall(r'xMax="([\d.]+)"', told.stdout)) < page - 28  # a centimetre


@pytest.mark.parametrize("name", ["Müller μ ≥ 5", "Иванов", "Ελένη", "山田太郎", "홍길동", "محمد", "राम"])
def test_text_of_any_script_is_in_the_pdf_or_the_pdf_says_that_it_is_not(tmp_path, name):
    text = words_of(report_pdf(content_of(a_detection(), scan_name=name)), tmp_path)
    assert name in text or "cannot be printed in its script" in text


def test_a_font_of_the_machine_is_embedded_where_the_reports_own_lacks_a_character(tmp_path, monkeypatch):
    other = str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "STIXGeneral.ttf")
    monkeypatch.setattr(matplotlib.font_manager, "findSystemFonts", lambda: [other, "/nowhere/missing.ttf"])
    monkeypatch.setattr(pdf_fonts, "_REGISTERED", [])
    pdf_fonts._font_files.cache_clear(), pdf_fonts._font_of.cache_clear()
    pdf_fonts.register_fonts()
    own, rest = (pdf_fonts._characters(name) for name in (pdf_fonts.PLAIN, next(pdf_fonts._fallbacks())))
    rare = next(chr(code) for code in rest if code not in own and chr(code).isalpha())
    text = words_of(report_pdf(content_of(a_detection(), scan_name=f"scan {rare}")), tmp_path)
    pdf_fonts._font_files.cache_clear(), pdf_fonts._font_of.cache_clear()
    assert rare in text
    assert "cannot be printed" not in text


def test_a_report_has_a_place_to_sign_and_not_the_models_whole_training(tmp_path):
    data = "144 simulated scans (training/synthesize.py --count 144), no patients"
    training = {"data": data, "config": {"epochs": 24}}
    model = UsedModel("net", "1", training=training, metrics={"a": 1})
    detection = a_detection(search=Search(model, date="2026-01-02T03:04:05+00:00"))
    content = content_of(read_as(detection, "accepted", reader="SI"), scan_name="s")
    for text in (words_of(report_pdf(content), tmp_path), Page(page_of(content)).text):
        assert "Trained on: 144 simulated scans, no patients" in text.replace("Trained on 144", "Trained on: 144")
        assert "searched on 2026-01-02" in text
        assert "Read by" in text
        assert "Signature" in text
    text = words_of(report_pdf(content), tmp_path)
    assert "epochs" not in text
    assert "SI Read by" in text
    assert "--count 144" in text  # in the provenance


@pytest.mark.parametrize("blobs", [(), (((20, 32, 8), 0.3),)])
def test_an_empty_result_has_a_pdf_too(blobs):
    assert report_pdf(content_of(a_detection(blobs), scan_name="s"), dropped=True).startswith(b"%PDF")


def test_a_report_without_names_names_nobody():
    detection = a_detection(search=Search(scan=ScanName("Jane_Doe.nii"), readers=("SI",), reviewed_at="2026-01-02"))
    detection = read_as(detection, "accepted", reader="SI")
    content = content_of(unnamed(detection, "sub-1"), scan_name="sub-1")
    text = Page(page_of(content)).text
    assert "Jane" not in text
    assert "SI" not in text.split()
    assert "1 definite" in text


def test_a_report_says_at_its_head_which_series_of_which_day_it_is_of_unless_it_is_deidentified(tmp_path):
    scan = ScanName("two_visits", series_number="105", series_description="SWI Doe", study_date="2025-06-15")
    detection = a_detection(search=Search(scan=scan))
    content = content_of(detection, scan_name="two_visits_series-105")
    for text in (Page(page_of(content)).text, words_of(report_pdf(content), tmp_path)):
        assert "two_visits_series-105 Series 105 'SWI Doe', 2025-06-15 " in " ".join(text.split())
        assert "series description" in text  # in the provenance
    content = content_of(unnamed(detection, "sub-1"), scan_name="sub-1")
    for text in (Page(page_of(content)).text, words_of(report_pdf(content), tmp_path)):
        assert "Doe" not in text
        assert "2025" not in text


def test_without_reportlab_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "reportlab", None)
    with pytest.raises(MachineError) as told:
        report_pdf(content_of(a_detection(), scan_name="s"))
    assert "pip install reportlab" in told.value.hint
