"""Tables: no cell is a formula, whatever name or remark it holds."""

from __future__ import annotations

import ast
import csv
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from CMBSegmentationLib.batch.bids import BidsScan
from CMBSegmentationLib.batch.cohort import write_table as write_cohort
from CMBSegmentationLib.batch.jobs import Row
from CMBSegmentationLib.files.csv_table import plain_cell, write_table

ROOT = Path(__file__).parents[2]
FORMULAS = [
    "=HYPERLINK(A1)",
    "+cmd|'/c calc'!A0",
    "-2+3+cmd",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1",
    "\n=1",
    "＝1+1",
    "-",
    "--1",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_is_a_formula_is_neutralised(text):
    assert plain_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", [-1.5, 0, None, "", "-1.5", "+2", "-3e-5", ".5", "-,5", "a=b", "sub-01", "'=1", " x"])
def test_numbers_and_other_text_stay(value):
    assert plain_cell(value) == value


@given(st.text(max_size=20))
def test_no_cell_begins_as_a_formula_unless_it_is_a_number(text):
    cell = plain_cell(text)
    assert cell in (text, f"'{text}")
    if cell.startswith(tuple("=+-@\t\r\n")):
        float(cell.replace(",", "."))


def cells_of(path):
    bids = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if path.suffix == ".tsv" else {}
    with path.open(encoding="utf-8", newline="") as stream:
        return [cell for row in csv.reader(stream, **bids) for cell in row]


@pytest.mark.parametrize("text", FORMULAS)
def test_every_table_neutralises_its_cells(tmp_path, text):
    for name in ("a.csv", "a.tsv"):
        write_table(tmp_path / name, ("x",), [{"x": text}])
    scan = BidsScan(Path("scan.nii.gz"), text, text, Path("sub-1"))
    cohort = write_cohort([Row(scan, error=text, hint=text)], tmp_path)
    for path in (tmp_path / "a.csv", tmp_path / "a.tsv", cohort):
        cells = cells_of(path)
        assert text not in cells
        kept = text if path.suffix == ".csv" else re.sub(r"[\t\r\n]", " ", text)
        assert f"'{kept}" in cells


@given(st.lists(st.tuples(st.text(max_size=9), st.none() | st.integers()), min_size=1, max_size=4))
def test_a_table_of_bids_has_a_line_a_row_and_no_empty_cell(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tsv"
        write_table(path, ("text", "number"), ({"text": text, "number": number} for text, number in rows))
        lines = path.read_bytes().decode().split("\n")
    assert lines[0] == "text\tnumber"
    assert lines[-1] == ""
    assert [line.count("\t") for line in lines[1:-1]] == [1] * len(rows)
    assert all(cell for line in lines[:-1] for cell in line.split("\t"))


def test_tables_are_written_in_one_place_only():
    """A new table gets its cells from here; training's own tables are read by programs, not people."""
    for folder in ("CMBSegmentation", "CMBScribbleGrow", "CMBWeb"):
        for path in (ROOT / folder).rglob("*.py"):
            if "Testing" in path.parts or path.name == "csv_table.py":
                continue
            names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
            assert not names & {"DictWriter", "writerow", "writerows", "writeheader"}, path
