"""Where findings lie on the slices: what viewers that know nothing of segments list and go to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ..detecting.lesions import Lesion
from ..reading.dicom.headers import Frame
from ..vocabulary.numbers import rounded_down
from . import codes


@dataclass(frozen=True)
class Slices:
    """The slices that were searched, and the files that hold them.

    Attributes
    ----------
    frames : sequence of Frame
        In the order of the slices.
    sources : sequence of Dataset
        Headers of their files: one each, or one for all.
    """

    frames: Sequence[Frame]
    sources: Sequence[Dataset]

    def image(self, number: int) -> hd.sr.SourceImageForRegion:
        """Refer to the image of a slice."""
        source, frame = self.reference(number)
        return hd.sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID, None if frame is None else [frame])

    def reference(self, number: int) -> tuple[Dataset, int | None]:
        """Give the file of a slice, and its number in it, from 1; None where each slice has a file of its own."""
        if len(self.sources) < len(self.frames):
            return self.sources[0], self.frames[number].index + 1
        return self.sources[number], None

    def library(self) -> hd.sr.ContainerContentItem:
        """List the images that were searched (TID 1600); highdicom's own list wants headers of classic MR."""
        contains, context = hd.sr.RelationshipTypeValues.CONTAINS, hd.sr.RelationshipTypeValues.HAS_ACQ_CONTEXT
        group = hd.sr.ContainerContentItem(codes.IMAGE_LIBRARY_GROUP, relationship_type=contains)
        frame_of_reference = self.sources[0].FrameOfReferenceUID
        group.ContentSequence = hd.sr.ContentSequence(
            [hd.sr.UIDRefContentItem(codes.FRAME_OF_REFERENCE, frame_of_reference, context)]
            + [
                hd.sr.ImageContentItem(codes.SOURCE, one.SOPClassUID, one.SOPInstanceUID, relationship_type=contains)
                for one in self.sources
            ]
        )
        library = hd.sr.ContainerContentItem(codes.IMAGE_LIBRARY, relationship_type=contains)
        library.ContentSequence = hd.sr.ContentSequence([group])
        return library

    def nearest(self, point: NDArray) -> int:
        """Give the slice whose plane is nearest to a point (3,), mm, LPS."""
        assert self.frames[0].orientation is not None  # or `read_dicom` would have refused it
        cosines = np.array(self.frames[0].orientation, float)
        positions = np.array([frame.position for frame in self.frames], float)
        return int(np.abs((positions - point) @ np.cross(cosines[:3], cosines[3:])).argmin())

    def pixel(self, number: int, point: NDArray) -> NDArray:
        """Give column and row of a point (3,), mm, LPS, on a slice: 0.5, 0.5 in the middle of the first pixel."""
        frame = self.frames[number]
        assert frame.position is not None
        assert frame.orientation is not None
        assert frame.spacing is not None
        to_image = hd.spatial.ReferenceToImageTransformer(frame.position, frame.orientation, frame.spacing)
        return to_image(point[np.newaxis])[0, :2]


def lesion_location(
    lesion: Lesion, slices: Slices, tracking_uid: str, site: hd.sr.FindingSite
) -> hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    """Mark a lesion's centre in a group of its own (TID 1410).

    The group of a lesion's measurements refers to its segment and to nothing else (TID 1411), which few viewers
    follow. Both have the same tracking identifier.
    """
    group = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=tracking_uid, identifier=f"CMB {lesion.id}"),
        referenced_region=_centre(lesion, slices),
        finding_type=codes.HEMORRHAGE,
        finding_sites=[site],
        geometric_purpose=codes.CENTRE,
    )
    group[0].ContentSequence.append(
        hd.sr.TextContentItem(codes.COMMENT, _in_a_line(lesion), hd.sr.RelationshipTypeValues.CONTAINS)
    )
    return group


def _centre(lesion: Lesion, slices: Slices) -> hd.sr.ImageRegion | hd.sr.ImageRegion3D:
    """Give a point on the slice next to a lesion's centre, or in space where pixels are not square.

    A point in space leads OHIF to whatever series of the study has the same frame of reference. On an image
    cornerstone, with which it draws, takes the spacing of columns for that of rows.
    """
    centre = np.array([-lesion.r_mm, -lesion.a_mm, lesion.s_mm])  # DICOM's patient frame is LPS
    between_rows, between_columns = slices.frames[0].spacing or (1.0, 1.0)
    if not np.isclose(between_rows, between_columns, rtol=1e-3):
        where = slices.sources[0].FrameOfReferenceUID
        return hd.sr.ImageRegion3D(hd.sr.GraphicTypeValues3D.POINT, centre[np.newaxis], where)
    number = slices.nearest(centre)
    pixel = slices.pixel(number, centre)[np.newaxis]
    return hd.sr.ImageRegion(hd.sr.GraphicTypeValues.POINT, pixel, slices.image(number))


def _in_a_line(lesion: Lesion) -> str:
    """Say what a list of findings shows; lists cut long lines, so that the place comes last."""
    place = " ".join(word for word in (lesion.side, lesion.region) if word)
    said = [
        f"CMB {lesion.id}",
        f"{lesion.diameter_mm:.1f} mm",
        f"{lesion.origin} by a reader"
        if lesion.probability is None
        else f"probability {rounded_down(lesion.probability, 2):.2f}",
    ]
    return ", ".join([*said, place] if place else said)


def searched_field(slices: Slices) -> hd.sr.ScoordContentItem:
    """Outline the middle slice: the place of a count, which has none of its own.

    OHIF shows nothing of a report that has a group of measurements without a place. A closed line, as it draws no
    polygons.
    """
    number = len(slices.frames) // 2
    rows, columns = slices.frames[number].size
    outline = hd.sr.ScoordContentItem(
        name=codes.SEARCHED_FIELD,
        graphic_type=hd.sr.GraphicTypeValues.POLYLINE,
        graphic_data=np.array([[0, 0], [columns, 0], [columns, rows], [0, rows], [0, 0]], float),
        relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
    )
    outline.ContentSequence = hd.sr.ContentSequence([slices.image(number)])
    return outline
