"""The masks of a study in 3D Slicer's own form (.seg.nrrd): named segments that may overlap, on the scan's grid.

References
----------
https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html (segmentation file format):
the entries Segment<N>_ID, _Name, _Layer, _LabelValue, _Extent, _Color and _Tags.
"""

from __future__ import annotations

import errno
import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib.errors import InputError
from CMBSegmentationLib.files.atomic_file import DamagedFileError, replacing
from CMBSegmentationLib.files.paths import check_utf_8
from CMBSegmentationLib.reading.grid import onto_grid
from CMBSegmentationLib.reading.image_file import read_image
from CMBSegmentationLib.vocabulary.looks import LESION_COLOUR, TERMINOLOGY, TERMINOLOGY_TAG

from .checks import check_reader, check_text

READER_TAG, ACCEPTED_TAG = "CMB.Reader", "CMB.Accepted"
PENDING_COLOUR = (0.0, 0.63, 1.0)  # a mask that its reader has not accepted yet
CMB = "CMB"  # begins the names of microbleeds' segments


@dataclass(frozen=True, eq=False)
class Segment:
    """One reader's mask of one thing.

    Attributes
    ----------
    name : str
        Its own in the file; see `scribble_name` and `grown_name`.
    reader : str
        Empty where the file does not say.
    voxels : integer array (n, 3)
        Array indices k, j, i on the scan's grid.
    accepted : bool or None
        Whether its reader has accepted it; None of what is no grown mask, or where the file (of 0.1.0) does not say:
        a grown mask counts as accepted then.
    """

    name: str
    reader: str
    voxels: NDArray[np.intp]
    accepted: bool | None = None

    def mask(self, scan: sitk.Image) -> NDArray[np.bool_]:
        """Give the mask as an array (k, j, i) on the scan's grid."""
        mask = np.zeros(scan.GetSize()[::-1], bool)
        mask[tuple(self.voxels.T)] = True
        return mask


def scribble_name(cmb_id: int, reader: str) -> str:
    """Name the segment of a microbleed's scribble."""
    return f"{CMB} {cmb_id} scribble ({reader})"


def grown_name(cmb_id: int, reader: str) -> str:
    """Name the segment of the mask grown from it."""
    return f"{CMB} {cmb_id} grown ({reader})"


def segment_of(name: str, reader: str, mask: NDArray[np.generic]) -> Segment:
    """Make a segment of an array (k, j, i) on the scan's grid; what is not 0 is inside."""
    return Segment(name, reader, np.argwhere(mask))


def write_segments(path: Path, segments: Sequence[Segment], scan: sitk.Image) -> None:
    """Write all segments of a study, in as few layers as their overlaps allow, cropped to the box around them.

    Parameters
    ----------
    path : Path
        Ends in ``.seg.nrrd``; replaced whole or not at all. Without any segment it is removed.
    segments : sequence of Segment
    scan : SimpleITK.Image
        Gives the grid.

    Raises
    ------
    InputError
        A name is there twice or a voxel lies off the grid; or the folder may not be written.
    MachineError
        The disk is full or failed.
    """
    _check_segments(segments, scan)
    if not segments:
        path.unlink(missing_ok=True)
        return
    check_utf_8(path)
    image = _image_of(segments, scan)
    with replacing(path) as draft:
        try:
            sitk.WriteImage(image, str(draft), True, 1)  # nearly all is 0: more compression gains nothing
        except RuntimeError as error:
            raise OSError(errno.EIO, str(error).strip().splitlines()[-1]) from error
        _check_whole(draft)


def _check_whole(path: Path) -> None:
    """Unpack a file that was just written: its writer does not notice a disk that fills up. `OSError` if it is cut."""
    with path.open("rb") as stream:
        while stream.readline() not in (b"\n", b"\r\n", b""):
            pass  # the header, which an empty line ends
        try:
            with gzip.GzipFile(fileobj=stream) as packed:
                while packed.read(1 << 24):
                    pass
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise OSError(errno.ENOSPC, "the file was cut off") from error


def read_segments(path: Path, scan: sitk.Image) -> tuple[Segment, ...]:
    """Read the segments of a study, written here or saved by 3D Slicer.

    Parameters
    ----------
    path : Path
        Its grid may be cropped, flipped or have other axes first, as 3D Slicer's may; each voxel must be
        one of the scan's.
    scan : SimpleITK.Image

    Returns
    -------
    tuple of Segment
        In the file's order; none where there is no file.

    Raises
    ------
    DamagedFileError
        It cannot be read.
    InputError
        It lies on another grid.
    """
    if not path.exists():
        return ()
    check_utf_8(path)
    try:
        image = read_image(path)
    except (RuntimeError, InputError) as error:
        raise DamagedFileError(f"{path.name} cannot be read as a segmentation.", "Restore it from a backup.") from error
    layers = sitk.GetArrayViewFromImage(image)
    layers = layers if image.GetNumberOfComponentsPerPixel() > 1 else layers[..., None]
    inside = [np.argwhere(layers[..., n]) for n in range(layers.shape[-1])]  # once: a pass over a scan is slow
    values = [layers[..., n][tuple(voxels.T)] for n, voxels in enumerate(inside)]
    inside = [onto_grid(scan, image, voxels, path.name) for voxels in inside]
    segments = []
    for number in range(len([key for key in image.GetMetaDataKeys() if re.fullmatch(r"Segment\d+_ID", key)])):
        about = {key: _entry(image, number, key) for key in ("Name", "ID", "LabelValue", "Layer", "Tags")}
        layer, value = _whole(about["Layer"] or "0", path), _whole(about["LabelValue"] or "1", path)
        if layer >= layers.shape[-1]:
            raise DamagedFileError(
                f"{path.name} names layer {layer} but has {layers.shape[-1]}.", "Restore it from a backup."
            )
        voxels = inside[layer][values[layer] == value]
        reader, accepted = _tag(about["Tags"], READER_TAG), _tag(about["Tags"], ACCEPTED_TAG)
        is_accepted = accepted != "0" if accepted else None
        segments.append(Segment(about["Name"] or about["ID"], reader, voxels, is_accepted))
    return tuple(segments)


def replace_segments(path: Path, reader: str, segments: Sequence[Segment], scan: sitk.Image) -> None:
    """Write one reader's segments; those of others in the file stay. Raises as `write_segments`, `read_segments`."""
    others = [segment for segment in read_segments(path, scan) if segment.reader != reader]
    write_segments(path, [*others, *segments], scan)


def _check_segments(segments: Sequence[Segment], scan: sitk.Image) -> None:
    names = [segment.name for segment in segments]
    for segment in segments:
        check_text("segment name", segment.name, empty=False, one_line=True)
        if segment.reader:
            check_reader(segment.reader)
        if names.count(segment.name) > 1:
            raise InputError(f"Two segments are named {segment.name!r}.", "Give each its own name.")
        if len(segment.voxels) and ((segment.voxels < 0).any() or (segment.voxels >= scan.GetSize()[::-1]).any()):
            raise InputError(f"{segment.name!r} has voxels outside the scan.", "Draw it on this scan.")


def _image_of(segments: Sequence[Segment], scan: sitk.Image) -> sitk.Image:
    painted = [segment.voxels for segment in segments if len(segment.voxels)]
    low = np.min([voxels.min(0) for voxels in painted], axis=0) if painted else np.zeros(3, np.intp)
    high = np.max([voxels.max(0) for voxels in painted], axis=0) if painted else low
    shape = tuple((high - low + 1).tolist())
    flat = [np.ravel_multi_index(tuple((segment.voxels - low).T), shape) for segment in segments]
    places = _layered(flat)
    count = 1 + max(layer for layer, _ in places)
    kind = np.uint8 if max(value for _, value in places) <= np.iinfo(np.uint8).max else np.uint16
    values = np.zeros((*shape, count), kind)
    for (layer, value), voxels in zip(places, flat, strict=True):
        values.reshape(-1, count)[voxels, layer] = value
    image = sitk.GetImageFromArray(values if count > 1 else values[..., 0], isVector=count > 1)
    first = tuple(int(n) for n in low[::-1])
    image.SetSpacing(scan.GetSpacing())
    image.SetDirection(scan.GetDirection())
    image.SetOrigin(scan.TransformIndexToPhysicalPoint(first))
    image.SetMetaData("Segmentation_ContainedRepresentationNames", "Binary labelmap|")
    image.SetMetaData("Segmentation_MasterRepresentation", "Binary labelmap")
    image.SetMetaData("Segmentation_ReferenceImageExtentOffset", " ".join(map(str, first)))
    for number, (segment, (layer, value)) in enumerate(zip(segments, places, strict=True)):
        for key, text in _about(segment, number, layer, value, low).items():
            image.SetMetaData(f"Segment{number}_{key}", text)
    return image


def _layered(flat: Sequence[NDArray[np.intp]]) -> list[tuple[int, int]]:
    """Give each segment the first layer in which it overlaps none, and its label value there, from 1."""
    taken: list[set[int]] = []
    counts: list[int] = []
    places = []
    for voxels in (set(one.tolist()) for one in flat):
        layer = next((n for n, others in enumerate(taken) if others.isdisjoint(voxels)), len(taken))
        if layer == len(taken):
            taken.append(set())
            counts.append(0)
        taken[layer] |= voxels
        counts[layer] += 1
        places.append((layer, counts[layer]))
    return places


def _about(segment: Segment, number: int, layer: int, value: int, start: NDArray[np.intp]) -> dict[str, str]:
    voxels = segment.voxels - start
    low, high = (voxels.min(0), voxels.max(0)) if len(voxels) else (np.zeros(3, int), np.full(3, -1))
    return {
        "ID": f"{re.sub(r'[^A-Za-z0-9]+', '_', segment.name).strip('_')}_{number}",
        "Name": segment.name,
        "NameAutoGenerated": "0",
        "LabelValue": str(value),
        "Layer": str(layer),
        "Color": " ".join(f"{part:g}" for part in (PENDING_COLOUR if segment.accepted is False else LESION_COLOUR)),
        "ColorAutoGenerated": "0",
        "Extent": " ".join(f"{a} {b}" for a, b in zip(low[::-1], high[::-1], strict=True)),
        "Tags": _tags(segment),
    }


def _tags(segment: Segment) -> str:
    """Write whose a segment is, whether it is accepted, and in 3D Slicer's words what it shows (a finding: none)."""
    tags = {READER_TAG: segment.reader} if segment.reader else {}
    if segment.accepted is not None:
        tags[ACCEPTED_TAG] = str(int(segment.accepted))
    if segment.name.startswith(f"{CMB} "):
        tags[TERMINOLOGY_TAG] = TERMINOLOGY
    return "".join(f"{name}:{value}|" for name, value in tags.items())


def _entry(image: sitk.Image, number: int, key: str) -> str:
    name = f"Segment{number}_{key}"
    return image.GetMetaData(name) if image.HasMetaDataKey(name) else ""


def _tag(tags: str, name: str) -> str:
    """Give the value of one of a segment's tags; empty where it is not there."""
    found = re.search(rf"(?:^|\|){re.escape(name)}:([^|]*)", tags)
    return found.group(1) if found else ""


def _whole(text: str, path: Path) -> int:
    if not text.strip().isdecimal():
        raise DamagedFileError(f"{path.name} holds {text!r} for a number.", "Restore it from a backup.")
    return int(text)
