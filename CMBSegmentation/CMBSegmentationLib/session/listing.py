"""At which threshold a scan is listed, and what the list comes to."""

from __future__ import annotations

from ..results.counts import Counts, counts_of
from ..results.summary import text_of
from ..vocabulary.operating_points import point_at
from .chosen_review import ChosenReview
from .reading import Reading


class Listing:
    """The list as a whole.

    Parameters
    ----------
    chosen : ChosenReview
    reading : Reading
        Keeps the operating point for the next detection.
    """

    def __init__(self, chosen: ChosenReview, reading: Reading) -> None:
        self._chosen, self._reading = chosen, reading

    @property
    def threshold(self) -> float | None:
        """At which the chosen scan is listed."""
        review = self._chosen.review
        return review.review.threshold if review else None

    @property
    def operating_points(self) -> dict[str, float]:
        """Threshold by name, of the model that searched the chosen scan; empty if it was not searched."""
        review = self._chosen.review
        return dict(review.stored.search.operating_points) if review else {}

    @property
    def operating_point(self) -> str:
        """The name of the threshold at which the chosen scan is listed, or "custom"; empty if it was not searched."""
        return point_at(self.operating_points, self.threshold)

    @property
    def searched_at(self) -> str:
        """The name of the threshold at which the running search of the chosen scan will be listed, or "custom".

        Empty if it is not being searched.
        """
        detection = self._chosen.detection
        return (self._chosen.searched_at or "custom") if detection.is_searching else ""

    def list_found_at(self, name: str | None) -> None:
        """List what the running search of the chosen scan finds at a named threshold; None takes the search's own."""
        detection = self._chosen.detection
        if detection.is_searching:
            self._chosen.search_at(detection.parameters.scan_node_id or "", name)

    @property
    def dropped(self) -> int:
        """How many candidates the detector dropped that have no verdict."""
        review = self._chosen.review
        return sum(one.state == "dropped" for one in review.lesions) if review else 0

    @property
    def counts(self) -> Counts:
        """The chosen scan's review in numbers."""
        review = self._chosen.review
        return counts_of([one.as_lesion() for one in review.lesions] if review else ())

    @property
    def text(self) -> str:
        """The counts worded for a report."""
        return text_of(self.counts)

    def show_dropped(self, shown: bool) -> None:
        """List the dropped candidates too, with their reasons, or not."""
        review = self._chosen.ready()
        review.show_dropped = bool(shown)
        review.show(save=False)
        self._chosen.show()

    def set_threshold(self, threshold: float) -> None:
        """List the chosen scan at another threshold, above 0 and below 1; the network does not run."""
        review = self._chosen.ready()
        review.list_at(threshold)
        self._chosen.show()

    def set_operating_point(self, name: str | None) -> None:
        """List the chosen scan at a named threshold, and the next ones too; None keeps the threshold as it is."""
        self._reading.set(operating_point=name)
        self.list_found_at(name)
        if name is not None and self._chosen.review is not None:
            self.set_threshold(self.operating_points[name])
