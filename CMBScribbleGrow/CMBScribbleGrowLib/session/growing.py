"""Growing what is painted, adjusting it, accepting it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from CMBSegmentationLib.errors import CMBError, InputError
from CMBSegmentationLib.reading.scan import checked_scan
from CMBSegmentationLib.vocabulary.verdicts import REJECTED

from ..annotation.answers import answered
from ..annotation.edits import next_id, with_entry
from ..annotation.records import Microbleed
from ..annotation.words import SINGLE
from ..growing.scan import ScanToGrow, scan_to_grow
from ..growing.settings import GrowSettings
from ..scene import PAINT_SEGMENT, lesion_of_segment, segment_on_scan, show_curve
from ..scene.listed_lesions import ListedLesions, numbers_for
from ..study.linked_lesion import LinkedLesion, at_percent, grow_lesion, strokes_of, with_growth
from ..study.state import NO_VOXELS, Snapshot, State, Status
from .current_study import CurrentStudy
from .open_study import OpenStudy


class Growing:
    """Grows scribbles of the study that is open.

    Parameters
    ----------
    current : CurrentStudy
    """

    def __init__(self, current: CurrentStudy) -> None:
        self._current = current
        self._prepared: tuple[str, int, ScanToGrow] | None = None  # of which node and which of its states

    def grow(self, segment_id: str = PAINT_SEGMENT) -> tuple[LinkedLesion, ...]:
        """Grow what is painted: each stroke apart becomes one lesion, or all one group if so chosen.

        The strokes of a lesion that was grown before grow it anew; those that do not touch its mask
        become lesions of their own. A stroke that is refused stays painted, and the status says why.

        Parameters
        ----------
        segment_id : str
            Of a scribble's segment (or a lesion's mask).
        """
        study = self._current.ready()
        owner = lesion_of_segment(study.snapshot.lesions, segment_id)
        if owner is None and study.nodes.scribbles.GetSegmentation().GetSegment(segment_id) is None:
            raise InputError("There is no scribble.", "Paint a few voxels inside a microbleed, then grow.")
        painted: NDArray[np.intp] = owner.scribble if owner else np.empty((0, 3), np.intp)
        notes: tuple[str, ...] = ()
        if owner is None:
            on_scan = segment_on_scan(study.nodes.scribbles, segment_id, study.grid)
            painted, notes = on_scan.voxels, on_scan.notes
        if not len(painted):
            raise InputError("Nothing is painted.", "Paint a few voxels inside a microbleed, then grow.")
        scan = self._scan_to_grow(study)
        apart = [painted] if self._current.parameters.grouped else strokes_of(painted)
        own: NDArray[np.intp] = np.empty((0, 3), np.intp)
        if owner is not None:
            own, apart = _parted(owner, apart)
        lesions, refused = self._grown(study, scan, owner, own, apart)
        if not lesions:
            raise refused[0]
        taken = NO_VOXELS if owner else np.concatenate([lesion.scribble for lesion in lesions])
        what = f"{_listed(lesions)} grown"
        study.do(self._recorded(study, lesions), what, segment=segment_id, taken=taken)
        self._current.select(lesions[-1])
        if self._current.parameters.grouped:  # it was asked for these strokes
            self._current.take(replace(self._current.parameters, grouped=False))
        notes = (*notes, *(str(one) for one in refused), *_notes(lesions))
        self._current.tell_of_study(Status(State.READY, f"{what[0].upper()}{what[1:]}.", notes))
        return lesions

    def preview(self, percent: float | None) -> LinkedLesion:
        """Show the current lesion at another tolerance; None shows the automatic one.

        Fast enough to follow a slider. It is kept by itself when it rests, or by `accept`; undo goes
        back to before it moved.

        Parameters
        ----------
        percent : float or None
            0 to 100.
        """
        study, lesion = self._current.ready(settle=False), self._current.chosen()
        if not lesion.strokes:
            lesion = with_growth(self._scan_to_grow(study), lesion)
            show_curve(study.nodes, lesion)
        if lesion.tolerance_percent is None:
            raise InputError(f"The mode {lesion.mode} has no tolerance.", "Choose another mode to adjust it.")
        changed = at_percent(self._scan_to_grow(study), lesion, percent)
        self._current.preview(study, changed)
        return changed

    def step_tolerance(self, step_percent: float) -> LinkedLesion:
        """Lower or raise the tolerance of the current lesion; `InputError` if none is chosen, or it has none."""
        lesion = self._current.chosen()
        percent = lesion.tolerance_percent
        stepped = None if percent is None else min(max(percent + step_percent, 0.0), 100.0)
        if percent is not None and stepped == percent:
            self._current.tell(Status(State.READY, f"{lesion.tolerance_said} It goes no further.", lesion.notes))
            return lesion
        return self.preview(stepped)

    def change(self, lesion_id: int | None = None, **settings: Any) -> LinkedLesion:
        """Grow a lesion anew with other settings; in another mode with the automatic tolerance.

        Parameters
        ----------
        lesion_id : int, optional
            The current one if not given.
        **settings
            Fields of `GrowSettings`.
        """
        study = self._current.ready()
        lesion = self._current.chosen(lesion_id)
        if "mode" in settings and settings["mode"] != lesion.settings.mode:
            settings = {"tolerance_percent": None, **settings}
        wanted = replace(lesion.settings, **settings)
        grown = grow_lesion(self._scan_to_grow(study), lesion.id, lesion.scribble, wanted, grouped=lesion.grouped)
        grown = replace(grown, was_accepted=lesion.was_accepted)
        study.do(study.recorded(study.snapshot, grown), f"CMB {lesion.id} changed")
        self._current.select(grown)
        self._current.tell_of_study(Status(State.READY, f"CMB {lesion.id} changed.", grown.notes))
        return grown

    def accept(self, lesion_id: int | None = None) -> LinkedLesion:
        """Keep a lesion as it is shown; the current one if none is named. The status tells of a group.

        Raises
        ------
        InputError
            No lesion is chosen, or the list of the scan rejects it: that would be said of it and its contrary.
        """
        study = self._current.ready(settle=False)
        lesion = self._current.chosen(lesion_id)
        if study.contradicted().get(lesion.id) == REJECTED:
            raise InputError(
                f"CMB {lesion.id} is rejected in the list.",
                "Change its verdict there, then accept it; or remove it here.",
            )
        before = self._current.before_preview()
        if lesion.accepted and before is None:
            self._current.tell_of_study(Status(State.READY, f"CMB {lesion.id} is accepted already."))
            return lesion
        accepted = replace(lesion, accepted=True, was_accepted=True)
        study.do(study.recorded(study.snapshot, accepted), f"CMB {lesion.id} accepted", before=before)
        record = next(one for one in study.annotation.microbleeds if one.id == lesion.id)
        notes = _not_listed(record) if record.grouping != SINGLE else ()
        self._current.tell_of_study(Status(State.READY, f"CMB {lesion.id} accepted.", notes))
        return accepted

    def select(self, lesion_id: int | None) -> LinkedLesion | None:
        """Choose the lesion to be adjusted, and show its growth curve where that is known."""
        study = self._current.ready()
        lesion = study.snapshot.lesion(lesion_id)
        if lesion is not None and not lesion.strokes and self._is_prepared(study):
            lesion = with_growth(self._scan_to_grow(study), lesion)
            study.snapshot = study.snapshot.with_lesion(lesion)
        self._current.select(lesion)
        return lesion

    def without_brain(self) -> sitk.Image | None:
        """Give the image whose brain the first growing has to find (`brain_mask.brain_mask`); None if that is done.

        It takes some seconds: a user interface that must not stand still has another process find it
        beforehand, and hands it to `take_brain`.

        Returns
        -------
        SimpleITK.Image or None
            Checked and clean.
        """
        study = self._current.study
        if study is None or not study.is_there or self._is_prepared(study):
            return None
        try:
            return checked_scan(study.image, Path(study.nodes.scan.GetName())).image
        except CMBError:
            return None  # told when it is asked for

    def take_brain(self, study: OpenStudy, image: sitk.Image, brain: sitk.Image) -> None:
        """Take the brain (mask 0, 1) of the image that `without_brain` gave for a study; if it was closed, nothing."""
        if study is self._current.study and study.is_there:
            with contextlib.suppress(CMBError):  # told when it is asked for
                node = study.nodes.scan
                self._prepared = (node.GetID(), node.GetImageData().GetMTime(), scan_to_grow(image, brain))
                lesion = self._current.lesion
                if lesion is not None and not lesion.strokes:  # chosen before its curve could be known
                    self.select(lesion.id)

    def _grown(
        self,
        study: OpenStudy,
        scan: ScanToGrow,
        owner: LinkedLesion | None,
        own: NDArray[np.intp],
        apart: list[NDArray[np.intp]],
    ) -> tuple[tuple[LinkedLesion, ...], list[CMBError]]:
        """Grow a lesion's own strokes and those apart; those that are refused are told of."""
        wanted, grouped = self._current.parameters.settings(), self._current.parameters.grouped
        lesions: list[LinkedLesion] = []
        refused: list[CMBError] = []
        numbers = self._numbers_for(study, apart)
        jobs = [(owner.id, own, owner.settings, owner.grouped)] if owner is not None else []
        jobs += [(number, stroke, wanted, grouped) for number, stroke in zip(numbers, apart, strict=True)]
        for lesion_id, scribble, settings, group in jobs:
            grown = _lesion_or_error(scan, lesion_id, scribble, settings, group)
            if isinstance(grown, LinkedLesion):
                is_owner = owner is not None and owner.id == grown.id
                lesions.append(replace(grown, was_accepted=owner.was_accepted) if owner and is_owner else grown)
            else:
                refused.append(grown)
        return tuple(lesions), refused

    def _recorded(self, study: OpenStudy, lesions: Sequence[LinkedLesion]) -> Snapshot:
        """Give the snapshot with lesions in it; a new one is described as the list of the scan describes it."""
        known = {one.id for one in study.annotation.microbleeds}
        after, listed = study.recorded(study.snapshot, *lesions), ListedLesions(study.nodes.scan, study.grid)
        annotation = after.annotation
        for record in annotation.microbleeds:
            if record.id not in known:
                annotation = with_entry(annotation, answered(record, **listed.answers(record.id, record.reader)))
        return replace(after, annotation=annotation)

    def _numbers_for(self, study: OpenStudy, strokes: list[NDArray[np.intp]]) -> list[int]:
        """Number strokes as the list of the scan numbers what lies under them, else after all that is numbered.

        A group is no lesion of the list, so none there has its number.
        """
        listed = ListedLesions(study.nodes.scan, study.grid)
        taken = {one.id for one in study.annotation.microbleeds}
        new = count(max(next_id(study.annotation.microbleeds), listed.last_number + 1))
        if self._current.parameters.grouped:
            return [next(new) for _ in strokes]
        return numbers_for(strokes, listed, taken, lambda: next(new))

    def _scan_to_grow(self, study: OpenStudy) -> ScanToGrow:
        """The scan made ready, once; it takes some seconds on a large one."""
        node = study.nodes.scan
        if self._prepared is None or not self._is_prepared(study):
            self._current.tell(Status(State.WORKING, f"Measuring the intensities of {node.GetName()} (once a scan) …"))
            try:
                checked = checked_scan(study.image, Path(node.GetName()))
                self._prepared = (node.GetID(), node.GetImageData().GetMTime(), scan_to_grow(checked.image))
            finally:
                self._current.clear()
        return self._prepared[-1]

    def _is_prepared(self, study: OpenStudy) -> bool:
        node = study.nodes.scan
        return self._prepared is not None and self._prepared[:2] == (node.GetID(), node.GetImageData().GetMTime())


def _lesion_or_error(
    scan: ScanToGrow, lesion_id: int, scribble: NDArray[np.intp], settings: GrowSettings, grouped: bool
) -> LinkedLesion | CMBError:
    try:
        return grow_lesion(scan, lesion_id, scribble, settings, grouped=grouped)
    except CMBError as error:
        return error


def _parted(owner: LinkedLesion, strokes: list[NDArray[np.intp]]) -> tuple[NDArray[np.intp], list[NDArray[np.intp]]]:
    """Part a lesion's strokes into its own, which touch its mask, and others; at least one is its own."""
    mask = {tuple(voxel) for voxel in owner.mask.tolist()}
    touches = [any(tuple(voxel) in mask for voxel in stroke.tolist()) for stroke in strokes]
    if owner.grouped or not any(touches):
        touches = [owner.grouped or number == 0 for number in range(len(strokes))]
    own = [stroke for stroke, is_own in zip(strokes, touches, strict=True) if is_own]
    return np.concatenate(own), [stroke for stroke, is_own in zip(strokes, touches, strict=True) if not is_own]


def _listed(lesions: Sequence[LinkedLesion]) -> str:
    names = [f"CMB {lesion.id}" for lesion in lesions]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _not_listed(group: Microbleed) -> tuple[str, ...]:
    size = f"A group of {group.count}" if group.count else "A group"
    return (f"{size} is in the annotation, not on the list, which holds single lesions.",)


def _notes(lesions: Sequence[LinkedLesion]) -> tuple[str, ...]:
    return tuple(f"CMB {lesion.id}: {note}" for lesion in lesions for note in lesion.notes)
