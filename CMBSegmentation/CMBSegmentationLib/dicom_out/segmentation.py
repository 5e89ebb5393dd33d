"""A DICOM segmentation: one segment a lesion, on the source's own frames."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import highdicom as hd
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from ..detecting.lesions import Lesion, is_read, review_state
from ..reading.dicom.headers import Frame
from ..vocabulary.looks import LESION_COLOUR, REVIEW_COLOURS
from ..vocabulary.verdicts import UNDECIDED, UNREVIEWED
from . import codes
from .frame_padding import add_empty_frames
from .locations import Slices
from .software import Software
from .source import decimals

SERIES_OFFSET = 9000  # the objects' series come after the scanner's own


def segmentation_object(
    labels: sitk.Image,
    lesions: Sequence[Lesion],
    frames: Sequence[Frame],
    sources: Sequence[Dataset],
    software: Software,
    tracking_uids: dict[int, str],
) -> Dataset:
    """Write the lesions' voxels as segments (DICOM PS3.3, A.51; binary).

    Parameters
    ----------
    labels : SimpleITK.Image
        On the grid of `frames`; label k is the lesion with id k.
    lesions : sequence of Lesion
        Those of the list; not empty. Segments are numbered from 1 in their order: a review leaves gaps among the
        lesions' own numbers, and segments must not have any (PS3.3, C.8.20.2).
    frames : sequence of Frame
        Slice k of `labels` is frame k.
    sources : sequence of Dataset
        Their files' headers.
    software : Software
    tracking_uids : dict
        By lesion id: ties a segment to its measurements.

    Returns
    -------
    Dataset
    """
    orientation, spacing = frames[0].orientation, frames[0].spacing
    assert orientation is not None  # or `read_dicom` would have refused it
    assert spacing is not None
    read = is_read(lesions)
    network = hd.AlgorithmIdentificationSequence(
        name=software.name, version=software.version, family=codes.ARTIFICIAL_INTELLIGENCE, source="slicer-cmb"
    )
    by_reader = hd.AlgorithmIdentificationSequence(
        name="slicer-cmb", version=software.program, family=codes.MANUAL_PROCESSING, source="slicer-cmb"
    )
    segments = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=f"CMB {lesion.id}",
            segmented_property_category=codes.ABNORMALITY,
            segmented_property_type=codes.HEMORRHAGE,
            algorithm_type="SEMIAUTOMATIC" if lesion.is_readers else "AUTOMATIC",
            algorithm_identification=by_reader if lesion.is_readers else network,
            tracking_uid=tracking_uids[lesion.id],
            tracking_id=f"CMB {lesion.id}",
            anatomic_regions=[codes.finding_site(lesion.region)],
            display_color=_colour(lesion, read),
        )
        for number, lesion in enumerate(lesions, start=1)
    ]
    step = labels.GetSpacing()[2]
    state = review_state(is_read=read, is_finished=all(one.decision != UNDECIDED for one in lesions))
    segmentation = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=_segment_numbers(labels, lesions),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
        series_instance_uid=hd.UID(),
        series_number=SERIES_OFFSET + 1,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="slicer-cmb",
        manufacturer_model_name=software.name,
        software_versions=software.version,
        device_serial_number=software.serial,
        content_description=f"Cerebral microbleeds, {state}",
        content_label="CMB",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        pixel_measures=hd.PixelMeasuresSequence(
            pixel_spacing=decimals(spacing),
            slice_thickness=decimals([frames[0].thickness_mm or step])[0],
            spacing_between_slices=decimals([step])[0],
        ),
        plane_orientation=hd.PlaneOrientationSequence("PATIENT", decimals(orientation)),
        plane_positions=[hd.PlanePositionSequence("PATIENT", decimals(frame.position or ())) for frame in frames],
        series_description=f"Cerebral microbleeds (research, {state})",
    )
    segmentation.ContentCreatorName = ""  # type 2 (PS3.3, 10.9): highdicom leaves it out where there is none
    _name_segment_per_frame(segmentation)
    if len(sources) < len(frames):
        _name_source_frames(segmentation, frames)
    add_empty_frames(segmentation, Slices(frames, sources))
    return segmentation


def _segment_numbers(labels: sitk.Image, lesions: Sequence[Lesion]) -> NDArray[np.uint16]:
    """Give the number of each voxel's segment, 0 where there is none."""
    values = sitk.GetArrayViewFromImage(labels)
    numbers = np.zeros(max(int(values.max()), *(lesion.id for lesion in lesions)) + 1, np.uint16)
    numbers[[lesion.id for lesion in lesions]] = np.arange(1, len(lesions) + 1)
    return np.asarray(numbers[values])


def _colour(lesion: Lesion, read: bool) -> hd.color.CIELabColor:
    """Paint a lesion as our own views do: by what a reader said of it, or as one that nobody has read."""
    state = UNREVIEWED if lesion.decision == UNDECIDED else lesion.decision
    colour = REVIEW_COLOURS[state] if read else LESION_COLOUR
    return hd.color.CIELabColor.from_rgb(*(round(255 * part) for part in colour))


def _name_segment_per_frame(segmentation: Dataset) -> None:
    """Say of each frame which segment it shows; from 0.28 on highdicom says it once for all, where there is one.

    Its own `ReferencedSegment.from_segmentation` looks for it in each frame, as other readers do.
    """
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    if "SegmentIdentificationSequence" in shared:
        for frame in segmentation.PerFrameFunctionalGroupsSequence:
            frame.SegmentIdentificationSequence = copy.deepcopy(shared.SegmentIdentificationSequence)
        del shared.SegmentIdentificationSequence


def _name_source_frames(segmentation: Dataset, frames: Sequence[Frame]) -> None:
    """Turn frame numbers among those that were read into frame numbers of the file."""
    for group in segmentation.PerFrameFunctionalGroupsSequence:
        for derivation in group.get("DerivationImageSequence", []):
            for source in derivation.SourceImageSequence:
                source.ReferencedFrameNumber = frames[int(source.ReferencedFrameNumber) - 1].index + 1
