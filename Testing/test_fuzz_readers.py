"""A few broken inputs of every kind; `make soak` tries thousands (fuzz_readers.py)."""

from __future__ import annotations

import os

import pytest
from broken_inputs import KINDS
from fuzz_readers import GOOD, fuzz, table

EACH = 4


def test_a_broken_input_of_any_kind_is_a_clear_error_or_accepted():
    verdicts = fuzz([(kind, number) for number in range(EACH) for kind in KINDS], seed=20, processes=1)
    assert [one for one in verdicts if one.outcome not in GOOD] == []
    assert sum(one.outcome == "clear" for one in verdicts) > len(verdicts) / 4  # else nothing was broken


@pytest.mark.soak
def test_thousands_of_broken_inputs_are_clear_errors_or_accepted(capsys):
    verdicts = fuzz([(kind, number) for number in range(130) for kind in KINDS], seed=1, processes=os.cpu_count() or 1)
    with capsys.disabled():
        print("\n" + table(verdicts))
    assert [one for one in verdicts if one.outcome not in GOOD] == []
