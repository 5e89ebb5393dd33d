"""Content of IHE AI Results (AIR), point by point, named after the profile's sections.

IHE Radiology Technical Framework Supplement "AI Results", trial implementation, volume 3, 6.5.3: general requirements,
then the primitives that results are made of. Parametric maps are none of ours.
"""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from dark_spots import ball_brain, only, write_dark_voxel_model
from dicom_series import write_enhanced, write_series
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from test_dicom_out import as_stored, findings, one

from CMBCommand import cli
from CMBSegmentationLib.dicom_out.codes import MRI_OF_BRAIN


@pytest.fixture(scope="module", params=["classic", "enhanced"])
def study(request, tmp_path_factory) -> Path:
    """A small head with two spots: one file a slice, or one for all with oblong pixels. Not to be changed."""
    folder = tmp_path_factory.mktemp("air") / "study"
    image = as_stored(ball_brain(spacing=(2.0, 2.0 if request.param == "classic" else 2.4, 3.0))[0])
    image = image[1:, image.GetHeight() % 2 == 0 :, :]  # an odd number of pixels
    if request.param == "classic":
        write_series(folder, image, SeriesDescription="SWI")
    else:
        write_enhanced(folder / "a.dcm", image)
    return folder


@pytest.fixture(scope="module")
def results(study, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    model = write_dark_voxel_model(folder / "dark.onnx")
    assert cli.main(["detect", str(study), "-o", str(folder / "out"), *only(model), "--dicom"]) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def report(results) -> Dataset:
    return pydicom.dcmread(one(results, "_sr.dcm"))


@pytest.fixture(scope="module")
def segmentation(results) -> Dataset:
    return pydicom.dcmread(one(results, "_seg.dcm"))


@pytest.fixture(scope="module")
def content(results) -> hd.sr.MeasurementReport:
    return hd.sr.srread(one(results, "_sr.dcm")).content


def headers(study: Path) -> list[Dataset]:
    return [pydicom.dcmread(file, stop_before_pixels=True) for file in study.iterdir()]


def items(container: Dataset, name: str) -> list[Dataset]:
    return [item for item in container.ContentSequence if item.ConceptNameCodeSequence[0].CodeMeaning == name]


def references(tree: Dataset) -> set[str]:
    """SOP Instance UIDs that the content refers to, at any depth."""
    found = {one.ReferencedSOPInstanceUID for one in tree.get("ReferencedSOPSequence", [])}
    return found.union(*(references(item) for item in tree.get("ContentSequence", [])))


def test_air_general_results_are_in_the_study_and_of_the_patient_of_the_images(study, report, segmentation):
    source = headers(study)[0]
    for made in (report, segmentation):
        for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID"):
            assert made[keyword].value == source[keyword].value
        assert made.AccessionNumber == source.AccessionNumber
        assert made.SeriesInstanceUID != source.SeriesInstanceUID
    assert report.SeriesInstanceUID != segmentation.SeriesInstanceUID


def test_air_general_content_date_and_time_say_when(report, segmentation):
    for made in (report, segmentation):
        assert len(made.ContentDate) == 8
        assert made.ContentTime


def test_air_general_each_algorithm_is_contributing_equipment(report, segmentation):
    for made in (report, segmentation):
        (network,) = [
            item
            for item in made.ContributingEquipmentSequence
            if item.get("PurposeOfReferenceCodeSequence")
            and item.PurposeOfReferenceCodeSequence[0].CodeValue == codes.DCM.ProcessingEquipment.value
            and "DeviceUID" in item
        ]
        assert (network.Manufacturer, network.ManufacturerModelName) == ("slicer-cmb", "dark-voxels")
        assert network.SoftwareVersions.startswith("1 (slicer-cmb ")
        assert network.DeviceUID.startswith("2.25.")


def test_air_general_another_model_is_another_device():
    from CMBSegmentationLib.detecting.lesions import LesionRules
    from CMBSegmentationLib.detecting.search import Search, UsedModel
    from CMBSegmentationLib.dicom_out.software import software_from

    def devices(*hashes: str) -> list[str]:
        detector, verifier = (UsedModel(name="m", version="1", sha256=sha) for sha in hashes)
        search = Search(detector=detector, verifier=verifier)
        return [network.uid for network in software_from(search, LesionRules(threshold=0.5)).networks]

    first, second = devices("ab" * 32, "cd" * 32)
    assert first != second
    assert devices("ab" * 32, "ef" * 32)[0] == first
    assert pydicom.uid.UID(first).is_valid


def test_air_root_is_a_comprehensive_3d_report_by_tid_1500(report):
    assert report.SOPClassUID == pydicom.uid.Comprehensive3DSRStorage
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert report.ConceptNameCodeSequence[0].CodeMeaning == "Imaging Measurement Report"


def test_air_root_refers_to_every_other_result_and_lists_it_as_evidence(report, segmentation):
    assert segmentation.SOPInstanceUID in references(report)
    listed = {
        instance.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    assert references(report) == listed


def test_air_root_is_attested_by_nobody(report):
    assert report.VerificationFlag == "UNVERIFIED"
    assert "VerifyingObserverSequence" not in report


def test_air_root_says_which_device_observed(report, segmentation):
    (kind,) = items(report, "Observer Type")
    assert kind.ConceptCodeSequence[0].CodeMeaning == "Device"
    (uid,) = items(report, "Device Observer UID")
    assert uid.UID in {item.get("DeviceUID") for item in segmentation.ContributingEquipmentSequence}
    told = [items(report, f"Device Observer {what}")[0].TextValue for what in ("Name", "Manufacturer", "Model Name")]
    assert told == ["slicer-cmb", "slicer-cmb", "dark-voxels"]


def test_air_root_names_the_imaging_procedure_and_the_language(report):
    (procedure,) = items(report, "Procedure reported")
    assert procedure.ConceptCodeSequence[0].CodeValue == MRI_OF_BRAIN.value
    assert len([item for item in report.ContentSequence if "Language" in str(item.ConceptNameCodeSequence)]) == 1


def test_air_qualitative_findings_are_coded_and_carry_their_algorithm(content):
    groups = [*content.get_image_measurement_groups(), *content.get_volumetric_roi_measurement_groups()]
    assert len(groups) == 3
    for group in groups:
        assert group.finding_type == codes.SCT.Hemorrhage
        named = {item.name.meaning: item.value for item in group[0].ContentSequence if "Algorithm" in item.name.meaning}
        assert named["Algorithm Name"] == "dark-voxels"
        assert named["Algorithm Version"].startswith("1 (slicer-cmb ")
        for site in group.finding_sites:
            assert site.value == codes.SCT.Brain


def test_air_measurements_have_values_with_units(content, results):
    for row, group in zip(findings(results), content.get_volumetric_roi_measurement_groups(), strict=True):
        read = {measured.name.meaning: (measured.value, measured.unit.value) for measured in group.get_measurements()}
        assert read == {
            "Volume": (row["volume_mm3"], "mm3"),
            "Diameter": (row["diameter_mm"], "mm"),
            "Probability": (row["probability"], "1"),
        }


def test_air_locations_are_points_on_the_image_next_to_the_finding_or_in_space(content, study, results):
    files = {str(header.SOPInstanceUID): header for header in headers(study)}
    for row, group in zip(findings(results), content.get_planar_roi_measurement_groups(), strict=True):
        centre = np.array([-row["r_mm"], -row["a_mm"], row["s_mm"]])
        assert group.roi.GraphicType == "POINT"
        if len(files) == 1:  # pixels that are not square
            assert group.roi.ReferencedFrameOfReferenceUID == next(iter(files.values())).FrameOfReferenceUID
            assert group.roi.value[0] == pytest.approx(centre, abs=1e-3)
            continue
        (image,) = group.roi.ContentSequence
        plane = files[image.referenced_sop_instance_uid]
        to_patient = hd.spatial.ImageToReferenceTransformer(
            plane.ImagePositionPatient, plane.ImageOrientationPatient, plane.PixelSpacing
        )
        away = centre - to_patient(group.roi.value)[0]
        normal = np.cross(plane.ImageOrientationPatient[:3], plane.ImageOrientationPatient[3:])
        assert abs(away @ normal) <= 3.0 / 2 + 0.01  # half a slice
        assert np.linalg.norm(away - (away @ normal) * normal) < 0.01


def test_air_locations_of_a_count_are_the_middle_slice(content, study):
    files = headers(study)
    (count,) = content.get_image_measurement_groups()
    (outline,) = [item for item in count[0].ContentSequence if item.ValueType == "SCOORD"]
    (image,) = outline.ContentSequence
    reference = image.ReferencedSOPSequence[0]
    assert outline.GraphicData[4:6] == [files[0].Columns, files[0].Rows]
    if len(files) == 1:
        assert (
            reference.ReferencedFrameNumber == files[0].NumberOfFrames - files[0].NumberOfFrames // 2
        )  # back to front
    else:
        (middle,) = [one for one in files if one.SOPInstanceUID == reference.ReferencedSOPInstanceUID]
        assert middle.InstanceNumber == len(files) // 2 + 1


def test_air_regions_are_segments_that_the_measurements_refer_to(content, segmentation, study):
    assert segmentation.SOPClassUID == pydicom.uid.SegmentationStorage
    assert segmentation.FrameOfReferenceUID == headers(study)[0].FrameOfReferenceUID
    for group, segment in zip(
        content.get_volumetric_roi_measurement_groups(), segmentation.SegmentSequence, strict=True
    ):
        (reference,) = [item for item in group[0].ContentSequence if item.name == codes.DCM.ReferencedSegment]
        referred = reference.ReferencedSOPSequence[0]
        assert referred.ReferencedSOPInstanceUID == segmentation.SOPInstanceUID
        assert referred.ReferencedSegmentNumber == segment.SegmentNumber
        assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == codes.SCT.Hemorrhage.value
        assert segment.SegmentAlgorithmType == "AUTOMATIC"
        assert segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "dark-voxels"


def test_air_tracking_identifiers_tie_location_region_and_measurements_of_a_finding(content, segmentation):
    def tracked(groups):
        return [(group.tracking_identifier, group.tracking_uid) for group in groups]

    of_segments = [(segment.TrackingID, segment.TrackingUID) for segment in segmentation.SegmentSequence]
    assert tracked(content.get_planar_roi_measurement_groups()) == of_segments
    assert tracked(content.get_volumetric_roi_measurement_groups()) == of_segments
    every = of_segments + tracked(content.get_image_measurement_groups())
    assert len({uid for _, uid in every}) == len(every) == 3


def test_air_image_references_list_what_was_searched(report, study):
    (library,) = items(report, "Image Library")
    (group,) = items(library, "Image Library Group")
    images = items(group, "Source")
    listed = {
        (one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID) for i in images for one in i.ReferencedSOPSequence
    }
    assert listed == {(header.SOPClassUID, header.SOPInstanceUID) for header in headers(study)}
    order = [item.ConceptNameCodeSequence[0].CodeMeaning for item in report.ContentSequence]
    assert order.index("Image Library") < order.index("Imaging Measurements")


def test_air_regions_whose_frames_end_within_a_byte_are_padded_so_that_ohif_refuses_them(segmentation):
    """It would show them beside where they are (`frame_padding`)."""
    bits = segmentation.Rows * segmentation.Columns
    assert bits % 8 != 0
    used = -(-bits * segmentation.NumberOfFrames // 8)
    assert used % 2 == 1
    assert len(segmentation.PixelData) == used + 1
    groups = segmentation.PerFrameFunctionalGroupsSequence
    full = np.count_nonzero(segmentation.pixel_array.any(axis=(1, 2)))
    assert len(groups) == segmentation.NumberOfFrames >= full > 0
    assert segmentation.NumberOfFrames > full or -(-bits * full // 8) % 2 == 1
    places = [
        (group.SegmentIdentificationSequence[0].ReferencedSegmentNumber, *map(float, position))
        for group in groups
        for position in [group.PlanePositionSequence[0].ImagePositionPatient]
    ]
    assert len(set(places)) == len(places)
    assert len({tuple(group.FrameContentSequence[0].DimensionIndexValues) for group in groups}) == len(groups)
