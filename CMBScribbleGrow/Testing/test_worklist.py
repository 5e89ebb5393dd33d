"""The studies to annotate: in order, resumed from what is on disk, and with a word for what is wrong."""

from pathlib import Path

import pytest
from annotated_study import full_annotation

from CMBScribbleGrowLib.annotation.edits import with_done
from CMBScribbleGrowLib.annotation.file import make_folder, write_study
from CMBScribbleGrowLib.annotation.records import Annotation, Study
from CMBScribbleGrowLib.worklist.cases import filtered, next_item, read_worklist, refreshed, report_text
from CMBSegmentationLib.errors import InputError

READER = "SI"


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.fixture
def folder(tmp_path):
    touch(*(tmp_path / f"{name}.nii.gz" for name in ("c_swi", "a_swi", "b_swi")))
    (tmp_path / "a_swi.txt").write_text("Two microbleeds.", encoding="utf-8")
    return tmp_path


@pytest.fixture
def table(folder):
    def write(text, name="list.csv", encoding="utf-8"):
        (folder / name).write_bytes(text.encode(encoding))
        return folder / name

    return write


def names(items):
    return [item.study for item in items]


def finish(item, reader=READER):
    make_folder(item.files)
    write_study(
        item.files.annotation,
        Study(scan=item.scan.name, annotations=(with_done(Annotation(reader=reader), True),)),
    )


def test_a_folder_of_scans_is_listed_by_name_without_results_and_truth(folder):
    touch(
        folder / "a_swi_desc-cmb_dseg.nii.gz",
        folder / "a_swi_desc-cmb_annotation.seg.nrrd",
        folder / "sub-101_space-T2S_CMB.nii.gz",
        folder / ".draft-1-a.nii",
        folder / "notes.docx",
    )
    worklist = read_worklist(folder, READER)
    assert names(worklist.items) == ["a_swi", "b_swi", "c_swi"]
    assert worklist.items[0].files.annotation == folder / "a_swi_desc-cmb_annotation.json"
    assert (report_text(worklist.items[0]), report_text(worklist.items[1])) == ("Two microbleeds.", "")


def test_study_folders_are_listed_with_the_sequence_on_which_microbleeds_show(tmp_path):
    sub = "sub-101_space-T2S"
    touch(*(tmp_path / "sub-101" / f"{sub}_{n}.nii.gz" for n in ("desc-masked_T2S", "desc-masked_T1", "CMB")))
    touch(tmp_path / "sub-102" / "scan.nrrd", tmp_path / "sub-102" / "radiology.txt")
    touch(tmp_path / "sub-103" / "one.nii", tmp_path / "sub-103" / "two.nii", tmp_path / "sub-104" / "readme.md")
    (tmp_path / "sub-105").mkdir()
    (tmp_path / "sub-105" / "IM0001").write_bytes(bytes(128) + b"DICM")
    worklist = read_worklist(tmp_path, READER, tmp_path / "out")
    assert names(worklist.items) == ["sub-101", "sub-102", "sub-105"]
    assert worklist.items[0].scan.name == f"{sub}_desc-masked_T2S.nii.gz"
    assert worklist.items[0].files.folder == tmp_path / "out" / "sub-101"
    assert worklist.items[1].report.name == "radiology.txt"
    assert worklist.items[2].scan == tmp_path / "sub-105"
    assert any("several scans (one.nii, two.nii)" in note for note in worklist.notes)
    assert any("sub-104 holds no scan" in note for note in worklist.notes)


@pytest.mark.parametrize(("mark", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-8")])
def test_a_csv_keeps_its_order_within_a_priority(table, mark, encoding):
    text = (
        "Scan,Study,Priority\nc_swi.nii.gz,gamma,other\nb_swi.nii.gz,beta,Tumour\n"
        "sub/d.nii,delta,tumor\na_swi.nii.gz,alpha,\ne.nii,Öps,no other pathology\n"
    )
    worklist = read_worklist(table(text.replace(",", mark), encoding=encoding), READER)
    assert names(worklist.items) == ["Öps", "beta", "delta", "gamma", "alpha"]
    assert names(read_worklist(table("scan\nc_swi.nii.gz\na_swi.nii.gz\n"), READER).items) == ["c_swi", "a_swi"]


def test_a_scan_or_report_that_is_missing_and_an_unknown_priority_are_noted_and_stay_listed(table):
    source = table("scan,priority,report\na_swi.nii.gz,urgent,gone.txt\nnowhere.nii,1,\n")
    worklist = read_worklist(source, READER)
    assert names(worklist.items) == ["nowhere", "a_swi"]
    assert "does not exist" in worklist.items[0].problem
    assert worklist.items[1].report is None
    text = " ".join(worklist.notes)
    assert "the report gone.txt does not exist" in text
    assert "the priority 'urgent' is not known (no other pathology · tumour · other)" in text
    assert "nowhere.nii does not exist" in text
    assert next_item(worklist).study == "a_swi"


def test_a_study_listed_twice_is_taken_once_or_refused_where_the_lines_differ(table):
    same = read_worklist(table("scan,study\na_swi.nii.gz,one\nb_swi.nii.gz,two\na_swi.nii.gz,one\n"), READER)
    assert names(same.items) == ["one", "two"]
    assert "listed twice (lines 2 and 4)" in same.notes[0]
    with pytest.raises(InputError, match=r"lists one twice with different values \(lines 2 and 3\)"):
        read_worklist(table("scan,study\na_swi.nii.gz,one\nb_swi.nii.gz,one\n"), READER)
    with pytest.raises(InputError, match="same annotation file"):
        read_worklist(table("scan,study\na_swi.nii.gz,one\na_swi.nii.gz,two\n"), READER)


def test_a_scan_in_two_formats_is_taken_once(folder):
    touch(folder / "a_swi.nrrd")
    worklist = read_worklist(folder, READER)
    assert names(worklist.items) == ["a_swi", "b_swi", "c_swi"]
    assert "a_swi is there twice" in worklist.notes[0]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no column 'scan'"),
        (b"study,priority\na,1\n", "no column 'scan' \\(study, priority\\)"),
        (b"scan\n", "lists no study"),
        (b"scan,study\n,alpha\n", "line 2: no scan"),
        (b"scan,study\na.nii,../x\n", "line 2: study is"),
        (b"scan\na.nii,b,c\n", "line 2: 3 cells under 1 headings"),
        ("scan\nä.nii\n".encode("latin-1"), "cannot be read as a CSV"),
        ("scan\na.nii\n".encode("utf-16"), "cannot be read as a CSV"),
        (b'scan\n"a.nii\n', "cannot be read as a CSV"),
    ],
)
def test_a_csv_that_cannot_be_read_is_refused_with_the_line(folder, content, told):
    (folder / "list.csv").write_bytes(content)
    with pytest.raises(InputError, match=told):
        read_worklist(folder / "list.csv", READER)


def test_a_source_that_is_missing_or_empty_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_worklist(tmp_path / "gone", READER)
    with pytest.raises(InputError, match="lists no study"):
        read_worklist(tmp_path, READER)


def test_what_is_done_is_read_from_the_readers_own_annotations(folder):
    worklist = read_worklist(folder, READER)
    finish(worklist.items[0])
    finish(worklist.items[1], reader="AB")
    for resumed in (refreshed(worklist), read_worklist(folder, READER)):
        assert [item.done for item in resumed.items] == [True, False, False]
        assert resumed.progress == (1, 3)
        assert next_item(resumed).study == "b_swi"
    assert read_worklist(folder, "AB").progress == (1, 3)


def test_the_next_study_comes_after_the_present_one_and_then_from_the_start(folder):
    worklist = read_worklist(folder, READER)
    assert next_item(worklist, "b_swi").study == "c_swi"
    assert next_item(worklist, "c_swi").study == "a_swi"
    for item in worklist.items:
        finish(item)
    assert next_item(refreshed(worklist)) is None


def test_the_list_is_filtered_by_what_is_done_by_priority_and_by_text(table):
    worklist = read_worklist(table("scan,priority\na_swi.nii.gz,1\nb_swi.nii.gz,2\nc_swi.nii.gz,\n"), READER)
    finish(worklist.items[0])
    worklist = refreshed(worklist)
    assert names(filtered(worklist, done=True)) == ["a_swi"]
    assert names(filtered(worklist, done=False, text="C_S")) == ["c_swi"]
    assert names(filtered(worklist, priority="tumour")) == ["b_swi"]
    assert names(filtered(worklist, priority="")) == ["c_swi"]


def test_a_priority_that_only_the_annotation_knows_orders_the_list_too(folder):
    item = read_worklist(folder, READER).items[2]
    write_study(
        item.files.annotation, Study(scan="c_swi.nii.gz", priority="tumour", annotations=(full_annotation("AB"),))
    )
    assert names(read_worklist(folder, READER).items) == ["c_swi", "a_swi", "b_swi"]


@pytest.mark.parametrize("content", ["{", '{"schema_version": 99}'])
def test_an_annotation_that_cannot_be_read_is_noted_and_left_to_do(folder, content):
    path = read_worklist(folder, READER).items[0].files.annotation
    path.write_text(content)
    worklist = read_worklist(folder, READER)
    assert worklist.progress == (0, 3)
    assert worklist.notes[0].startswith("a_swi: ")
    assert path.read_text() == content
