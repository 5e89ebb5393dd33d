"""Scribbles, segments and results that point to other files on this machine: none is followed."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from CMBScribbleGrowLib.annotation.segments_file import read_segments
from CMBScribbleGrowLib.redbrick.masks import _Labels
from CMBScribbleGrowLib.scribbles.strokes import read_scribbles
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.results.read_back import _read_image

SIZE = (24, 22, 10)


@pytest.fixture
def scan():
    image = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 900, SIZE[::-1]).astype(np.uint16))
    image.SetSpacing((4.0, 4.0, 4.0))
    return image


@pytest.fixture
def labels(tmp_path):
    """A file of numbers elsewhere, which would be read as a mask."""
    values = np.zeros(SIZE[::-1], np.uint8)
    values[4:6, 9:12, 9:12] = 1
    path = tmp_path / "elsewhere" / "secret.raw"
    path.parent.mkdir()
    path.write_bytes(values.tobytes())
    return path


def as_nrrd(path, data_file):
    lines = ("NRRD0004", "type: uint8", "dimension: 3", "space: left-posterior-superior", "sizes: 24 22 10")
    geometry = ("space directions: (4,0,0) (0,4,0) (0,0,4)", "space origin: (0,0,0)", "encoding: raw")
    path.write_text("\n".join((*lines, *geometry, f"data file: {data_file}", "", "")))
    return path


def as_meta(path, data_file):
    lines = ("ObjectType = Image", "NDims = 3", "DimSize = 24 22 10", "ElementSpacing = 4 4 4")
    path.write_text("\n".join((*lines, "ElementType = MET_UCHAR", f"ElementDataFile = {data_file}", "")))
    return path


FORMS = [(as_nrrd, "x.nrrd"), (as_nrrd, "x.nhdr"), (as_meta, "x.mha"), (as_meta, "x.mhd")]


@pytest.mark.parametrize(("write", "name"), FORMS)
def test_scribbles_that_point_elsewhere_are_refused(tmp_path, scan, labels, write, name):
    with pytest.raises(InputError, match="voxels"):
        read_scribbles(write(tmp_path / name, labels), scan)


def test_segments_that_point_elsewhere_are_refused(tmp_path, scan, labels):
    with pytest.raises(InputError, match="cannot be read"):
        read_segments(as_nrrd(tmp_path / "study.seg.nrrd", labels), scan)


@pytest.mark.parametrize(("write", "name"), FORMS)
def test_a_redbrick_mask_that_points_elsewhere_is_refused(tmp_path, scan, labels, write, name):
    with pytest.raises(InputError, match="voxels"):
        _Labels(write(tmp_path / name, labels), scan)


@pytest.mark.parametrize(("write", "name"), FORMS)
def test_a_result_that_points_elsewhere_is_refused(tmp_path, labels, write, name):
    with pytest.raises(InputError):
        _read_image(write(tmp_path / name, labels))


@pytest.mark.parametrize("read", [read_scribbles, _Labels])
def test_a_file_on_which_its_reader_crashes_is_a_message(tmp_path, scan, read):
    path = as_nrrd(tmp_path / "x.nrrd", "")
    path.write_text(path.read_text().replace("encoding: raw\ndata file: \n", "encoding: text\n") + "\0" * 4096)
    with pytest.raises(InputError, match=r"x.nrrd cannot be read: the reader crashed"):
        read(path, scan)


def test_a_result_under_a_results_name_is_read_as_nifti_only(tmp_path, labels):
    path = as_nrrd(tmp_path / "x_desc-cmb_dseg.nii.gz", labels)
    with pytest.raises(InputError):
        _read_image(path)
