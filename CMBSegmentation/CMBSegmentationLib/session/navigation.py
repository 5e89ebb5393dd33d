"""Going through a list of lesions: in which order, which one is looked at, and where the views are."""

from __future__ import annotations

from collections.abc import Sequence

from ..review import ReviewedLesion
from ..scene import jump_to
from ..vocabulary.verdicts import UNREVIEWED
from .chosen_review import ChosenReview
from .reading import Reading, ReviewParameters


class Navigation:
    """The rows of the list, and the reader's place in it.

    Parameters
    ----------
    chosen : ChosenReview
    reading : Reading
        Gives the field of view after a jump.
    """

    def __init__(self, chosen: ChosenReview, reading: Reading) -> None:
        self._chosen, self._reading = chosen, reading
        self._order: list[int] = []
        reading.changed.connect(self._on_reading)

    @property
    def lesions(self) -> tuple[ReviewedLesion, ...]:
        """The rows that are shown, in the order that the user interface last gave, else by number."""
        review = self._chosen.review
        if review is None:
            return ()
        place = {number: n for n, number in enumerate(self._order)}
        return tuple(sorted(review.visible, key=lambda one: (place.get(one.id, len(place)), one.id)))

    @property
    def current(self) -> ReviewedLesion | None:
        """The lesion that the reader looks at."""
        return self._chosen.current

    def set_order(self, ids: Sequence[int]) -> None:
        """Tell in which order the user interface shows the lesions: next and previous follow it."""
        self._order = list(ids)

    def select(self, lesion_id: int | None, *, jump: bool = True) -> ReviewedLesion | None:
        """Choose a lesion and centre the slice views on it."""
        review = self._chosen.ready()
        review.current = lesion_id if review.find(lesion_id) else None
        review.keep_view()
        if jump:
            self.jump()
        self._chosen.current_changed(self.current)
        return self.current

    def next(self) -> ReviewedLesion | None:
        """Go to the next row; from the last to the first."""
        return self._step(1)

    def previous(self) -> ReviewedLesion | None:
        """Go to the row before; from the first to the last."""
        return self._step(-1)

    def advance(self, from_id: int) -> None:
        """Go to the next lesion that has no verdict, after this one, then from the start; stay if all have one."""
        rows = list(self.lesions)
        ids = [one.id for one in rows]
        here = ids.index(from_id) + 1 if from_id in ids else 0
        for one in rows[here:] + rows[:here]:
            if one.state == UNREVIEWED:
                self.select(one.id)
                return

    def jump(self) -> None:
        """Centre all slice views on the current lesion, with the fixed field of view."""
        if self.current is not None:
            place, scene = self.current.lesion, self._chosen.detection.scene
            jump_to(scene, (place.r_mm, place.a_mm, place.s_mm), self._reading.parameters.field_of_view_mm)

    def _step(self, step: int) -> ReviewedLesion | None:
        ids = [one.id for one in self.lesions]
        if not ids:
            return None
        current = self.current
        here = ids.index(current.id) if current is not None and current.id in ids else (-1 if step > 0 else 0)
        return self.select(ids[(here + step) % len(ids)])

    def _on_reading(self, before: ReviewParameters, after: ReviewParameters) -> None:
        if after.field_of_view_mm != before.field_of_view_mm:
            self.jump()
