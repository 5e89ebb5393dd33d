"""Splits keep the proportions, and nobody is on both sides."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_subjects import write_subject

import split as command
from cmbtraining.data.dataset import DatasetError, Subject, find_subjects
from cmbtraining.data.splits import Split, chosen, read_split, split_folds, split_share, strata, write_splits

# VALDO: subjects by cohort (Docs/simulation.md), with and without lesions as 50 of 72 suggest
VALDO = {"1 with": 8, "1 without": 3, "2 with": 20, "2 without": 14, "3 with": 22, "3 without": 5}
STRATA = {f"sub-{number}": name for number, name in enumerate(n for n, k in VALDO.items() for _ in range(k))}

strata_of_any_size = st.dictionaries(st.text("ab12", min_size=1), st.sampled_from("xyz"), min_size=6, max_size=60)


def test_70_to_30_holds_in_every_stratum():
    (split,) = split_share(STRATA, 0.3, seed=1)
    assert len(split.validation) in (21, 22)
    validation = Counter(STRATA[name] for name in split.validation)
    for name, count in VALDO.items():
        assert abs(validation[name] - 0.3 * count) < 1


@given(strata_of_any_size, st.floats(0.2, 0.8), st.integers(0, 99))
def test_every_subject_is_on_one_side_whatever_the_strata(stratum, share, seed):
    (split,) = split_share(stratum, share, seed)
    assert sorted(split.training + split.validation) == sorted(stratum)
    for name, count in Counter(stratum.values()).items():
        assert abs(sum(stratum[s] == name for s in split.validation) - share * count) < 1 + 1e-6


@given(strata_of_any_size, st.integers(2, 6), st.integers(0, 99))
def test_folds_validate_everyone_once_and_spread_every_stratum(stratum, folds, seed):
    splits = split_folds(stratum, folds, seed)
    assert sorted(name for split in splits for name in split.validation) == sorted(stratum)
    for stratum_name in set(stratum.values()):
        counts = [sum(stratum[s] == stratum_name for s in split.validation) for split in splits]
        assert max(counts) - min(counts) <= 1


def test_the_same_seed_splits_the_same_in_any_order_of_subjects():
    backwards = dict(reversed(STRATA.items()))
    assert split_share(STRATA, 0.3, 4) == split_share(backwards, 0.3, 4)
    assert split_share(STRATA, 0.3, 4) != split_share(STRATA, 0.3, 5)


def test_a_subject_on_both_sides_and_an_empty_side_are_refused():
    with pytest.raises(DatasetError, match="sub-2 would be trained on and validated on"):
        Split(("sub-1", "sub-2"), ("sub-2",))
    with pytest.raises(DatasetError, match="no validation subject"):
        Split(("sub-1",), ())
    with pytest.raises(DatasetError, match=r"no (training|validation) subject"):
        split_share({"sub-1": "x"}, 0.3, 1)
    with pytest.raises(DatasetError, match="not between 0 and 1"):
        split_share(STRATA, 1.0, 1)
    with pytest.raises(DatasetError, match="3 folds of 2 subjects"):
        split_folds({"a": "x", "b": "x"}, 3, 1)


def test_a_written_split_is_read_back(tmp_path):
    splits = split_folds(STRATA, 3, 1)
    write_splits(splits, STRATA, 1, tmp_path / "split.json")
    assert [read_split(tmp_path / "split.json", fold) for fold in range(3)] == splits
    with pytest.raises(DatasetError, match="no fold 3"):
        read_split(tmp_path / "split.json", 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a split"),
        ("[]", "is not a split"),
        ('{"folds": [{"training": ["a"]}]}', "is not a split"),
        ('{"folds": [{"training": ["a"], "validation": ["a"]}]}', "a would be trained on"),
        ('{"folds": [{"training": ["a"], "validation": []}]}', "no validation subject"),
    ],
)
def test_a_file_that_is_no_split_is_refused(tmp_path, text, message):
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_split(tmp_path / "split.json")


def test_a_name_that_the_data_does_not_hold_is_told(tmp_path):
    subject = Subject("sub-1", tmp_path, tmp_path)
    assert chosen([subject], ["sub-1"]) == [subject]
    with pytest.raises(DatasetError, match="sub-2, which the data folder"):
        chosen([subject], ["sub-1", "sub-2"])


def test_the_command_reads_cohort_and_lesions_from_the_data(tmp_path, capsys):
    for number in range(4):
        write_subject(tmp_path / "raw", f"sub-30{number}", lesions=number % 2, sequences=("T2S",))
    assert set(strata(find_subjects(tmp_path / "raw")).values()) == {"3 with lesions", "3 without lesions"}
    out = tmp_path / "split.json"
    arguments = ["--data", str(tmp_path / "raw"), "--out", str(out)]
    assert command.main([*arguments, "--validation-share", "0.5"]) == 0
    assert "validation 1 3 with lesions, 1 3 without lesions" in capsys.readouterr().out
    assert command.main([*arguments, "--folds", "2"]) == 0
    assert len(json.loads(out.read_text())["folds"]) == 2
    assert command.main(["--data", str(tmp_path), "--out", str(out)]) == 2
    assert "No subjects" in capsys.readouterr().err
