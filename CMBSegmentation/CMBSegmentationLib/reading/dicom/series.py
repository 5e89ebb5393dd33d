"""Which series of a DICOM folder shows microbleeds best: by image type, name, contrast, technique and echo time."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InputError
from .headers import MAGNITUDE, Frame, Series, says_no_more

SWI = re.compile(r"SWI|SWAN|SUSCEPT|VENOBOLD|(?<![A-Z])SW(?![A-Z])")
T2_STAR = re.compile(r"T2[\s_-]*(\*|STAR|S(?![A-Z])|FFE|GRE)|HEMO|HAEMO|(GRE|FFE)[\s_-]*T2(?![A-Z0-9])")
PROJECTION = re.compile(
    r"(?<![A-Z])(M|MIN|MN|MAX)[\s_-]?I(NT(ENSITY)?)?[\s_-]?P(?![A-Z])|(MIN|MAX)(IMUM)?[\s_-]*INTENSITY|PROJECTION|"
    r"(?<![A-Z])(MIN|MAX)[\s_-]*PROJ"
)
PHASE = re.compile(r"(?<![A-Z])PHA(SE)?(?![A-Z])")
MAP = re.compile(  # of a quantity, or of change over time: no picture of the signal
    r"(?<![A-Z])MAPS?(?![A-Z])|(?<![A-Z])[TR][12]\*?[\s_-]*MAP(?!PING)|"
    r"(?<![A-Z])R2[\s_-]*(\*|STAR|PRIME)|(?<![A-Z])T2[\s_-]*(\*|STAR)[\s_-]*(VALUES?|RELAX|FIT)|QSM|"
    r"(?<![A-Z])CHI(?![A-Z])|(?<![A-Z])(ADC|TRACEW?|FA(?![\s_=-]*\d)|CBF|CBV|MTT|TTP|TMAX)(?![A-Z])"
)
OTHER = re.compile(
    r"FIELD[\s_-]*MAP|(?<![A-Z])B0(?![A-Z0-9])|SHIM|LOCALI[SZ]ER|SCOUT|SURVEY|PERFUSION|(?<![A-Z])(PWI|DSC|DWI|DTI|BOLD|FMRI|ASL|MRA|TOF)(?![A-Z])|(?<![A-Z])DIFF"
)
REFORMAT = {"MPR", "CSA MPR", "CURVED", "PROJECTION", "REFORMATTED", "RESAMPLED"}  # of Image Type
REFORMATTED = re.compile(r"(?<![A-Z])(C?MPR|REFORMAT\w*|RECON)(?![A-Z])")
# Docs/simulation.md, "Geometry of real scans": T2* and SWI have echo times of 19 to 48 ms, UK Biobank's 9.4 and 20
LONG_ECHO_MS, USEFUL_ECHO_MS = 15.0, 8.0
SAME_ECHO_MS = 0.3  # scanners give the same echo with another last digit from slice to slice
SAME_PLACE_MM = 0.01
MARK_DIGITS = 6  # hexadecimal: two series of one number in a folder are told apart


@dataclass(frozen=True)
class Offer:
    """The frames of one series that make one volume.

    Attributes
    ----------
    series : Series
    kind : str
    echo_ms : float
    frames : tuple of Frame
    rank : int
        0 unsuitable; the higher, the better.
    why : str
    original : bool
        As it was acquired, not reformatted from another one.
    """

    series: Series
    kind: str
    echo_ms: float
    frames: tuple[Frame, ...]
    rank: int
    why: str
    original: bool = True


@dataclass(frozen=True)
class OfferedSeries:
    """A series that a user may ask for.

    Attributes
    ----------
    uid, name, why : str
        `why` says what it shows, or why it was not taken.
    """

    uid: str
    name: str
    why: str


class SeriesChoiceError(InputError):
    """Which series is meant only the user can say.

    Parameters
    ----------
    message, hint : str
    offered : sequence of OfferedSeries
    """

    def __init__(self, message: str, hint: str = "", offered: Sequence[OfferedSeries] = ()) -> None:
        super().__init__(message, hint)
        self.offered = tuple(offered)


def choose(series: Sequence[Series], folder: str, wanted: str | None = None) -> tuple[Offer, tuple[str, ...]]:
    """Choose the volume to read.

    A folder with one series, or with one asked for, is taken at its word: only what is no magnitude
    is refused. Of many, susceptibility-weighted images come before T2*-weighted ones, because they
    show more microbleeds, and a long echo before a short one, for the same reason.

    Parameters
    ----------
    series : sequence of Series
        All of the folder.
    folder : str
        Its name, for messages.
    wanted : str or None
        Series number or UID that the user asks for.

    Returns
    -------
    offer : Offer
    notes : tuple of str
        What was chosen and why, worded for the user; empty where there was nothing to choose.

    Raises
    ------
    InputError
        The series that is asked for is not there, or there are several patients.
    SeriesChoiceError
        No series is suitable, two are equally suitable, or there are several examinations.

    References
    ----------
    Nandigam et al., AJNR 30:338, 2009: SWI shows more microbleeds than GRE, and a long echo, thin
    slices and 3 T more than their opposites.
    """
    candidates = list(series) if wanted is None else [_asked_for(series, folder, wanted)]
    _check_patients(candidates, folder)
    offers = [offer for one in candidates for offer in offers_of(one)]
    if len(candidates) == 1:
        offer, notes = _longest_echo(offers, folder)
        return offer, (*_asked_note(offer.series, series), *notes) if wanted is not None else notes
    best = sorted((o for o in offers if o.rank > 0), key=_merit, reverse=True)
    if not best:
        raise SeriesChoiceError(
            f"None of the {len(candidates)} DICOM series in {folder} is a T2*-weighted or SWI magnitude: "
            f"{_listed(candidates, offers)}.",
            "Choose the right one if it is there (in the shell: --series NUMBER).",
            _offered(candidates, offers),
        )
    first = best[0]
    _check_one_examination(best, folder)
    for other in best[1:]:
        same = _merit(other)[:2] == _merit(first)[:2] and abs(other.echo_ms - first.echo_ms) < SAME_ECHO_MS
        if same and other.series is not first.series:
            raise SeriesChoiceError(
                f"Two DICOM series in {folder} are equally suitable: {first.series.name} and {other.series.name} "
                f"({first.why}).",
                "Choose one (in the shell: --series NUMBER).",
                _offered(candidates, offers),
            )
    others = _listed([s for s in candidates if s is not first.series], offers)
    note = f"Of {len(candidates)} DICOM series, {first.series.name} was taken: {first.why}. Not taken: {others}."
    _, echo_notes = _longest_echo([o for o in offers if o.series is first.series], folder)
    return first, (note, *echo_notes)


def _asked_note(one: Series, series: Sequence[Series]) -> tuple[str, ...]:
    if len(series) == 1:
        return ()
    return (f"Of {len(series)} DICOM series, {one.name} of {_day(one.study_date)} was taken: it was asked for.",)


def mark_of(one: Series, series: Sequence[Series]) -> str:
    """Tell a series from the others of its folder in the names of files: by its number, where no other has it."""
    unique = one.number is not None and sum(other.number == one.number for other in series) == 1
    more = "" if unique else hashlib.sha256(one.uid.encode()).hexdigest()[:MARK_DIGITS]
    return "-".join(filter(None, ("series", "" if one.number is None else str(one.number), more)))


def _merit(offer: Offer) -> tuple[int, bool, float]:
    return offer.rank, offer.original, offer.echo_ms


def _check_one_examination(offers: Sequence[Offer], folder: str) -> None:
    """Refuse to choose between examinations: which one is meant, no header says."""
    studies: dict[str, list[Series]] = defaultdict(list)
    for offer in offers:
        if offer.series not in studies[offer.series.study]:
            studies[offer.series.study].append(offer.series)
    if len(studies) > 1:
        named = "; ".join(
            f"of {_day(them[0].study_date)}: {', '.join(one.name for one in them)}"
            for them in sorted(studies.values(), key=lambda them: them[0].study_date)
        )
        raise SeriesChoiceError(
            f"{folder} holds {len(studies)} examinations ({named}).",
            "Put each examination in a folder of its own, or choose the right series "
            "(in the shell: --series NUMBER or UID).",
            [
                OfferedSeries(one.uid, one.name, f"{_day(one.study_date)}: {_best_of(one, offers).why}")
                for them in studies.values()
                for one in them
            ],
        )


def _day(date: str) -> str:
    return f"{date[:4]}-{date[4:6]}-{date[6:8]}" if len(date) == 8 and date.isdigit() else "an unknown date"


def _asked_for(series: Sequence[Series], folder: str, wanted: str) -> Series:
    fitting = [s for s in series if wanted == s.uid or (wanted.isdecimal() and s.number == int(wanted))]
    names = ", ".join(s.name for s in series)
    if not fitting:
        raise InputError(f"{folder} has no DICOM series {wanted}; it has {names}.", "Give one of these numbers.")
    if len(fitting) > 1:
        uids = ", ".join(s.uid for s in fitting)
        raise InputError(f"{folder} has {len(fitting)} DICOM series with number {wanted}.", f"Give a UID: {uids}.")
    return fitting[0]


def _check_patients(series: Sequence[Series], folder: str) -> None:
    """Refuse to choose among patients; neither is named, because messages are kept in logs."""
    mixed = [s for s in series if len(s.patients) > 1]
    if mixed:
        raise InputError(
            f"Series {mixed[0].name} in {folder} holds images of {len(mixed[0].patients)} patients.",
            "Export it again from the archive: its slices are mixed up.",
        )
    patients: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for one in sorted(series, key=lambda one: -sum(map(len, next(iter(one.patients))))):  # who says most, first
        who = next(iter(one.patients))
        known = next((other for other in patients if who == other or says_no_more(who, other)), who)
        patients[known].append(one.name)
    if len(patients) > 1:
        groups = "; ".join(", ".join(names) for names in patients.values())
        raise InputError(
            f"{folder} holds DICOM series of {len(patients)} patients ({groups}).",
            "Put each patient in a folder of its own, or choose the right series (in the shell: --series NUMBER).",
        )


def offers_of(series: Series) -> list[Offer]:
    """Split a series into the volumes that it offers, by what they show and by echo."""
    groups = defaultdict(list)
    echoes = _rounded_echoes(series.frames)
    for frame in series.frames:
        groups[_kind(frame, series), echoes[frame.echo_ms]].append(frame)
    return [
        Offer(series, kind, echo, tuple(frames), *_rank(series, frames, kind), not _is_reformatted(series, frames[0]))
        for (kind, echo), frames in groups.items()
    ]


def _rounded_echoes(frames: Sequence[Frame]) -> dict[float, float]:
    """Give each echo time the one that it stands for: those within `SAME_ECHO_MS` are one."""
    stands_for: dict[float, float] = {}
    last = None
    for echo in sorted({frame.echo_ms for frame in frames}):
        last = echo if last is None or echo - last > SAME_ECHO_MS else last
        stands_for[echo] = last
    return stands_for


def _rank(series: Series, frames: Sequence[Frame], kind: str) -> tuple[int, str]:
    if kind != MAGNITUDE:
        return 0, kind
    if (times := _times_at_a_place(frames)) > 1:
        return 0, f"{times} images at every position: repeats, coils or a time series"
    return _judged(series, frames[0])


def _times_at_a_place(frames: Sequence[Frame]) -> int:
    places = Counter(
        tuple(round(value / SAME_PLACE_MM) for value in frame.position) for frame in frames if frame.position
    )
    return min(places.values(), default=1)


def _is_reformatted(series: Series, frame: Frame) -> bool:
    values = set(frame.image_type)
    return (
        "SECONDARY" in frame.image_type[1:2]
        or bool(values & REFORMAT)
        or bool(REFORMATTED.search(series.description.upper()))
    )


def _kind(frame: Frame, series: Series) -> str:
    """Tell what a frame shows: the vendor's marks first, and what people typed where it says more."""
    description = series.description.upper()
    if frame.kind != MAGNITUDE:
        return frame.kind
    if PROJECTION.search(description):
        return "projection"
    if not {"M", "MAGNITUDE"} & set(frame.image_type):
        return "map" if MAP.search(description) else "phase" if PHASE.search(description) else MAGNITUDE
    return MAGNITUDE


def _judged(series: Series, frame: Frame) -> tuple[int, str]:
    """Rank a magnitude volume; a vendor's own mark on the image counts more than what people typed."""
    description, echo = series.description.upper(), f"TE {frame.echo_ms:g} ms"
    if OTHER.search(description) or MAP.search(description):
        return 0, "its description suggests a localiser, a map, perfusion or diffusion"
    if any(SWI.fullmatch(value) for value in frame.image_type):
        return 6, f"susceptibility-weighted by its image type, {echo}"
    if SWI.search(description):
        return 5, f"susceptibility-weighted by its description, {echo}"
    if T2_STAR.search(description) or series.contrast == "T2_STAR":
        where = "description" if T2_STAR.search(description) else "acquisition contrast"
        return 4, f"T2*-weighted by its {where}, {echo}"
    for where, text in (("protocol", series.protocol), ("sequence name", series.sequence)):
        if SWI.search(text) or T2_STAR.search(text):
            return 3, f"T2*- or susceptibility-weighted by its {where}, {echo}"
    gradient = "GR" in series.technique and not series.technique & {"EP", "IR"}
    if gradient and frame.echo_ms >= USEFUL_ECHO_MS:
        return 2 if frame.echo_ms >= LONG_ECHO_MS else 1, f"gradient echo with {echo}"
    technique = "\\".join(sorted(series.technique)) or "technique not recorded"
    return 0, f"nothing in its header says T2* or SWI ({technique}, {echo})"


def _longest_echo(offers: Sequence[Offer], folder: str) -> tuple[Offer, tuple[str, ...]]:
    magnitude = [o for o in offers if o.kind == MAGNITUDE]
    if not magnitude:
        kinds = " and ".join(sorted({o.kind for o in offers}))
        raise InputError(f"{folder} holds {kinds} images only.", "Give the magnitude or SWI series.")
    best = max(magnitude, key=lambda o: (_times_at_a_place(o.frames) == 1, o.rank >= 6, o.echo_ms))
    notes = []
    echoes = sorted({o.echo_ms for o in magnitude})
    if len(echoes) > 1:
        others = ", ".join(f"{e:g}" for e in echoes if e != best.echo_ms)
        notes.append(f"Of {len(echoes)} echoes the longest was taken (TE {best.echo_ms:g} ms; others: {others} ms).")
    if best.rank == 0:
        notes.append(f"Series {best.series.name} was used as it is, but {best.why}.")
    return best, tuple(notes)


def _offered(series: Sequence[Series], offers: Sequence[Offer]) -> list[OfferedSeries]:
    """Give the series whose best volume is a magnitude, the best first."""
    best = [_best_of(one, offers) for one in series]
    magnitude = [offer for offer in best if offer.kind == MAGNITUDE] or best
    return [
        OfferedSeries(offer.series.uid, offer.series.name, offer.why)
        for offer in sorted(magnitude, key=_merit, reverse=True)
    ]


def _best_of(series: Series, offers: Sequence[Offer]) -> Offer:
    own = [offer for offer in offers if offer.series is series]
    return max(own, key=lambda o: (o.rank, o.kind == MAGNITUDE, o.echo_ms))


def _listed(series: Sequence[Series], offers: Sequence[Offer]) -> str:
    """Name series, each with the reason of its best volume."""
    return ", ".join(f"{one.name} ({_best_of(one, offers).why})" for one in series)
