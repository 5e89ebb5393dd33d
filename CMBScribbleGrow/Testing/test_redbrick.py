"""RedBrick's exports become a study's own files; what is not understood is told and kept."""

import argparse
import contextlib
import json
from dataclasses import asdict

import numpy as np
import pytest
import SimpleITK as sitk
from annotated_study import SHAPE, small_scan
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from property_tests import examples
from rich.console import Console

from CMBCommand.annotate_import import _scan_of, add_options, run
from CMBCommand.cli import COMMANDS
from CMBScribbleGrowLib.annotation.file import StudyFiles, read_study
from CMBScribbleGrowLib.annotation.segments_file import read_segments
from CMBScribbleGrowLib.redbrick.bring_in import import_task, read_tasks
from CMBSegmentationLib.errors import InputError

BLEED, GROUP, UNDESCRIBED = (3, 5, 7), (6, 10, 12), (9, 1, 1)  # k, j, i


def labels(scan):
    values = np.zeros(SHAPE, np.uint8)
    values[BLEED], values[GROUP], values[UNDESCRIBED] = 1, 2, 9
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(scan)
    return image


def task(**changes):
    attributes = {
        "Location of CMB": "?",
        "CMB location": "Subcortical White Matter",
        "Side": "LEFT",
        "Smaller than 5mm": True,
        "Suspected Cause": ["CAA"],
        "uncertain": False,
        "Brush": "smallest",
    }
    series = {
        "name": "SWI",
        "items": "sub-01_swi.nii.gz",
        "segmentations": "labels.nii.gz",
        "segmentMap": {
            "1": {"category": "CMB", "attributes": attributes},
            "2": {"category": ["CMB", "CAA group"], "attributes": [{"name": "Cause", "value": "aliens"}]},
            "3": "CMB",
        },
        "landmarks3d": [
            {"point": {"i": 7, "j": 5, "k": 3}, "category": "Mimic", "attributes": {"Type": "Vessel"}},
            {
                "point": {"i": 1, "j": 2, "k": 3},
                "category": ["Mimic", "basal ganglia calcification"],
                "attributes": {"Side": "R"},
            },
            {"point": {"i": 4, "j": 4, "k": 4}, "category": "Other finding", "attributes": {"Description": "lacune"}},
            {"category": "Mimic"},
        ],
        "classifications": [{"attributes": {"Artifacts": ["Blurry", "metal"], "Wrong image type": "no"}}],
        "cuboids": [{"category": "tumour"}],
    }
    return {
        "taskId": "42",
        "name": "sub-01",
        "updatedBy": "si@example.org",
        "updatedAt": "2023-05-04T10:20:30.123+02:00",
        "classification": {"attributes": {"Included": "No", "Why not": "motion", "Quality": "Insufficient T2*/SWI"}},
        "series": [series],
        **changes,
    }


@pytest.fixture
def folder(tmp_path):
    scan = small_scan()
    sitk.WriteImage(scan, str(tmp_path / "sub-01_swi.nii.gz"))
    sitk.WriteImage(labels(scan), str(tmp_path / "labels.nii.gz"))
    return tmp_path


@pytest.fixture
def command(folder):
    def call(content, *options):
        (folder / "tasks.json").write_text(json.dumps(content))
        parser = argparse.ArgumentParser()
        add_options(parser)
        run(parser.parse_args([str(folder / "tasks.json"), "-o", str(folder / "out"), *options]), Console())
        return StudyFiles(folder / "out", "sub-01_swi")

    return call


def imported(folder, content):
    return import_task(content, small_scan(), folder)


def ras(index):
    left, posterior, superior = small_scan().TransformContinuousIndexToPhysicalPoint([float(i) for i in index])
    return pytest.approx((-left, -posterior, superior), abs=0.01)


def test_segments_become_microbleeds_with_the_answers_of_the_taxonomy(folder):
    annotation = imported(folder, task()).annotation
    single, group = annotation.microbleeds
    assert (single.location, single.side, single.cause) == ("subcortical white matter", "left", "CAA")
    assert (single.smaller_than_5_mm, single.uncertain, single.grouping) == (True, False, "single")
    assert (single.r_mm, single.a_mm, single.s_mm) == ras(BLEED[::-1])
    assert (single.reader, single.time) == ("si@example.org", "2023-05-04T08:20:30Z")
    assert (group.grouping, group.count, group.cause) == ("CAA group", None, "")


def test_masks_lie_on_the_scans_grid_under_the_names_that_the_records_give(folder):
    done = imported(folder, task())
    masks = {segment.name: segment.voxels.tolist() for segment in done.segments}
    assert [masks[cmb.scribble_segment] for cmb in done.annotation.microbleeds] == [[list(BLEED)], [list(GROUP)]]
    assert masks["Finding 1 (si@example.org)"] == [list(UNDESCRIBED)]


def test_landmarks_become_mimics_and_findings_where_they_were_set(folder):
    annotation = imported(folder, task()).annotation
    vessel, calcification = annotation.mimics
    assert (vessel.type, vessel.side) == ("vessel", "")
    assert (vessel.r_mm, vessel.a_mm, vessel.s_mm) == ras((7, 5, 3))
    assert (calcification.type, calcification.side) == ("basal-ganglia calcification", "right")
    assert annotation.findings[-1].text == "Other finding; lacune"


def test_study_and_series_quality_come_along(folder):
    annotation = imported(folder, task()).annotation
    assert (annotation.assessment.included, annotation.assessment.why_not) == (False, "motion")
    assert annotation.assessment.quality == "insufficient T2*/SWI"
    assert not annotation.assessment.done
    (series,) = annotation.series
    assert (series.series, series.flags) == ("SWI", ("blurry", "metal"))


def test_what_is_not_understood_is_noted_and_kept_as_a_comment(folder):
    done = imported(folder, task())
    single, group = done.annotation.microbleeds
    assert "Brush: smallest" in single.comment
    assert "Location of CMB: ?" in single.comment
    assert group.comment == "Cause: aliens"
    comments = done.annotation.assessment.comments
    assert "Segment 3 (CMB) has no voxels" in comments
    assert 'has no point: {"category": "Mimic"}' in comments
    assert '"tumour"' in comments
    notes = " ".join(done.notes)
    for word in ("Brush", "'aliens'", "Segment 3", "Segment 9", "has no point", "cuboids (1)"):
        assert word in notes


def test_everything_understood_leaves_no_note(folder):
    content = task()
    series = content["series"][0]
    series["segmentMap"] = {"1": "CMB", "2": "Microbleed", "9": {"category": "cmb"}}
    series["landmarks3d"] = series["landmarks3d"][:3]
    del series["cuboids"]
    assert imported(folder, content).notes == ()


def test_the_protocols_own_words_are_understood_as_they_are(folder):
    content = task()
    answers = {"location": "cortex / grey-white junction", "side": "midline", "cause": "other", "cause text": "x"}
    content["series"][0]["segmentMap"] = {"1": {"category": "CMB", "attributes": answers}}
    (cmb,) = imported(folder, content).annotation.microbleeds
    assert (cmb.location, cmb.side, cmb.cause, cmb.cause_text) == (*list(answers.values())[:3], "x")
    assert cmb.comment == ""


@pytest.mark.parametrize(("size", "small"), [("<5mm", True), ("5-10 mm", False), ("no", False), ("huge", None)])
def test_the_size_is_read_from_yes_no_or_a_choice(folder, size, small):
    content = task()
    content["series"][0]["segmentMap"] = {"1": {"category": "CMB", "attributes": {"Size": size}}}
    assert imported(folder, content).annotation.microbleeds[0].smaller_than_5_mm is small


def test_each_instances_own_file_is_read_where_the_export_has_one(folder):
    scan = small_scan()
    for number, place in (("1", BLEED), ("2", GROUP)):
        values = np.zeros(SHAPE, np.uint8)
        values[place] = 255
        image = sitk.GetImageFromArray(values)
        image.CopyInformation(scan)
        sitk.WriteImage(image, str(folder / f"mask-{number}.nii.gz"))
    content = task()
    content["series"][0].update(
        segmentations=None,
        binaryMask=True,
        segmentMap={n: {"category": "CMB", "mask": f"mask-{n}.nii.gz"} for n in ("1", "2")},
    )
    assert [segment.voxels.tolist() for segment in imported(folder, content).segments] == [[list(BLEED)], [list(GROUP)]]


def test_what_lies_on_another_series_is_kept_as_text(folder):
    content = task()
    content["series"].append({"name": "T1", "landmarks3d": [{"point": {"i": 1, "j": 1, "k": 1}, "category": "Mimic"}]})
    done = imported(folder, content)
    assert len(done.annotation.mimics) == 2
    assert "landmarks3d of T1 lies on another image" in done.annotation.assessment.comments


def test_what_is_too_long_for_a_comment_is_kept_in_part_and_told(folder):
    content = task()
    content["series"][0]["polygons"] = [{"points": "x" * 200_000}]
    done = imported(folder, content)
    assert len(done.annotation.assessment.comments) < 10_000
    assert any("polygons" in note and "first 5000 characters" in note for note in done.notes)


def test_a_map_that_is_none_is_refused(folder):
    content = task()
    content["series"][0]["segmentMap"] = ["CMB"]
    with pytest.raises(InputError, match="segmentMap"):
        imported(folder, content)


def test_a_segmentation_of_another_grid_is_refused(folder):
    image = labels(small_scan())
    image.SetSpacing((1.0, 1.0, 1.0))
    sitk.WriteImage(image, str(folder / "labels.nii.gz"))
    with pytest.raises(InputError, match="another grid"):
        imported(folder, task())


@pytest.mark.parametrize("damage", ["missing", "no image"])
def test_a_segmentation_that_is_missing_or_unreadable_is_named(folder, damage):
    (folder / "labels.nii.gz").unlink() if damage == "missing" else (folder / "labels.nii.gz").write_bytes(b"x")
    with pytest.raises(InputError, match=r"labels.nii.gz"):
        imported(folder, task())


@pytest.mark.parametrize(
    "content", ["{", "[]", "3", '[{"name": "a"}]', '{"series": []}', '{"series": {}}', '{"series": [1]}']
)
def test_a_file_that_is_no_export_is_refused(tmp_path, content):
    (tmp_path / "tasks.json").write_text(content)
    with pytest.raises(InputError, match=r"tasks.json"):
        read_tasks(tmp_path / "tasks.json")


def test_the_command_writes_the_studys_files_and_prints_what_was_not_understood(command, capsys):
    files = command([task()])
    study = read_study(files.annotation)
    assert study.scan == "sub-01_swi.nii.gz"
    assert study.readers == ("si@example.org",)
    assert len(read_segments(files.segments, small_scan())) == 3
    printed = capsys.readouterr().out
    assert "2 microbleeds, 2 mimics, 2 other findings" in printed
    assert "Note: Segment 3 (CMB) has no voxels" in printed


def test_two_readers_of_one_study_are_imported_side_by_side(command, folder):
    both = {**task(), "consensusTasks": [task(), task(updatedBy="ab@example.org")]}
    files = command([both])
    assert read_study(files.annotation).readers == ("si@example.org", "ab@example.org")
    assert len(read_segments(files.segments, small_scan())) == 6


def test_an_annotation_that_is_there_is_replaced_only_on_demand(command):
    files = command(task(), "--reader", "SI")
    before = files.annotation.read_bytes()
    with pytest.raises(InputError, match="already holds SI's annotation"):
        command(task(), "--reader", "SI")
    assert files.annotation.read_bytes() == before
    command(task(), "--reader", "AB")
    command(task(), "--reader", "SI", "--overwrite")
    assert read_study(files.annotation).readers == ("SI", "AB")


def test_scan_and_segmentation_can_be_given_for_one_task(command, folder):
    content = task()
    content["series"][0].update(items="elsewhere.dcm", segmentations="elsewhere.nii")
    given = ("--scan", str(folder / "sub-01_swi.nii.gz"), "--segmentation", str(folder / "labels.nii.gz"))
    with pytest.raises(InputError, match=r"names the scan .*elsewhere.dcm"):
        command(content)
    assert read_study(command(content, *given).annotation).readers == ("si@example.org",)
    with pytest.raises(InputError, match="several tasks"):
        command([content, task(name="sub-02")], *given, "--overwrite")
    with pytest.raises(InputError, match="no task 'sub-09'"):
        command(content, "--task", "sub-09")


def test_two_tasks_of_one_scan_and_reader_are_refused_before_anything_is_written(command, folder):
    with pytest.raises(InputError, match="Two tasks are"):
        command([task(), task(name="again")])
    assert not (folder / "out").exists()


def test_a_task_without_a_reader_asks_for_one(command):
    with pytest.raises(InputError, match="does not say who"):
        command(task(updatedBy=None))


def test_the_example_fits_the_options():
    parser = argparse.ArgumentParser()
    add_options(parser)
    example = next(command.example for command in COMMANDS if command.name == "annotate-import")
    assert parser.parse_args(example.split()[2:]).reader == "SI"


WRONG = [None, True, -1, 0, 1.5, 10**400, float("nan"), float("inf"), "", "text", "n" * 5000, "\0", "\ud800"]
WRONG += [[], [[]], {}, {"a": 1}, [None], [{}], ["a", 3], {"1": None}]


def places_in(value, path=()):
    """Every place of a JSON value, from the outside in."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, one in below for place in places_in(one, (*path, key))]


@settings(examples(120), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data(), st.booleans(), st.sampled_from(WRONG))
def test_an_export_with_any_wrong_value_is_imported_or_refused_in_words(folder, data, consensus, wrong):
    content = {**task(), "consensusTasks": [{**task(), "updatedBy": "TW"}]} if consensus else task()
    *above, last = data.draw(st.sampled_from(places_in(content)))
    inside = content
    for key in above:
        inside = inside[key]
    inside[last] = wrong
    export = folder / "wrong.json"
    export.write_text(json.dumps(content))
    try:
        for one in read_tasks(export):
            with contextlib.suppress(InputError):
                _scan_of(one, folder)
            found = import_task(one, small_scan(), folder)
            json.dumps(asdict(found.annotation), ensure_ascii=False, allow_nan=False).encode("utf-8")
            "".join(found.notes).encode("utf-8")
    except InputError:
        return


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"updatedBy": 3}, "task 1.updatedBy is 3; it must be text"),
        ({"series": {"a": 1}}, "task 1.series is {'a': 1}; it must be a list"),
        ({"series": [3]}, "task 1.series[0] is 3; it must be an object"),
        ({"series": [{"binaryMask": "yes"}]}, "task 1.series[0].binaryMask is 'yes'; it must be true or false"),
        ({"series": [{"landmarks3d": True}]}, "task 1.series[0].landmarks3d is True; it must be a list"),
        ({"series": [{"items": [1]}]}, "task 1.series[0].items is [1]; it must be a file's name"),
        ({"consensusTasks": ["TW"]}, "task 1.consensusTasks[0] is 'TW'; it must be an object"),
        ({"classification": [1]}, "task 1.classification is [1]; it must be an object"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(folder, changes, told):
    (folder / "wrong.json").write_text(json.dumps(task(**changes)))
    with pytest.raises(InputError) as caught:
        read_tasks(folder / "wrong.json")
    assert told in caught.value.message
