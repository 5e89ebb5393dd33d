"""Empty frames at the end of a segmentation, for a reader that mistakes bits which do not fill whole bytes."""

from __future__ import annotations

import copy

from pydicom.dataset import Dataset

from .locations import Slices

BITS = 8


def add_empty_frames(segmentation: Dataset, slices: Slices) -> None:
    """Have OHIF draw a segmentation where it belongs, or not at all.

    Frames of one bit a voxel follow each other without a gap, and a byte is added where their number is odd (PS3.5,
    8.1.1 and 8.2). dcmjs, with which OHIF 3.13 reads, refuses an object with such a byte. And where frames end within
    a byte, it takes the bits of a byte from the wrong end (`readUncompressedBitFrame`): lesions would be shown beside
    where they are. So frames of whole bytes are made to fill an even number of bytes, and others an odd number, which
    is refused. An empty frame says no more than a frame that is left out.

    Parameters
    ----------
    segmentation : Dataset
        Binary, its frames in the order of its segments; changed in place. Stays as it is where there are not enough
        slices without a frame.
    slices : Slices
        Of the source.
    """
    bits, before = segmentation.Rows * segmentation.Columns, int(segmentation.NumberOfFrames)
    remainder = 1 if bits % BITS else 0
    after = next(number for number in range(before, before + 2 * BITS) if _bytes(bits * number) % 2 == remainder)
    groups = segmentation.PerFrameFunctionalGroupsSequence
    free = _slices_without_a_frame(groups, slices)[: after - before]
    if len(free) < after - before:
        return
    for number in free:
        groups.append(_frame(groups, slices, number))
    used = segmentation.PixelData[: _bytes(bits * before)]
    segmentation.PixelData = used.ljust(_bytes(bits * after) + remainder, b"\0")
    segmentation.NumberOfFrames = after


def _bytes(bits: int) -> int:
    return -(-bits // BITS)


def _position(group: Dataset) -> tuple[float, ...]:
    return tuple(round(float(value), 3) for value in group.PlanePositionSequence[0].ImagePositionPatient)


def _slices_without_a_frame(groups: list[Dataset], slices: Slices) -> list[int]:
    """Give the slices that the last segment is not on, the nearest first."""
    last = groups[-1].SegmentIdentificationSequence[0].ReferencedSegmentNumber
    mine = [group for group in groups if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == last]
    there = {_position(group) for group in mine}
    positions = [tuple(round(value, 3) for value in frame.position or ()) for frame in slices.frames]
    taken = [number for number, position in enumerate(positions) if position in there]
    free = [number for number in range(len(positions)) if number not in taken]
    return sorted(free, key=lambda number: min((abs(number - other) for other in taken), default=0))


def _frame(groups: list[Dataset], slices: Slices, number: int) -> Dataset:
    """Copy the last frame to another slice."""
    index = {_position(group): group.FrameContentSequence[0].DimensionIndexValues[1] for group in groups}
    frame = copy.deepcopy(groups[-1])
    frame.PlanePositionSequence[0].ImagePositionPatient = list(slices.frames[number].position or ())
    source, of_file = slices.reference(number)
    for derivation in frame.get("DerivationImageSequence", []):
        for image in derivation.SourceImageSequence:
            image.ReferencedSOPInstanceUID = source.SOPInstanceUID
            if of_file is not None:
                image.ReferencedFrameNumber = of_file
    content = frame.FrameContentSequence[0]
    place = index.get(_position(frame), max(index.values()) + 1)
    content.DimensionIndexValues = [content.DimensionIndexValues[0], place]
    return frame
