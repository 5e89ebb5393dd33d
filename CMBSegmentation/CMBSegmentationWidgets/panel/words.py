"""Lines that the panel shows of a lesion, and of the review as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from CMBSegmentationLib.vocabulary.numbers import counted_class, threshold_text

MOST_LETTERS = 14  # of a folder's name on a button

if TYPE_CHECKING:
    from CMBSegmentationLib.review import ReviewedLesion
    from CMBSegmentationLib.session import ReviewSession


def describe(lesion: ReviewedLesion | None) -> str:
    """Word a lesion in a line or two; empty if there is none."""
    if lesion is None:
        return ""
    m = lesion.lesion
    words = [
        f"CMB {lesion.id}", f"{m.diameter_mm:.1f} mm", f"{m.volume_mm3:.0f} mm³",
        f"R {m.r_mm:.1f}  A {m.a_mm:.1f}  S {m.s_mm:.1f} mm",
        "" if m.contrast is None else f"signal loss {100 * m.contrast:.0f} %",
        f"elongation {m.elongation:.1f}",
    ]  # fmt: skip
    said = lesion.as_lesion().why_not_listed
    if lesion.verdict is not None and not said:
        said = lesion.verdict.decision + (f" by {lesion.verdict.reader}" if lesion.verdict.reader else "")
        said += f": {lesion.verdict.cause}" if lesion.verdict.cause else ""
    return " · ".join(filter(None, words)) + (f"\n{said}" if said else "")


def short_name(name: str) -> str:
    """Shorten the name of a folder in its middle, for a button: the panel is not made wider by it."""
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS // 2]}…{name[1 - MOST_LETTERS // 2 :]}"


def load_hint() -> str:
    """Say how a scan gets into the scene."""
    return _(
        "Load a T2*-weighted or SWI volume first (File, Add Data or Add DICOM Data), "
        "or CMBSample from the module Sample Data."
    )


def summary_line(session: ReviewSession) -> str:
    """Word how far the review is, and why a list is empty."""
    if session.review is None and session.detection.is_searching:
        return _("No list yet: the scan is being searched.")
    if session.review is None:
        return _("No list yet: choose a scan and click Detect microbleeds.")
    counts = session.listing.counts
    line = _("{definite} definite, {possible} possible, {rejected} rejected, {left} not reviewed.").format(
        definite=counts.definite,
        possible=counts.possible,
        rejected=counts.rejected,
        left=counts.not_read,
    )
    said = _("Class: {count} (definite + possible).") if counts.is_read else _("Class: {count}.")
    line += " " + said.format(count=counted_class(counts.count_class, _("microbleed")))
    if counts.pattern:
        line += " " + _("Pattern: {pattern}.").format(pattern=counts.pattern_said)
    if not session.navigation.lesions:
        line += "\n" + _(
            "Nothing reaches the threshold of {threshold}; {dropped} candidates lie below it or were dropped. "
            "Tick Show dropped candidates to see each with its reason."
        ).format(threshold=threshold_text(session.listing.threshold), dropped=session.listing.dropped)
    return line
