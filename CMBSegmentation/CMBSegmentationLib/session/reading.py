"""How a reader reads: name, folder, and how the views show the scan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..errors import InputError
from ..scene import check_has_field, set_slab, show_field, show_overview
from ..scene.phase_nodes import field_is_shown
from ..scene.shown.brain_surface import hide_3d, show_3d
from ..signal import Signal
from .chosen_review import ChosenReview


@dataclass(frozen=True)
class ReviewParameters:
    """How a reader wants to read.

    Attributes
    ----------
    reader : str
        Name or initials, written into each verdict.
    folder : str or None
        Where the review is saved; None takes the one that was chosen before, or the scan's own.
    operating_point : str or None
        One of `vocabulary.operating_points.OPERATING_POINTS`, at which the next detection is listed; None
        takes the threshold of the detection's parameters.
    advance : bool
        Whether a verdict leads to the next lesion without one.
    field_of_view_mm : float
        What the shorter side of a slice view shows after a jump.
    slab_mm : float or None
        Thickness of the minimum-intensity slab; None shows single slices.
    filled : bool
        Whether lesions are filled in slice views, not only outlined.
    in_3d : bool
        Whether the 3D views show the brain translucent and the lesions solid.
    overview : bool
        Whether the slice views show the detector's probability, projected through the whole head.
    field : bool
        Whether the slice views show the local phase; goes off where a scan has none, and as `overview` goes on.
    """

    reader: str = ""
    folder: str | None = None
    operating_point: str | None = None
    advance: bool = True
    field_of_view_mm: float = 60.0
    slab_mm: float | None = None
    filled: bool = False
    in_3d: bool = False
    overview: bool = False
    field: bool = False


class Reading:
    """Keeps what the reader wants, and has the scene show it.

    Parameters
    ----------
    chosen : ChosenReview

    Attributes
    ----------
    changed : Signal
        Called with the former and the new `ReviewParameters`.
    """

    def __init__(self, chosen: ChosenReview) -> None:
        self.changed = Signal()
        self._chosen, self._parameters = chosen, ReviewParameters()

    @property
    def parameters(self) -> ReviewParameters:
        """What the reader wants."""
        return self._parameters

    @property
    def reader(self) -> str:
        """Who signs a verdict."""
        return self._parameters.reader.strip()

    def set(self, **changes: Any) -> None:
        """Change `ReviewParameters` by name.

        Parameters
        ----------
        **changes
            Fields of `ReviewParameters`.

        Raises
        ------
        InputError
            A value is out of range, the review cannot be saved in the folder, or there is no local phase to show;
            all is as before then.
        """
        before, after = self._parameters, replace(self._parameters, **changes)
        if after == before:
            return
        _check(after)
        results = self._chosen.detection.results
        if after.field and not before.field:
            shown = self._chosen.review
            notes = shown.stored.notes if shown is not None else ()
            check_has_field(results, notes, phase_is_chosen=bool(self._chosen.detection.parameters.phase))
            after = replace(after, overview=False)
        elif after.overview:
            after = replace(after, field=False)
        review = self._chosen.review
        if after.folder != before.folder and review is not None:
            review.move_to(after.folder)
            self._chosen.tell_saving()
            self._chosen.tell_notes(review, *([f"The review is saved in {review.path}."] if review.path else ()))
            self._chosen.changed()
        self._parameters = after
        if after.overview != before.overview and results is not None:
            show_overview(results, after.overview)
        if after.field != before.field and not after.overview and results is not None:
            show_field(results, after.field)
        if not after.overview and (after.slab_mm != before.slab_mm or before.overview):
            set_slab(self._chosen.detection.scene, after.slab_mm)
        self.apply()
        self.changed(before, after)

    def show_anew(self) -> None:
        """Have the views show what the reader wants: a scene that was opened brought along how it was looked at."""
        wanted, results = self._parameters, self._chosen.detection.results
        if results is not None and field_is_shown(results) and not wanted.field:
            show_field(results, False)
        if results is not None and wanted.overview:
            show_overview(results, True)
        else:
            set_slab(self._chosen.detection.scene, wanted.slab_mm)

    def apply(self) -> None:
        """Have the results in the scene look as the reader wants them."""
        results = self._chosen.detection.results
        if results is None:
            return
        display = results.segmentation.GetDisplayNode()
        if display is not None:
            display.SetOpacity2DFill(0.5 if self._parameters.filled else 0.0)
        (show_3d if self._parameters.in_3d else hide_3d)(results)


def _check(reading: ReviewParameters) -> None:
    if not 5 <= reading.field_of_view_mm <= 500:
        raise InputError(
            f"The field of view must be 5 to 500 mm, not {reading.field_of_view_mm:g} mm.", "Give another one."
        )
    if reading.slab_mm is not None and not 0 < reading.slab_mm <= 100:
        raise InputError(f"The slab must be up to 100 mm thick, not {reading.slab_mm:g} mm.", "Give another thickness.")
