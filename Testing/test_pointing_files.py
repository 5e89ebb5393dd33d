"""Files that point to others on this machine, as an attacker would upload them: none is followed."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import SimpleITK as sitk

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.reading.apart import apart
from CMBSegmentationLib.reading.scan import read_scan
from CMBWeb.files.limits import LARGEST_MB
from CMBWeb.files.scene_archive import check_scene, check_scene_and_images

SIZE = (24, 22, 10)


@pytest.fixture
def secret(tmp_path):
    """Another file of this machine, long enough to be read as voxels."""
    path = tmp_path / "elsewhere" / "secret.raw"
    path.parent.mkdir()
    path.write_bytes(np.random.default_rng(0).integers(0, 255, 2 * 24 * 22 * 10, np.uint8).tobytes())
    return path


def meta_header(data_file):
    lines = ("ObjectType = Image", "NDims = 3", "DimSize = 24 22 10", "ElementSpacing = 4 4 4")
    return "\n".join((*lines, "ElementType = MET_USHORT", f"ElementDataFile = {data_file}", ""))


def nrrd_header(data_file, key="data file"):
    lines = ("NRRD0004", "type: uint16", "dimension: 3", "sizes: 24 22 10", "spacings: 4 4 4", "encoding: raw")
    return "\n".join((*lines, "endian: little", f"{key}: {data_file}", "", ""))


def as_meta(folder, data_file, suffix):
    path = folder / f"scan{suffix}"
    path.write_text(meta_header(data_file))
    return path


@pytest.mark.parametrize("suffix", [".mha", ".mhd"])
@pytest.mark.parametrize("named", ["{secret}", "../elsewhere/secret.raw", "LIST", "%s%s%s%n", "secret%d.raw 1 9 1", ""])
def test_a_meta_image_that_names_another_place_is_refused(tmp_path, secret, suffix, named):
    path = as_meta(tmp_path / "elsewhere", named.format(secret=secret), suffix)
    with pytest.raises(InputError, match=r"voxels|damaged"):
        read_scan(path)


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr"])
@pytest.mark.parametrize("key", ["data file", "datafile", "DATA FILE"])
@pytest.mark.parametrize("named", ["{secret}", "../elsewhere/secret.raw", "LIST", "s%d.raw 1 9 1"])
def test_a_nrrd_that_names_another_place_is_refused(tmp_path, secret, suffix, key, named):
    path = tmp_path / f"scan{suffix}"
    path.write_text(nrrd_header(named.format(secret=secret), key))
    with pytest.raises(InputError, match="voxels"):
        read_scan(path)


def test_a_link_beside_a_header_is_not_followed(tmp_path, secret):
    (tmp_path / "voxels.raw").symlink_to(secret)
    with pytest.raises(InputError, match="not there"):
        read_scan(as_meta(tmp_path, "voxels.raw", ".mhd"))


@pytest.mark.parametrize("suffix", [".mhd", ".mha", ".nrrd", ".nhdr"])
def test_what_holds_its_own_voxels_or_lies_beside_them_is_read(tmp_path, suffix):
    values = np.random.default_rng(1).integers(0, 900, SIZE[::-1]).astype(np.uint16)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((4.0, 4.0, 4.0))
    sitk.WriteImage(image, str(tmp_path / f"scan{suffix}"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read_scan(tmp_path / f"scan{suffix}").image), values)


# scenes


def scene(folder, members):
    path = folder / "uploaded.mrb"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def mrml(attribute, value):
    return f'<MRML><VolumeArchetypeStorage id="a" {attribute}="{value}"></VolumeArchetypeStorage></MRML>'


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("fileName", "/etc/passwd"),
        ("fileName", "Data/../../../etc/passwd"),
        ("fileName", "%2Fetc%2Fpasswd"),
        ("fileName", "C:\\\\Windows\\\\win.ini"),
        ("fileName", "file:///etc/passwd"),
        ("fileListMember0", "/etc/passwd"),
        ("uri", "http://127.0.0.1:9/x"),
    ],
)
def test_a_scene_that_points_outside_is_refused(tmp_path, attribute, value):
    path = scene(tmp_path, {"s/s.mrml": mrml(attribute, value)})
    with pytest.raises(InputError, match="points to files outside"):
        check_scene(path, "uploaded.mrb")


@pytest.mark.parametrize("member", ["/tmp/x.nrrd", "s/../../x.nrrd", "..", "C:/x.nrrd"])
def test_a_scene_that_would_unpack_outside_is_refused(tmp_path, member):
    with pytest.raises(InputError, match="outside it"):
        check_scene(scene(tmp_path, {"s/s.mrml": mrml("fileName", "Data/a.nrrd"), member: b"x"}), "uploaded.mrb")


def test_a_scene_whose_image_points_outside_is_refused(tmp_path, secret):
    members = {"s/s.mrml": mrml("fileName", "Data/a.nrrd"), "s/Data/a.nrrd": nrrd_header(secret)}
    with pytest.raises(InputError, match="voxels"):
        check_scene(scene(tmp_path, members), "uploaded.mrb")


def test_a_scene_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = scene(tmp_path, {"s/s.mrml": mrml("fileName", "Data/a.nrrd"), "s/Data/big.raw": bytes(1 << 22)})
    assert path.stat().st_size < 1 << 14
    monkeypatch.setattr("CMBWeb.files.scene_archive.LARGEST_MB", 1)
    with pytest.raises(InputError, match="larger than"):
        check_scene(path, "uploaded.mrb")
    assert LARGEST_MB >= 1024


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\\x03\\x04 and then nothing"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "uploaded.mrb").write_bytes(content)
    with pytest.raises(InputError, match="cannot be opened as a scene"):
        check_scene(tmp_path / "uploaded.mrb", "uploaded.mrb")


def text_nrrd():
    """Numbers written as text that are none: ITK 5.4 crashes on it."""
    return (
        nrrd_header("LOCAL").replace("encoding: raw", "encoding: text").replace("data file: LOCAL\n", "") + "\0" * 4096
    )


@pytest.mark.parametrize("member", ["a.nrrd", "a.b.nrrd", "A.NRRD", "a.seg.nrrd"])
def test_a_scene_on_whose_image_a_reader_crashes_is_refused_and_the_page_goes_on(tmp_path, member):
    path = scene(tmp_path, {"s/s.mrml": mrml("fileName", f"Data/{member}"), f"s/Data/{member}": text_nrrd()})
    with pytest.raises(InputError, match=r"uploaded.mrb cannot be read: the reader crashed"):
        apart(check_scene_and_images, path, "uploaded.mrb", name="uploaded.mrb")


def test_a_scene_is_checked_apart_as_it_is_here(tmp_path):
    image = tmp_path / "image.nii.gz"
    sitk.WriteImage(sitk.Image(SIZE, sitk.sitkUInt8), str(image))
    members = {"s/s.mrml": mrml("fileName", "Data/a.nii.gz"), "s/Data/a.nii.gz": image.read_bytes(), "s/a.txt": "x"}
    apart(check_scene_and_images, scene(tmp_path, members), "uploaded.mrb", name="uploaded.mrb")
    path = scene(tmp_path, {"s/s.mrml": mrml("fileName", "/etc/passwd")})
    with pytest.raises(InputError, match="points to files outside"):
        apart(check_scene_and_images, path, "uploaded.mrb", name="uploaded.mrb")


def test_a_scene_with_a_large_packed_image_passes(tmp_path):
    noise = np.random.default_rng(0).integers(0, 1 << 16, (40, 256, 256), np.uint16)
    sitk.WriteImage(sitk.GetImageFromArray(noise), str(tmp_path / "a.mha"), True)
    members = {"s/s.mrml": mrml("fileName", "Data/a.mha"), "s/Data/a.mha": (tmp_path / "a.mha").read_bytes()}
    check_scene(scene(tmp_path, members), "uploaded.mrb")


def test_a_scene_of_ours_passes(tmp_path):
    members = {"s/s.mrml": mrml("fileName", "Data/my%20scan.nrrd"), "s/Data/my scan.nrrd": "NRRD0004\n\n"}
    check_scene(scene(tmp_path, members), "uploaded.mrb")
