"""What the page's state holds: one dataclass a binding; a field's name is its name in the templates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from CMBScribbleGrowLib.study.state import GrowParameters

from ..bindings.lesion_rows import LISTED

REVIEW_PANEL, SCRIBBLE_PANEL = "review", "scribble"
NO_TOOL = ""
Values = dict[str, Any]
"""A record as JSON has it."""


@dataclass
class PageState:
    """What `PageSession` shows: the scan, what is told, what is open.

    Attributes
    ----------
    busy : str
        What the reader waits for; empty while nothing is awaited.
    upload : int
        Per cent of the file that has arrived; -1 while none is sent. The browser sets it.
    message, message_hint, message_kind, message_shown
        The message at the bottom; its kind is one of Vuetify's colours.
    resumable : str
        Name of the scan whose review can be resumed; empty without one.
    panel : {"review", "scribble"}
    series_offered, series_shown, series_title, series_why
        The question which DICOM series, or which of several images, is meant.
    not_saved : str
        Why review or annotation could not be written; empty while all is saved.
    compared : str
        With which earlier scan this one was compared, and when; empty without a comparison.
    """

    busy: str = ""
    upload: int = -1
    message: str = ""
    message_hint: str = ""
    message_kind: str = "info"
    message_shown: bool = False
    scan_name: str = ""
    scan_facts: str = ""
    scan_notes: list[str] = field(default_factory=list)
    has_scan: bool = False
    resumable: str = ""
    panel: str = REVIEW_PANEL
    help_shown: bool = False
    series_offered: list[Values] = field(default_factory=list)
    series_shown: bool = False
    series_title: str = ""
    series_why: str = ""
    not_saved: str = ""
    compared: str = ""


@dataclass
class ViewsState:
    """What `Views` shows above and in the four views.

    Attributes
    ----------
    window_range, window_limits : list of float
        Intensities shown black and white, and the lowest and highest that can be chosen.
    window_step : float
    crosshair : bool
    crossing : list of float
        Where the three slices cross: patient RAS, mm.
    shown_alone : str
        Name of the view that fills the place of all; empty while all are shown.
    """

    window_range: list[float] = field(default_factory=lambda: [0.0, 1.0])
    window_limits: list[float] = field(default_factory=lambda: [0.0, 1.0])
    window_step: float = 0.01
    crosshair: bool = False
    crossing: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    shown_alone: str = ""


@dataclass
class ReaderState:
    """What `Reader` shows: who reads, whether that is asked, and why a name was refused."""

    reader: str = ""
    reader_asked: bool = False
    reader_wrong: str = ""


@dataclass
class KeysState:
    """What `PageKeys` shows.

    Attributes
    ----------
    keys : dict
        Each action's key, as it is shown.
    keys_heard : list of str
        The keys that the browser tells of, in Qt's words.
    key_of_help : str
        The one that closes the help, too.
    """

    keys: dict[str, str] = field(default_factory=dict)
    keys_heard: list[str] = field(default_factory=list)
    key_of_help: str = ""


@dataclass
class ReviewState:
    """What `Reviewing` shows: the search, the list and the lesion that is looked at.

    Attributes
    ----------
    detect_fraction : int
        Per cent.
    has_substances : bool
        Whether the phase says of any row what it is made of.
    rows : list of dict
        As `lesion_rows.row_of` gives them, filtered and sorted.
    filter : str
        One of `lesion_rows.FILTERS`.
    filter_counts : dict
        How many lesions each filter shows in the regions that are asked for.
    region_filter : str
        Empty for all regions.
    sort_by : str
        A key of the rows.
    current : int or None
        Number of the lesion that is looked at.
    chosen : dict
        Its row; empty without one.
    asking : bool
        Whether it is being asked what a rejected lesion is.
    threshold : float
        Probability.
    points : dict
        Thresholds of the model's operating points, by name.
    counts : dict
        As `lesion_rows.counts_shown` gives them.
    merging : list of int
        Numbers of the lesions that are ticked.
    slab_mm : float
        Thickness of the minimum-intensity slab, mm; 0 without one.
    """

    detecting: bool = False
    detect_fraction: int = 0
    detect_message: str = ""
    detect_notes: list[str] = field(default_factory=list)
    searched: bool = False
    has_substances: bool = False
    rows: list[Values] = field(default_factory=list)
    filter: str = LISTED
    filter_counts: dict[str, int] = field(default_factory=dict)
    region_filter: str = ""
    regions_found: list[str] = field(default_factory=list)
    sort_by: str = "id"
    sort_down: bool = False
    current: int | None = None
    asking: bool = False
    chosen: Values = field(default_factory=dict)
    threshold: float = 0.3
    points: dict[str, float] = field(default_factory=dict)
    operating_point: str = ""
    counts: Values = field(default_factory=dict)
    counts_text: str = ""
    can_undo: bool = False
    can_redo: bool = False
    merging: list[int] = field(default_factory=list)
    slab_mm: float = 0
    outlines: bool = True
    notice: str = ""


@dataclass
class PhaseState:
    """What `PhaseShown` shows: the phase that was found with the scan, and whether it is used and shown.

    Attributes
    ----------
    phase_found : str
        Name of the phase image; empty without one.
    phase_used : str
        The one that the search is given; empty for none.
    phase_there : bool
        Whether the results hold a local phase to show.
    phase_shown : bool
        Whether it is shown in place of the scan.
    """

    phase_found: str = ""
    phase_used: str = ""
    phase_there: bool = False
    phase_shown: bool = False


@dataclass
class ScribbleState:
    """What `Scribbling` shows: the brush, growing, and the annotation's records.

    Attributes
    ----------
    brush : {"", "paint", "erase"}
    brush_mm : float
        Diameter, mm.
    grow_mode : str
        One of `growing.settings.METHODS`.
    tolerance : float
        Per cent of the intensity range.
    tolerance_known, tolerance_automatic : bool
        Whether the chosen lesion has one, and whether it was found by itself.
    grown : list of dict
        The grown lesions.
    grown_chosen : int or None
        Number of the one that is chosen.
    grown_accepted : bool
        Whether that one is accepted as it is shown.
    grouped : bool
        Whether all strokes are one entry.
    answers : dict
        The chosen lesion's record.
    mimics, findings : list of dict
        The landmarks' records.
    assessment, series : dict
        What is said of the study, and of the scan.
    curve : dict
        As `growth_figure.growth_figure` gives it.
    grow_undoes, grow_redoes : str
        What undo and redo would do, for their tooltips.
    strokes_waiting : int
        How many strokes are painted and not grown yet.
    placing : {"", "mimics", "findings"}
        Which landmark the next click in a view sets.
    """

    brush: str = NO_TOOL
    brush_mm: float = 2.0
    grow_mode: str = GrowParameters().mode
    tolerance: float = 0.0
    tolerance_known: bool = False
    tolerance_automatic: bool = True
    grow_message: str = ""
    grow_failed: bool = False
    grow_notes: list[str] = field(default_factory=list)
    grown: list[Values] = field(default_factory=list)
    grown_chosen: int | None = None
    grown_accepted: bool = False
    grouped: bool = False
    answers: Values = field(default_factory=dict)
    mimics: list[Values] = field(default_factory=list)
    findings: list[Values] = field(default_factory=list)
    assessment: Values = field(default_factory=dict)
    series: Values = field(default_factory=dict)
    curve: Values = field(default_factory=dict)
    can_grow_undo: bool = False
    can_grow_redo: bool = False
    grow_undoes: str = ""
    grow_redoes: str = ""
    strokes_waiting: int = 0
    placing: str = ""


DECLARED = (PageState, ViewsState, ReaderState, KeysState, ReviewState, PhaseState, ScribbleState)
