"""The review of the chosen scan, among those that are open in a scene: opened, found, saved, let go."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import slicer

from ..detecting.candidates.grid import Grid
from ..errors import CMBError, InputError
from ..review import Grower, ReviewedLesion
from ..review.autosave import review_at
from ..review.kept_in import kept_in
from ..review.review_file import ENDING
from ..review.two_states import last_change
from ..scene import ResultNodes
from ..scene.volumes import file_of, world_ijk_to_ras
from ..signal import Signal
from .detection_session import DetectionSession
from .open_review import OpenReview


@dataclass(frozen=True)
class Notice:
    """What happened, in a line for the reader.

    Attributes
    ----------
    message : str
    error : CMBError or None
        What failed that nobody asked for, such as saving by itself; an action that was asked for raises.
    """

    message: str
    error: CMBError | None = None


class ChosenReview:
    """Gives the parts of a session the review they act on, and tells what they did.

    Parameters
    ----------
    detection : DetectionSession
        Says which scan is chosen.
    clock : callable
        Seconds that never go back.
    grower : Grower, optional
        Grows what the detector missed.

    Attributes
    ----------
    changed, current_changed, noticed, stepped : Signal
        The first three as those of `ReviewSession`; `stepped` is called when anything was decided or changed.
    saving_changed : Signal
        As that of `ReviewSession`.
    """

    def __init__(
        self, detection: DetectionSession, clock: Callable[[], float] = time.monotonic, grower: Grower | None = None
    ) -> None:
        self.detection = detection
        self.changed, self.current_changed, self.noticed, self.stepped = Signal(), Signal(), Signal(), Signal()
        self.saving_changed = Signal()
        self._clock, self._grower = clock, grower
        self._open: dict[str, OpenReview] = {}
        self._closed: list[OpenReview] = []  # whose scan was taken out of the scene before they could be saved
        self._save_error = ""
        self._searched_at: dict[str, str | None] = {}  # operating point by ID of the scan: of searches that run
        self._found_at: dict[str, str | None] = {}  # and of those that have ended, whose results are to be listed
        self._moved: dict[str, str] = {}  # by scan, what was told of where it lies
        detection.found.connect(self._on_found)

    @property
    def review(self) -> OpenReview | None:
        """The chosen scan's review; None if it was not searched."""
        return self._open.get(self.detection.parameters.scan_node_id or "")

    @property
    def current(self) -> ReviewedLesion | None:
        """The lesion that the reader looks at."""
        return self.review.find(self.review.current) if self.review else None

    def ready(self) -> OpenReview:
        """Give the chosen scan's review; `InputError` if there is none, or its scan was removed or moved."""
        review = self.review
        if review is None and self.detection.is_searching:
            raise InputError("There is no list yet: the scan is being searched.", "Wait until the search is done.")
        if review is None:
            raise InputError("There is no list yet.", "Choose a scan and detect its microbleeds first.")
        if not review.is_there:
            self._lose(self.detection.parameters.scan_node_id or "", review)
            raise InputError("The scan or its results were removed.", "Load the scan, or detect again.")
        review.check_place()
        self.follow_annotation()
        return review

    def follow_annotation(self) -> None:
        """Have lesions follow what their annotation has said or taken back meanwhile; undo passes over it."""
        review = self.review
        numbers = review.follow_annotated() if review is not None and review.is_there else []
        if review is None or not numbers:
            return
        became: dict[str, list[str]] = {"as annotated": [], "no longer as annotated": [], "off the list": []}
        for number in numbers:
            link = review.review.links.get(number)
            is_withdrawn = link is not None and link.withdrawn is not None
            how = "no longer as annotated" if is_withdrawn else "as annotated"
            became["off the list" if review.find(number) is None else how].append(f"CMB {number}")
        self.after("; ".join(f"{', '.join(names)}: {how}" for how, names in became.items() if names))

    def lesion(self, lesion_id: int | None) -> ReviewedLesion:
        """Give a lesion of the list, the current one where None is asked for; `InputError` if there is none."""
        review = self.ready()
        lesion = review.find(review.current if lesion_id is None else lesion_id)
        if lesion is None:
            raise InputError("No lesion is chosen.", "Choose one in the list, or press N for the next.")
        return lesion

    def tell(self, message: str) -> None:
        """Tell the reader what happened."""
        self.noticed(Notice(message))

    def show(self) -> None:
        """Have user interfaces show list and current lesion anew; one that is hidden now is chosen no more."""
        if self.review is not None:
            self.review.let_go_of_hidden()
        self.changed()
        self.current_changed(self.current)

    def after(self, said: str) -> None:
        """Tell of something that was decided or changed, and show it."""
        self.stepped()
        self.show()
        self.tell(f"{said}.")

    # which reviews are open

    def search_at(self, number: str, operating_point: str | None) -> None:
        """List what a search finds at an operating point, whatever is chosen for other scans meanwhile.

        Parameters
        ----------
        number : str
            Node ID of the scan that is searched.
        operating_point : str or None
            None takes the detection's own threshold.
        """
        self._searched_at[number] = operating_point

    @property
    def searched_at(self) -> str | None:
        """The operating point at which the running search of the chosen scan is to be listed."""
        return self._searched_at.get(self.detection.parameters.scan_node_id or "")

    def open(self, results: ResultNodes, folder: str | None) -> tuple[bool, bool]:
        """Open the review of a scan's results, where it is not open yet.

        Parameters
        ----------
        results : ResultNodes
        folder : str or None
            Where it is saved; None takes the scan's own folder.

        Returns
        -------
        opened, is_new : bool
            Whether it was opened now, and whether the results are those of a search that has just ended.
        """
        number = results.scan.GetID()
        known, is_new = self._open.get(number), number in self._found_at
        if known is not None and known.is_there and not is_new:
            return False, False
        former = self._open.pop(number, None)
        if former is not None:
            former.flush()
        operating_point = self._found_at.pop(number, None)
        if is_new:  # where it lies now is where it was searched
            self._moved.pop(number, None)
        review = OpenReview(results, folder, self._clock, self._grower, former)
        self._open[number] = review
        if is_new:
            review.list_new(operating_point, former)
        self.tell_notes(review)
        return True, is_new

    def drop_closed(self) -> None:
        """Let go of reviews whose scan is no longer in the scene, or is another."""
        for at in (self._searched_at, self._found_at):
            for number in [one for one in at if self.detection.scene.GetNodeByID(one) is None]:
                del at[number]
        for number, review in list(self._open.items()):
            if not review.is_there or self.detection.scene.GetNodeByID(number) is not review.nodes.scan:
                self._lose(number, review)

    @property
    def not_saved(self) -> CMBError | None:
        """Why a review, of whichever scan, could not be written; None once all are."""
        every = (*self._open.values(), *self._closed)
        return next((one.not_saved for one in every if one.not_saved is not None), None)

    def poll(self) -> None:
        """Save what is due; what fails is noticed once, not with every attempt, and `not_saved` until it is mended."""
        for number, review in list(self._open.items()):
            if not review.is_there:
                self._lose(number, review)
        for review in (*self._open.values(), *self._closed):
            failed, written = review.not_saved is not None, False
            with contextlib.suppress(CMBError):  # `tell_saving` does
                written = review.poll()
            self.tell_notes(review, *(["Saved again."] if failed and written else []))
        self._closed = [one for one in self._closed if one.unsaved]
        self._tell_place()
        self.tell_saving()

    def tell_saving(self) -> None:
        """Tell where it changed why something is unsaved, or that nothing is any more."""
        error, told = self.not_saved, self._save_error
        self._save_error = str(error or "")
        if self._save_error == told:
            return
        if error is not None:
            self.noticed(Notice(str(error), error))
        self.saving_changed(error)

    def save(self) -> None:
        """Write what is unsaved now."""
        for review in (*self._open.values(), *self._closed):
            review.flush()

    def close(self) -> None:
        """Save what can be saved: the user interface is going away."""
        for review in (*self._open.values(), *self._closed):
            with contextlib.suppress(CMBError):  # it was told since it first failed; the scene has it
                review.flush()
        self._open.clear()

    def _on_found(self, results: ResultNodes) -> None:
        number = results.scan.GetID()
        self._found_at[number] = self._searched_at.pop(number, None)

    def _lose(self, number: str, review: OpenReview) -> None:
        """The scan or its results were taken out of the scene: save what there is, later where it cannot be now."""
        self._open.pop(number, None)
        try:
            review.flush()
        except CMBError:
            self._closed.append(review)
        self.tell_saving()
        self.show()

    def tell_notes(self, review: OpenReview, *said: str) -> None:
        """Tell what a review's reader should know, in one notice: the next one would hide it."""
        notes, review.notes[:] = [*said, *review.notes], []
        if notes:
            self.tell("\n".join(notes))

    def _tell_place(self) -> None:
        """Tell once that the chosen scan was moved since it was searched, and once that it is back."""
        review, number = self.review, self.detection.parameters.scan_node_id or ""
        if review is None:
            return
        try:
            review.check_place()
        except CMBError as error:
            if str(error) != self._moved.get(number):
                self._moved[number] = str(error)
                self.noticed(Notice(str(error), error))
        else:
            if self._moved.pop(number, None):
                self.tell(f"{review.nodes.scan.GetName()} lies where it was searched again.")


def told_of_review(scan: slicer.vtkMRMLScalarVolumeNode, folder: str | None) -> str:
    """Say that a search of a scan will go on with a review that only the disk has; empty if there is none.

    Parameters
    ----------
    scan : vtkMRMLScalarVolumeNode
    folder : str or None
        Where reviews are saved; None takes the scan's own folder.
    """
    name = scan.GetName() or ""
    where, stem = kept_in(file_of(scan), name, folder)
    if where is None:
        return ""
    try:
        zyx_to_ras = world_ijk_to_ras(scan)[:3, [2, 1, 0, 3]]
    except CMBError:  # a scan that cannot be searched: the search says why
        return ""
    grid = Grid(scan.GetImageData().GetDimensions()[::-1], zyx_to_ras)
    found = review_at(where / (stem + ENDING), grid, name)
    if found is None:
        return ""
    path, saved = found
    return f"There is a review of {name}, {last_change(saved)}: {path}. Detect microbleeds to go on with it."
