"""A DICOM structured report (TID 1500): how many lesions, and what was measured on each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset

from ..detecting.lesions import Lesion, review_state
from ..reading.dicom.headers import Frame
from ..results.counts import Counts
from ..results.summary import left_out_of
from ..vocabulary.published.scales import NOT_A_DIAGNOSIS, SIDEROSIS
from . import codes
from .locations import Slices, lesion_location, searched_field
from .segmentation import SERIES_OFFSET
from .software import Software

ALL, NOT_READ = "All CMB", "Detected, not read"
"""Names of the counts: definite and possible ones once a reader has begun, else what was detected; and what is left."""


def report_object(
    lesions: Sequence[Lesion],
    segmentation: Dataset | None,
    frames: Sequence[Frame],
    sources: Sequence[Dataset],
    software: Software,
    tracking_uids: dict[int, str],
    counts: Counts,
    named: bool = True,
) -> Dataset:
    """Write a measurement report (DICOM PS3.16, TID 1500 and 1411).

    Parameters
    ----------
    lesions : sequence of Lesion
        Those of the list; may be empty, which the report then says.
    segmentation : Dataset or None
        Of these lesions; None where there are none.
    frames : sequence of Frame
        The slices that were searched.
    sources : sequence of Dataset
        Their files' headers.
    software : Software
    tracking_uids : dict
        By lesion id, as in the segmentation.
    counts : Counts
        Of all lesions of the detection, as every other file of it has them.
    named : bool
        Whether the readers may be named.

    Returns
    -------
    Dataset
        A Comprehensive 3D SR, partial and unverified: whoever reads did so in a program, nobody signed it.
    """
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=software.networks[0].uid, name="slicer-cmb", manufacturer_name="slicer-cmb", model_name=software.name,
        serial_number=software.serial,
    )  # fmt: skip
    observer = hd.sr.ObserverContext(codes.DEVICE, device)
    state = review_state(is_read=counts.is_read, is_finished=not counts.not_read)
    slices = Slices(frames, sources)
    numbers = {ALL: counts.microbleeds} | ({NOT_READ: counts.not_read} if counts.is_read and counts.not_read else {})
    groups: list[Any] = [_count(name, number, frames, sources, software) for name, number in numbers.items()]
    _add_classes(groups[0], counts)
    if segmentation is not None:
        # places first: a viewer that puts together what has the same tracking identifier takes the first coordinates
        groups += [lesion_location(one, slices, tracking_uids[one.id], _site(one)) for one in lesions]
        groups += [_lesion(one, segmentation, software, tracking_uids[one.id]) for one in lesions]
    report = hd.sr.MeasurementReport(
        observation_context=_observers(counts.readers if named else (), observer),
        procedure_reported=codes.MRI_OF_BRAIN,
        imaging_measurements=groups,
        title=codes.REPORT_TITLE,
    )
    content = report[0].ContentSequence
    content.insert(len(content) - 1, slices.library())  # before the measurements: the order matters (TID 1500)
    return hd.sr.Comprehensive3DSR(
        evidence=[*sources, *([segmentation] if segmentation is not None else [])],
        content=report[0],
        series_instance_uid=hd.UID(),
        series_number=SERIES_OFFSET + 2,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="slicer-cmb",
        is_complete=False,
        is_verified=False,
        series_description=f"Cerebral microbleeds, measurements (research, {state})",
    )


def _algorithm(software: Software) -> hd.sr.AlgorithmIdentification:
    return hd.sr.AlgorithmIdentification(
        name=software.name,
        version=software.version,
        parameters=list(software.parameters),
        family=codes.ARTIFICIAL_INTELLIGENCE,
    )


def _count(
    name: str, number: int, frames: Sequence[Frame], sources: Sequence[Dataset], software: Software
) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """A number of lesions: an empty result is said, not left out."""
    is_multi_frame = len(sources) < len(frames)
    searched = [
        hd.sr.SourceImageForMeasurementGroup(
            one.SOPClassUID, one.SOPInstanceUID, [f.index + 1 for f in frames] if is_multi_frame else None
        )
        for one in sources
    ]
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=hd.UID(), identifier=name),
        finding_type=codes.HEMORRHAGE,
        finding_sites=[hd.sr.FindingSite(codes.BRAIN)],
        algorithm_id=_algorithm(software),
        measurements=[hd.sr.Measurement(codes.NUMBER_OF_LESIONS, number, codes.NO_UNIT)],
        source_images=searched,
    )
    group[0].ContentSequence.append(searched_field(Slices(frames, sources)))
    return group


def _add_classes(count: hd.sr.MeasurementsAndQualitativeEvaluations, counts: Counts) -> None:
    """Say the class of a count on each scale, and what these are not (TID 1501, qualitative evaluations)."""
    said = [hd.sr.QualitativeEvaluation(*codes.on_scale(scale, step))[0] for scale, step in counts.on_scales]
    said.append(hd.sr.QualitativeEvaluation(codes.SUPERFICIAL_SIDEROSIS, codes.NOT_ASSESSED)[0])
    left_out = f" Classes are of the count{left_out_of(counts)}." if left_out_of(counts) else ""
    note = f"{NOT_A_DIAGNOSIS} {SIDEROSIS}{left_out}"
    said.append(hd.sr.TextContentItem(codes.SCALE_NOTE, note, hd.sr.RelationshipTypeValues.CONTAINS))
    count[0].ContentSequence.extend(said)


def _observers(readers: Sequence[str], device: hd.sr.ObserverContext) -> hd.sr.ObservationContext:
    """Name every reader (TID 1001 repeats TID 1002 for each observer; highdicom takes one person) and the device."""
    persons = [_person(one) for one in readers]
    context = hd.sr.ObservationContext(persons[0] if persons else None, device)
    for number, item in enumerate(
        (item for person in persons[1:] for item in person), start=len(context) - len(device)
    ):
        context.insert(number, item)
    return context


def _person(reader: str) -> hd.sr.ObserverContext:
    """Name the one who gave the verdicts; DICOM's names have their parts divided by ^."""
    name = reader.replace("^", " ").replace("=", " ").replace("\\", " ")[:62]
    return hd.sr.ObserverContext(codes.PERSON, hd.sr.PersonObserverIdentifyingAttributes(name=f"{name}^"))


def _lesion(
    lesion: Lesion, segmentation: Dataset, software: Software, tracking_uid: str
) -> hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    centre = hd.sr.Scoord3DContentItem(
        name=codes.CENTRE,
        graphic_type=hd.sr.GraphicTypeValues3D.POINT,
        graphic_data=np.array([[-lesion.r_mm, -lesion.a_mm, lesion.s_mm]]),
        frame_of_reference_uid=segmentation.FrameOfReferenceUID,
        relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
    )
    measurements = [
        hd.sr.Measurement(codes.VOLUME, lesion.volume_mm3, codes.CUBIC_MM),
        hd.sr.Measurement(codes.DIAMETER, lesion.diameter_mm, codes.MM),
    ]
    if lesion.probability is not None:
        measurements.append(hd.sr.Measurement(codes.PROBABILITY, lesion.probability, codes.NO_UNIT))
    segment = next(one for one in segmentation.SegmentSequence if one.TrackingUID == tracking_uid)
    group = hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=tracking_uid, identifier=f"CMB {lesion.id}"),
        referenced_segment=hd.sr.ReferencedSegment.from_segmentation(segmentation, segment.SegmentNumber),
        finding_type=codes.HEMORRHAGE,
        finding_sites=[_site(lesion)],
        algorithm_id=None if lesion.is_readers else _algorithm(software),
        measurements=measurements,
    )
    verdict = codes.VERDICTS.get(lesion.decision)
    if verdict is not None:
        group[0].ContentSequence.append(hd.sr.QualitativeEvaluation(codes.READER_VERDICT, verdict)[0])
    cause = codes.CAUSED_BY.get(lesion.cause)
    if cause is not None:
        group[0].ContentSequence.append(hd.sr.QualitativeEvaluation(codes.CAUSE, cause)[0])
    substance = codes.SUBSTANCES.get(lesion.phase)
    if substance is not None:
        group[0].ContentSequence.append(hd.sr.QualitativeEvaluation(codes.PHASE, substance)[0])
    group[0].ContentSequence.append(centre)  # TID 1411 is extensible; its own coordinates are those of the region
    return group


def _site(lesion: Lesion) -> hd.sr.FindingSite:
    return hd.sr.FindingSite(codes.finding_site(lesion.region), laterality=codes.SIDES.get(lesion.side.lower()))
