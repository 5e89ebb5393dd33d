"""Our DICOM results in OHIF, a viewer of others, over an archive of others (Orthanc)."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))
import ohif_viewer  # noqa: E402
from dark_spots import ball_brain, only, write_dark_voxel_model  # noqa: E402
from dicom_series import a_volume, write_series  # noqa: E402
from ohif_reader import Reader  # noqa: E402
from orthanc import Orthanc  # noqa: E402
from test_dicom_out import as_stored, findings, one  # noqa: E402
from web_browser import wait_until  # noqa: E402

from CMBCommand import cli  # noqa: E402

MISSING = ohif_viewer.what_is_missing()


def test_it_says_what_to_install_where_npm_or_the_archive_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(ohif_viewer, "PLUGIN", tmp_path / "none")
    monkeypatch.setattr(ohif_viewer.shutil, "which", lambda _: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "apt-get install orthanc orthanc-dicomweb" in ohif_viewer.what_is_missing()
    assert "apt-get install npm" in ohif_viewer.what_is_missing()


@pytest.mark.soak
@pytest.mark.xdist_group("chromium")
@pytest.mark.skipif(bool(MISSING), reason=f"platform: {MISSING}")
@pytest.mark.parametrize("spacing", [(1.2, 1.2, 2.0), (1.0, 1.2, 2.0)])
def test_ohif_draws_the_segments_lists_the_findings_goes_to_each_and_opens_the_pdf(browser, tmp_path, spacing):
    """Once with square pixels, and another series of the same frame of reference before the scan."""
    study, out = tmp_path / "study", tmp_path / "out"
    image = as_stored(ball_brain(spacing=spacing)[0])[:64, :64, :]  # frames of whole bytes
    write_series(study, image, number=2, SeriesDescription="SWI")
    if spacing[0] == spacing[1]:
        write_series(tmp_path / "other", a_volume(), number=1, SeriesDescription="T1")
    model = write_dark_voxel_model(tmp_path / "dark.onnx")
    assert cli.main(["detect", str(study), "-o", str(out), *only(model), "--dicom"]) == 0
    assert cli.main(["report", str(out), "--scan", str(study), "--dicom", "--pdf"]) == 0
    study_uid = pydicom.dcmread(one(out, "_sr.dcm")).StudyInstanceUID
    archive = Orthanc(tmp_path / "archive")
    try:
        ohif_viewer.send(archive, [*study.iterdir(), *tmp_path.glob("other/*"), *out.glob("*.dcm")])
        with ohif_viewer.viewer(archive) as address:
            reader = Reader(browser, address, study_uid)
            _look_at_everything(reader, out)
            assert reader.asked == {address}
            assert reader.faults == []
    finally:
        archive.stop()


def _look_at_everything(reader: Reader, out: Path) -> None:
    rows = findings(out)
    labels = sitk.ReadImage(str(one(out, "_dseg.nii.gz")))
    reader.open_report()
    assert len(reader.findings()) == len(rows) == 2
    assert not reader.painted().any()
    reader.open_segmentation()
    reader.list_findings()
    for row in rows:
        at = labels.TransformPhysicalPointToContinuousIndex((-row["r_mm"], -row["a_mm"], row["s_mm"]))
        reader.go_to(row["id"], at[2])
        assert "SWI" in reader.series()
        wait_until(reader.page, lambda: reader.painted().sum() > 20 and reader.marked().sum() > 20)
        segment, mark = np.argwhere(reader.painted()), np.argwhere(reader.marked())
        apart = np.linalg.norm(segment[:, np.newaxis] - mark[np.newaxis], axis=-1).min()
        assert apart < 10, f"the mark is {apart:.0f} pixels beside the segment"
    begin, length = reader.open_pdf()
    size = one(out, "_report.pdf").stat().st_size
    assert (begin, length) == ("%PDF-", size + size % 2)  # DICOM's values have an even length
