"""A review as a user interface sees it: a search, its list, and what a reader does with it."""

from __future__ import annotations

import time
from collections.abc import Callable

import slicer

from ..errors import CMBError, told
from ..review import Grower
from ..scene import ResultNodes
from ..scene.volumes import place_of
from ..worker.process import ProcessRunner, Subprocess
from .chosen_review import ChosenReview, Notice, told_of_review
from .deciding import Deciding
from .detection_session import DetectionSession
from .editing import Editing
from .exporting import Exporting
from .listing import Listing
from .navigation import Navigation
from .open_review import OpenReview
from .reading import Reading


class ReviewSession:
    """Detects and reviews; the state that all user interfaces of a scene show.

    A user interface connects to the signals, calls the actions of the parts, and has a timer call `poll` twice a
    second or more often, also while no detection runs. Actions raise `CMBError` for what a user has caused, and
    change nothing then: the user interface tells it. What happens by itself is told by `noticed`.

    Parameters
    ----------
    scene : vtkMRMLScene
    python, runner
        As `DetectionSession`.
    clock : callable
        Seconds that never go back.
    grower : Grower, optional
        Grows what the detector missed: `CMBScribbleGrowLib.growing.from_point.grower`.

    Attributes
    ----------
    detection : DetectionSession
        Which scan is chosen, and its search.
    reading : Reading
        Who reads, where the review is saved, how the views look.
    navigation : Navigation
        The rows of the list, and the lesion that is looked at.
    listing : Listing
        Threshold, operating points, counts.
    deciding : Deciding
        Verdicts, places, undo, and the question what a rejected lesion is.
    editing : Editing
        Lesions added, merged, split, deleted.
    exporting : Exporting
        Files, PDF, comparison.
    review_changed : Signal
        Called without values when the list, a verdict or the threshold changed.
    current_changed : Signal
        Called with the `ReviewedLesion` that the reader looks at, or None.
    noticed : Signal
        Called with a `Notice`.
    saving_changed : Signal
        Called with the `CMBError` that keeps a review from being written, or None once all are: `not_saved`.
    """

    def __init__(
        self,
        scene: slicer.vtkMRMLScene,
        *,
        python: str | None = None,
        runner: ProcessRunner = Subprocess,
        clock: Callable[[], float] = time.monotonic,
        grower: Grower | None = None,
    ) -> None:
        self.scene = scene
        self.detection = DetectionSession(scene, python=python, runner=runner)
        self._chosen = ChosenReview(self.detection, clock, grower)
        self.review_changed, self.current_changed = self._chosen.changed, self._chosen.current_changed
        self.noticed, self.saving_changed = self._chosen.noticed, self._chosen.saving_changed
        self.reading = Reading(self._chosen)
        self.navigation = Navigation(self._chosen, self.reading)
        self.listing = Listing(self._chosen, self.reading)
        self.deciding = Deciding(self._chosen, self.reading, self.navigation)
        self.editing = Editing(self._chosen, self.reading, self.navigation)
        self.exporting = Exporting(self._chosen)
        self.detection.started.connect(
            lambda scan: self._chosen.search_at(scan.GetID(), self.reading.parameters.operating_point)
        )
        self._refused: tuple[str, str] | None = None  # scan whose review could not be opened, and where it lay then
        self.detection.results_changed.connect(self._on_results)

    @property
    def review(self) -> OpenReview | None:
        """The chosen scan's review; None if it was not searched."""
        return self._chosen.review

    @property
    def not_saved(self) -> CMBError | None:
        """Why a review, of whichever scan, could not be written; None once all are."""
        return self._chosen.not_saved

    def poll(self) -> None:
        """Hear of the worker and save what is due; never waits long."""
        self.detection.poll()
        self._open_again()
        self._chosen.follow_annotation()
        self._chosen.poll()

    def save(self) -> None:
        """Write what is unsaved now."""
        self._chosen.save()

    def close(self) -> None:
        """End what runs and save what can be saved: the user interface is going away."""
        self.detection.close()
        self._chosen.close()

    def reopen(self) -> None:
        """Look at the scene again: it was closed, or another was opened."""
        self._chosen.drop_closed()
        self.reading.show_anew()
        self.detection.results_changed(self.detection.results)

    def _on_results(self, results: ResultNodes | None) -> None:
        """Open the review of what is chosen, or of what a detection has just found: at its first lesion."""
        self.reading.set(field=False)
        is_new = results is not None and self._opened(results)
        self.navigation.set_order(())
        self.review_changed()  # the user interface says in which order it lists
        if is_new and self.navigation.current is None and self.navigation.lesions:
            self.navigation.select(self.navigation.lesions[0].id)
        else:
            self.current_changed(self.navigation.current)

    def _opened(self, results: ResultNodes) -> bool:
        """Open the review of results; tell whether a search has just found them."""
        self._refused = None
        try:
            opened, is_new = self._chosen.open(results, self.reading.parameters.folder)
        except (CMBError, OSError) as error:  # nobody asked for it: the scan was only chosen
            self._refused = (results.scan.GetID(), place_of(results.scan))
            self.noticed(Notice(str(problem := told(error)), problem))
            return False
        if opened:
            self.reading.apply()
        return is_new

    def tell_of_review_on_disk(self) -> None:
        """Tell that the chosen scan was reviewed before, where it has no list: only a search shows that review."""
        scan = self.detection.scan
        if scan is None or self.detection.results is not None or self.detection.is_searching:
            return
        said = told_of_review(scan, self.reading.parameters.folder)
        if said:
            self._chosen.tell(said)

    def _open_again(self) -> None:
        """Try again to open a review that was refused, once its scan lies elsewhere: it may be back where it was."""
        scan = self.detection.scan
        if self._refused is None or scan is None or self._refused[0] != scan.GetID():
            return
        if place_of(scan) != self._refused[1]:
            self.detection.results_changed(self.detection.results)
