"""An annotation as a user interface sees it: paint, grow, adjust, accept; answers, landmarks; saved as one works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from CMBSegmentationLib.errors import CMBError, InputError

from ..annotation.edits import next_id
from ..growing.scan import ScanToGrow
from ..growing.settings import GrowSettings
from ..scene import PAINT_SEGMENT, lesion_of_segment, segment_on_scan, show_curve
from ..scene.listed_lesions import ListedLesions, numbers_for
from ..study.linked_lesion import LinkedLesion, at_percent, grow_lesion, strokes_of, with_growth
from ..study.state import State, Status
from .answering_session import AnsweringSession
from .open_study import OpenStudy
from .study_session import announced


class GrowSession(AnsweringSession):
    """Annotates scans of a scene; the state that all its user interfaces show.

    Parameters, signals and the rules of its actions are those of `StudySession`: a user interface
    connects to the signals, calls the actions, and has a timer call `poll`.
    """

    @announced
    def grow(self, segment_id: str = PAINT_SEGMENT) -> tuple[LinkedLesion, ...]:
        """Grow what is painted: each stroke apart becomes one lesion, or all one group if so chosen.

        The strokes of a lesion that was grown before grow it anew; those that do not touch its mask
        become lesions of their own. A stroke that is refused stays painted, and the status says why.

        Parameters
        ----------
        segment_id : str
            Of a scribble's segment (or a lesion's mask).
        """
        study = self._ready()
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
        scan = self._scan_to_grow()
        apart = [painted] if self._parameters.grouped else strokes_of(painted)
        own: NDArray[np.intp] = np.empty((0, 3), np.intp)
        if owner is not None:
            own, apart = _parted(owner, apart)
        lesions, refused = self._grown(study, scan, owner, own, apart)
        if not lesions:
            raise refused[0]
        taken = None if owner else np.concatenate([lesion.scribble for lesion in lesions])
        what = f"{_listed(lesions)} grown"
        study.do(study.recorded(study.snapshot, *lesions), what, segment=segment_id, painted=taken)
        self._select(lesions[-1])
        notes = (*notes, *(str(one) for one in refused), *_notes(lesions))
        self._tell_of_study(Status(State.READY, f"{what[0].upper()}{what[1:]}.", notes))
        return lesions

    @announced
    def preview(self, percent: float | None) -> LinkedLesion:
        """Show the current lesion at another tolerance; None shows the automatic one.

        Fast enough to follow a slider. It is kept by itself when it rests, or by `accept`; undo goes
        back to before it moved.

        Parameters
        ----------
        percent : float or None
            0 to 100.
        """
        study, lesion = self._ready(settle=False), self._chosen()
        if not lesion.strokes:
            lesion = with_growth(self._scan_to_grow(), lesion)
            show_curve(study.nodes, lesion)
        if lesion.tolerance_percent is None:
            raise InputError(f"The mode {lesion.mode} has no tolerance.", "Choose another mode to adjust it.")
        changed = at_percent(self._scan_to_grow(), lesion, percent)
        if self._before_preview is None:
            self._before_preview = study.snapshot
        study.show(study.snapshot.with_lesion(changed))
        show_curve(study.nodes, changed, whole=False)
        self._moved_at = self._clock()
        self.current_changed(changed)
        return changed

    @announced
    def change(self, lesion_id: int | None = None, **settings: Any) -> LinkedLesion:
        """Grow a lesion anew with other settings; in another mode with the automatic tolerance.

        Parameters
        ----------
        lesion_id : int, optional
            The current one if not given.
        **settings
            Fields of `GrowSettings`.
        """
        study = self._ready()
        lesion = self._chosen(lesion_id)
        if "mode" in settings and settings["mode"] != lesion.settings.mode:
            settings = {"tolerance_percent": None, **settings}
        wanted = replace(lesion.settings, **settings)
        grown = grow_lesion(self._scan_to_grow(), lesion.id, lesion.scribble, wanted, grouped=lesion.grouped)
        study.do(study.recorded(study.snapshot, grown), f"CMB {lesion.id} changed")
        self._select(grown)
        self._tell_of_study(Status(State.READY, f"CMB {lesion.id} changed.", grown.notes))
        return grown

    @announced
    def accept(self, lesion_id: int | None = None) -> LinkedLesion:
        """Keep a lesion as it is shown; the current one if none is named."""
        study = self._ready(settle=False)
        lesion = self._chosen(lesion_id)
        accepted = replace(lesion, accepted=True)
        before, self._before_preview = self._before_preview, None
        study.do(study.recorded(study.snapshot, accepted), f"CMB {lesion.id} accepted", before=before)
        self._tell_of_study(Status(State.READY, f"CMB {lesion.id} accepted."))
        return accepted

    @announced
    def select(self, lesion_id: int | None) -> LinkedLesion | None:
        """Choose the lesion to be adjusted, and show its growth curve where that is known."""
        study = self._ready()
        lesion = study.snapshot.lesion(lesion_id)
        if lesion is not None and not lesion.strokes and self._prepared is not None:
            lesion = with_growth(self._scan_to_grow(), lesion)
            study.snapshot = study.snapshot.with_lesion(lesion)
        self._select(lesion)
        return lesion

    def _grown(
        self,
        study: OpenStudy,
        scan: ScanToGrow,
        owner: LinkedLesion | None,
        own: NDArray[np.intp],
        apart: list[NDArray[np.intp]],
    ) -> tuple[tuple[LinkedLesion, ...], list[CMBError]]:
        """Grow a lesion's own strokes and those apart; those that are refused are told of."""
        wanted, grouped = self._parameters.settings(), self._parameters.grouped
        lesions: list[LinkedLesion] = []
        refused: list[CMBError] = []
        numbers = self._numbers_for(study, apart)
        jobs = [(owner.id, own, owner.settings, owner.grouped)] if owner is not None else []
        jobs += [(number, stroke, wanted, grouped) for number, stroke in zip(numbers, apart, strict=True)]
        for lesion_id, scribble, settings, group in jobs:
            grown = _lesion_or_error(scan, lesion_id, scribble, settings, group)
            if isinstance(grown, LinkedLesion):
                lesions.append(grown)
            else:
                refused.append(grown)
        return tuple(lesions), refused

    def _numbers_for(self, study: OpenStudy, strokes: list[NDArray[np.intp]]) -> list[int]:
        """Number strokes as the list of the scan numbers what lies under them, else after all that is numbered."""
        listed = ListedLesions(study.nodes.scan, study.grid)
        taken = {one.id for one in study.annotation.microbleeds}
        new = count(max(next_id(study.annotation.microbleeds), listed.last_number + 1))
        return numbers_for(strokes, listed, taken, lambda: next(new))


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


def _notes(lesions: Sequence[LinkedLesion]) -> tuple[str, ...]:
    return tuple(f"CMB {lesion.id}: {note}" for lesion in lesions for note in lesion.notes)
