"""Batches over small datasets, here or on a cluster of two workers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import SimpleITK as sitk
from dark_spots import MANIFEST, only, write_dark_voxel_model

from CMBCommand import cli
from CMBSegmentationLib.batch.bids import find_scans

RESULT = "_desc-cmb_lesions.json"


def make_dataset(folder: Path, head: Path, subjects: int) -> Path:
    """Scans in every place and form that BIDS has for them, and others that are none."""
    (folder / "derivatives").mkdir(parents=True)
    (folder / "dataset_description.json").write_text('{"Name": "made up", "BIDSVersion": "1.9.0"}')
    forms = ("anat/sub-{}_T2starw", "swi/sub-{}_part-mag_swi", "ses-1/anat/sub-{}_ses-1_GRE", "ses-1/swi/sub-{}_swi")
    for number in range(1, subjects + 1):
        label = f"{number:03d}"
        scan = folder / f"sub-{label}" / (forms[number % 4].format(label) + ".nii.gz")
        scan.parent.mkdir(parents=True)
        scan.symlink_to(head)
        (scan.parent / f"sub-{label}_T1w.nii.gz").write_text("no T2*")
    return folder


@pytest.fixture
def batch(dark_model, tmp_path, capsys):
    """Call the command on processes of its own; gives its exit code, what it printed and what it said on the side."""

    def call(dataset: Path, *options: str) -> tuple[int, str, str]:
        code = cli.main(["batch", str(dataset), str(tmp_path / "out"), *only(dark_model), *options])
        said = capsys.readouterr()
        print(said.out, said.err)  # shown where a test fails
        return code, said.out, said.err.replace("\n", " ")

    return call


@pytest.fixture
def batch_on_cluster(batch, a_cluster):
    """`batch` on `a_cluster`, which is there already."""
    return lambda dataset, *options: batch(dataset, "--scheduler", a_cluster, *options)


def results(out: Path) -> dict[str, float]:
    # a folder that is being written has a name with a dot, and may be gone before it is looked into
    done = [p for way in ("*/[!.]*", "*/*/[!.]*") for p in out.glob(f"{way}/*{RESULT}")]
    return {p.name: p.stat().st_mtime for p in done}


@pytest.fixture
def last_takes_long(dark_model, tmp_path, a_small_head):
    """Have a model that looks at every place: three tiny scans take it a second each, the fourth half a minute.

    Gives the dataset and its last scan.
    """
    write_dark_voxel_model(dark_model, replace(MANIFEST, patch_size=(8, 8, 8), overlap=0.875), (8, 8, 8))
    tiny = sitk.ReadImage(str(a_small_head))
    tiny.SetSpacing([0.3 * s for s in tiny.GetSpacing()])
    sitk.WriteImage(tiny, str(tmp_path / "tiny.nii.gz"))
    dataset = make_dataset(tmp_path / "data", tmp_path / "tiny.nii.gz", 4)
    last = find_scans(dataset)[-1].path
    last.unlink()
    last.symlink_to(a_small_head)
    return dataset, last


def made_tiny(last: Path, folder: Path) -> None:
    """Have the scan that took long be like the others."""
    last.unlink()
    last.symlink_to(folder / "tiny.nii.gz")


def records(out: Path) -> list[Path]:
    try:
        return [path for path in out.rglob("*_desc-cmb_files.json") if not path.name.startswith(".")]
    except FileNotFoundError:  # a draft went while it was listed
        return records(out)
