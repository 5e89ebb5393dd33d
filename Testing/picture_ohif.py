"""Take the picture of the sample's results in OHIF, a viewer of others: `make ohif`.

The sample becomes a DICOM study, is searched, and goes with its results into an archive (Orthanc), over whose DICOMweb
OHIF reads it in Chromium. Nothing of it leaves the machine, but for OHIF itself, which npm fetches the first time.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

import SimpleITK as sitk
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "CMBSegmentation" / "Testing"))  # the archive and the series of the module's own tests
from dicom_series import write_series  # noqa: E402
from ohif_reader import Reader  # noqa: E402
from ohif_viewer import send, viewer, what_is_missing  # noqa: E402
from orthanc import Orthanc  # noqa: E402
from web_browser import chromium, wait_until  # noqa: E402

SAMPLE = ROOT / "Resources" / "SampleData" / "cmb-sample_T2starw.nii.gz"
PICTURE = ROOT / "Resources" / "Screenshots" / "ohif.png"
STUDY = "2.25.20260102"
ABOUT = {
    "SeriesDescription": "SWI", "PatientName": "Sample^Simulated", "PatientID": "cmb-sample",
    "ReferringPhysicianName": "", "AccessionNumber": "", "WindowCenter": "130", "WindowWidth": "260",
}  # fmt: skip
SHOWN = 4  # the lesion of the picture, in the thalamus


def main() -> int:
    """Make the study, search it, and photograph its results."""
    if missing := what_is_missing():
        print(f"The picture needs what is not installed here. {missing}.", file=sys.stderr)
        return 4
    with tempfile.TemporaryDirectory() as folder:
        study, results = Path(folder) / "study", Path(folder) / "results"
        image = sitk.Cast(sitk.Clamp(sitk.ReadImage(str(SAMPLE)), sitk.sitkInt32, 0), sitk.sitkUInt16)
        write_series(study, image, study=STUDY, **ABOUT)
        _cmb("detect", study, "-o", results, "--dicom")
        _cmb("report", results, "--scan", study, "--dicom", "--pdf")
        archive = Orthanc(Path(folder) / "archive")
        try:
            send(archive, [*study.iterdir(), *results.glob("*.dcm")])
            with viewer(archive) as address, chromium() as browser:
                _photograph(Reader(browser, address, STUDY))
        finally:
            archive.stop()
    return 0


def _photograph(reader: Reader) -> None:
    reader.open_report()
    reader.open_segmentation()
    wait_until(reader.page, lambda: reader.painted().any())
    reader.list_findings()
    reader.page.get_by_text(f"CMB {SHOWN},").first.click()
    wait_until(reader.page, lambda: reader.painted().any() and reader.marked().any())
    reader.page.wait_for_timeout(2000)  # the views settle
    Image.open(io.BytesIO(reader.page.screenshot())).save(PICTURE, optimize=True)


def _cmb(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "CMBCommand.cli", *arguments], check=True, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
