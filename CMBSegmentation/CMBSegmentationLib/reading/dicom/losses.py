"""What may be missing of a DICOM series: files that cannot be read, slices that the numbers or another series have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...vocabulary.numbers import counted
from .headers import FolderContent, Frame, Series

MOST_ABSENT = 20  # numbers that start higher are counted from elsewhere
NAMED = 3  # files, in a note
SAME = 1e-3
ALIGNED = 0.1  # of a step: slices of one acquisition lie on one grid


def losses(found: FolderContent, series: Series, frames: Sequence[Frame]) -> list[str]:
    """Say which slices may be missing, and which files were not used.

    Parameters
    ----------
    found : FolderContent
    series : Series
        The one that is read.
    frames : sequence of Frame
        Its slices in order.

    Returns
    -------
    list of str
        Notes, worded for the user.
    """
    notes = []
    if found.damaged:
        names = ", ".join(path.name for path in found.damaged[:NAMED]) + (" …" if len(found.damaged) > NAMED else "")
        notes.append(
            f"{counted(len(found.damaged), 'file')} of the folder could not be read ({names}): empty, damaged or "
            "not there. Slices may be missing."
        )
    if found.repeated:
        notes.append(f"{counted(found.repeated, 'duplicate slice')} skipped.")
    if found.shared_uids:
        notes.append(
            f"{counted(found.shared_uids, 'file')} with the SOP Instance UID of another slice, against the standard: "
            "slices were distinguished by position."
        )
    numbered = _missing_by_number(series, found)
    if numbered:
        notes.append(numbered)
    else:
        notes += [note for other in found.series if (note := _shorter_than(other, series, frames))][:1]
    return notes


def _missing_by_number(series: Series, found: FolderContent) -> str:
    """Compare the instance numbers with each other, and with how many images the acquisition had in all its series."""
    numbers = sorted({frame.instance for frame in series.frames if frame.instance is not None})
    if len(numbers) < 2 or len(numbers) != len(series.frames):
        return ""
    absent = numbers[-1] - numbers[0] + 1 - len(numbers)
    before = numbers[0] - 1 if numbers[0] <= MOST_ABSENT else 0
    others = sum(
        len(other.frames) for other in found.series if other is not series and other.study == series.study
    )  # scanners count magnitude and phase of one acquisition together
    after = max(0, series.images_expected - others - len(numbers) - absent - before)
    missing = absent + before + after
    if not 0 < missing <= MOST_ABSENT * 10:
        return ""
    return (
        f"Series {series.name} has {len(numbers)} images, numbered {numbers[0]} to {numbers[-1]}: {missing} seem to be "
        "missing."
    )


def _shorter_than(other: Series, series: Series, frames: Sequence[Frame]) -> str:
    """Compare a stack with another series on the same grid, as the phase of the same acquisition is."""
    if other is series or other.study != series.study or len(frames) < 3:
        return ""
    first, positions = frames[0], np.array([frame.position for frame in frames])
    step = positions[1] - positions[0]
    length = float(np.linalg.norm(step))
    like = [
        frame.position
        for frame in other.frames
        if frame.position
        and frame.size == first.size
        and _near(frame.orientation, first.orientation)
        and _near(frame.spacing, first.spacing)
    ]
    if len(like) < 3 or length <= 0:
        return ""
    steps = (np.array(like) - positions[0]) @ step / length**2
    beside = np.array(like) - positions[0] - np.outer(steps, step)
    if np.abs(steps - np.rint(steps)).max() > ALIGNED or np.linalg.norm(beside, axis=1).max() > ALIGNED * length:
        return ""
    places = {int(place) for place in np.rint(steps)}
    further = len([place for place in places if place < 0 or place >= len(frames)])
    if not further or len(places) != max(places) - min(places) + 1 or further > MOST_ABSENT:
        return ""
    return (
        f"Series {other.name} of the same grid has {counted(further, 'slice')} beyond this one's: slices of "
        f"{series.name} may be missing at an end."
    )


def _near(one: Sequence[float] | None, other: Sequence[float] | None) -> bool:
    return one is not None and other is not None and bool(np.allclose(one, other, atol=SAME))
