"""Files that claim or unpack to far more than they hold: refused with the limit and how to raise it."""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_series import write_series
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.limits import MOST_VOXELS, limit
from CMBSegmentationLib.reading.image_file import read_image
from CMBSegmentationLib.reading.scan import read_scan

SIZE = (24, 22, 10)
VOXELS = np.random.default_rng(0).integers(0, 900, SIZE[::-1]).astype(np.uint16)


def image():
    image = sitk.GetImageFromArray(VOXELS)
    image.SetSpacing((4.0, 4.0, 4.0))
    return image


def assert_limit_is_told(path):
    with pytest.raises(InputError, match=rf"more than {limit(MOST_VOXELS)} are not read") as told:
        read_scan(path)
    assert MOST_VOXELS in told.value.hint
    with pytest.raises(InputError, match="voxels"):
        read_image(path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Header, nibabel.Nifti2Header])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("sizes", [(30000, 30000, 30000), (512, 512, 200, 5000)])
def test_a_nifti_header_that_claims_too_much_is_refused(tmp_path, order, kind, suffix, sizes):
    header = kind(endianness=order)
    header.set_data_dtype(np.int16)
    header["dim"][: len(sizes) + 1] = (len(sizes), *sizes)
    header["pixdim"][1:4] = 1
    content = header.binaryblock + bytes(1000)
    path = tmp_path / f"scan{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    assert_limit_is_told(path)


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
def test_a_nrrd_header_that_claims_too_much_is_refused(tmp_path, encoding):
    lines = ("NRRD0004", "type: uint16", "dimension: 3", "sizes: 90000 90000 90000", "spacings: 1 1 1")
    path = tmp_path / "scan.nrrd"
    path.write_text("\n".join((*lines, f"encoding: {encoding}", "endian: little", "", "")))
    assert_limit_is_told(path)


@pytest.mark.parametrize(
    "claims", ["DimSize = 90000 90000 90000", "DimSize = 24 22 10\nDimSize = 9000 9000 9000",
               "ElementNumberOfChannels = 3000000\nDimSize = 24 22 10"],
)  # fmt: skip
def test_a_meta_header_that_claims_too_much_is_refused(tmp_path, claims):
    path = tmp_path / "scan.mha"
    path.write_text(f"ObjectType = Image\nNDims = 3\n{claims}\nElementType = MET_USHORT\nElementDataFile = LOCAL\n")
    assert_limit_is_told(path)


def test_the_limit_is_raised_by_its_variable(tmp_path, monkeypatch):
    path = tmp_path / "scan.nrrd"
    sitk.WriteImage(image(), str(path))
    monkeypatch.setenv(MOST_VOXELS, str(VOXELS.size - 1))
    assert_limit_is_told(path)
    monkeypatch.setenv(MOST_VOXELS, str(VOXELS.size))
    assert read_scan(path).image.GetSize() == SIZE
    for nonsense in ("", "many", "-1", "0", "1e9"):
        monkeypatch.setenv(MOST_VOXELS, nonsense)
        assert limit(MOST_VOXELS) == 1 << 29


def test_a_nifti_that_unpacks_to_more_than_its_header_says_is_refused(tmp_path):
    sitk.WriteImage(image(), str(tmp_path / "plain.nii"))
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(gzip.compress((tmp_path / "plain.nii").read_bytes() + bytes(300 << 20), 1))
    assert path.stat().st_size < 2 << 20
    with pytest.raises(InputError, match=r"unpacks to 300 MB, but its header says 0 MB"):
        read_scan(path)


@pytest.mark.parametrize("begin", [1e12, -5.0, float("nan"), float("inf")])
def test_a_nifti_whose_voxels_begin_nowhere_is_refused(tmp_path, begin):
    path = tmp_path / "scan.nii"
    sitk.WriteImage(image(), str(path))
    content = bytearray(path.read_bytes())
    content[108:112] = struct.pack("<f", begin)
    path.write_bytes(content)
    with pytest.raises(InputError, match="voxels begin after"):
        read_scan(path)


@pytest.mark.parametrize("skip", ["byte skip: -1", "byteskip: 99", "line skip: 3"])
def test_a_nrrd_that_skips_through_packed_voxels_is_refused(tmp_path, skip):
    lines = ("NRRD0004", "type: uint16", "dimension: 3", "sizes: 24 22 10", "spacings: 4 4 4", "encoding: gzip")
    path = tmp_path / "scan.nrrd"
    path.write_bytes("\n".join((*lines, "endian: little", skip, "", "")).encode() + gzip.compress(VOXELS.tobytes()))
    with pytest.raises(InputError, match="skips parts"):
        read_scan(path)


def test_a_meta_image_that_claims_more_packed_bytes_than_there_are_is_refused(tmp_path):
    path = tmp_path / "scan.mha"
    sitk.WriteImage(image(), str(path), True)
    head, packed = path.read_bytes().split(b"CompressedDataSize = ")
    rest = packed.split(b"\n", 1)[1]
    path.write_bytes(head + b"CompressedDataSize = 2000000000\n" + rest)
    with pytest.raises(InputError, match="data ends early"):
        read_scan(path)


# DICOM


def deflated_bomb(path, header, zeros):
    """A deflated file with a private element of zeros, a thousandth of their length."""
    header.save_as(path, enforce_file_format=True)
    plain = path.read_bytes()
    begin = 144 + int.from_bytes(plain[140:144], "little")
    packing = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(plain[begin:])
    element = struct.pack("<HH2sHI", 0x7FFF, 0x1011, b"OB", 0, zeros << 20)
    packed = packing.compress(inflated + element)
    packed += b"".join(packing.compress(bytes(1 << 20)) for _ in range(zeros)) + packing.flush()
    path.write_bytes(plain[:begin] + packed)


READS = """
import resource, sys
from pathlib import Path
from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.scan import read_scan
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_scan(Path(sys.argv[1]))
except InputError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_deflated_dicom_file_that_unpacks_to_gigabytes_is_refused_before_it_does(tmp_path, monkeypatch):
    write_series(tmp_path / "series")
    victim = sorted((tmp_path / "series").iterdir())[1]
    header = pydicom.dcmread(victim)
    header.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    deflated_bomb(victim, header, 1024)
    assert victim.stat().st_size < 3 << 20
    monkeypatch.setenv(MOST_VOXELS, str(1 << 20))
    for path in (tmp_path / "series", victim):
        done = subprocess.run([sys.executable, "-c", READS, str(path)], capture_output=True, text=True, check=True)
        told, megabytes = done.stdout.splitlines()
        assert "unpacks to more than 18 MB" in told
        assert MOST_VOXELS in told
        assert int(megabytes) < 200


def test_a_deflated_dicom_series_is_read(tmp_path):
    write_series(tmp_path / "series")
    plain = sitk.GetArrayFromImage(read_scan(tmp_path / "series").image)
    for path in (tmp_path / "series").iterdir():
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dataset.save_as(path, enforce_file_format=True)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read_scan(tmp_path / "series").image), plain)


def with_another_beginning(plain, kind):
    """The same file, whose meta header says that it is shorter, or has 40 kB before its transfer syntax."""
    if kind == "short":
        return plain[:140] + struct.pack("<I", 20) + plain[144:]
    long = struct.pack("<HH2sHI", 2, 0x0102, b"OB", 0, 40_000) + bytes(40_000)
    return plain[:140] + struct.pack("<I", int.from_bytes(plain[140:144], "little") + len(long)) + long + plain[144:]


@pytest.mark.parametrize("kind", ["short", "long"])
def test_a_deflated_dicom_file_that_hides_where_it_begins_is_refused_too(tmp_path, monkeypatch, kind):
    write_series(tmp_path / "series")
    victim = min((tmp_path / "series").iterdir())
    header = pydicom.dcmread(victim)
    header.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    deflated_bomb(victim, header, 64)
    victim.write_bytes(with_another_beginning(victim.read_bytes(), kind))
    monkeypatch.setenv(MOST_VOXELS, str(1 << 20))
    with pytest.raises(InputError, match="unpacks to more than 18 MB"):
        read_scan(victim)


def test_deflated_dicom_files_that_unpack_to_gigabytes_together_are_refused(tmp_path, monkeypatch):
    write_series(tmp_path / "series")
    for path in (tmp_path / "series").iterdir():
        header = pydicom.dcmread(path)
        header.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        deflated_bomb(path, header, 4)
    monkeypatch.setenv(MOST_VOXELS, str(1 << 20))
    with pytest.raises(InputError, match="unpacks to more than 18 MB"):
        read_scan(tmp_path / "series")


@pytest.mark.parametrize("claims", [{"NumberOfFrames": 10_000_000}, {"Rows": 65000, "Columns": 65000}])
def test_a_dicom_file_that_claims_too_much_is_refused_before_it_is_decoded(tmp_path, claims):
    write_series(tmp_path / "series")
    for path in (tmp_path / "series").iterdir():
        dataset = pydicom.dcmread(path)
        dataset.update(claims)
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
        dataset.PixelData = pydicom.encaps.encapsulate([b"\xff\x4f\xff\x51"])
        dataset["PixelData"].is_undefined_length = True
        dataset.save_as(path)
    with pytest.raises(InputError, match=r"are not read|10000000, but 0 are described") as told:
        read_scan(tmp_path / "series")
    assert MOST_VOXELS in told.value.hint or "described" in told.value.message


# what a file is read as


@pytest.mark.parametrize("name", ["scan", "scan.vtk", "scan.png", "scan.h5", "scan.hdr", "scan.mnc", "scan.tif"])
def test_what_is_no_known_kind_by_its_name_goes_to_no_reader(tmp_path, name):
    sitk.WriteImage(image(), str(tmp_path / "scan.nrrd"))
    (tmp_path / "scan.nrrd").rename(tmp_path / name)
    with pytest.raises(InputError, match="not a scan in a supported format"):
        read_scan(tmp_path / name)


@pytest.mark.parametrize("name", ["two_visits.zip", "00000", "study.tar", "study.tar.gz"])
def test_an_archive_is_to_be_unpacked(tmp_path, name):
    path = tmp_path / name
    if name.endswith((".tar", ".gz")):
        with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as archive:
            archive.addfile(tarfile.TarInfo("a.dcm"))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.dcm", "x")
    with pytest.raises(InputError, match="is an archive of files, not a scan") as refused:
        read_scan(path)
    assert refused.value.hint.startswith("Unpack it")


def test_a_scene_is_no_scan_of_a_command(tmp_path):
    with zipfile.ZipFile(tmp_path / "review.mrb", "w") as archive:
        archive.writestr("a.mrml", "x")
    with pytest.raises(InputError, match="is a scene, not a scan") as refused:
        read_scan(tmp_path / "review.mrb")
    assert "3D Slicer" in refused.value.hint
