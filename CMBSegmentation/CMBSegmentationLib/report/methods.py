"""How lesions were found, as a paragraph to paste into a paper, with its references: of what was really run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..detecting.candidates.hills import MASK_SHARE
from ..detecting.lesions import ADDED_ONE, SURROUND_MM, Lesion, LesionRules, listed
from ..detecting.parcellation.mapping import SUBCORTICAL_MM
from ..detecting.search import Search, UsedModel
from ..results.counts import counts_of
from ..results.stored_list import StoredList
from ..vocabulary.numbers import counted, threshold_text
from ..vocabulary.operating_points import CUSTOM, point_at
from ..vocabulary.published.references import (
    BOMBS,
    DESIKAN_KILLIANY,
    FREESURFER,
    MARS,
    SYNTHSEG,
    THESIS,
    Reference,
)
from ..vocabulary.published.scales import SCALES
from ..vocabulary.verdicts import DROPPED
from .words import METHODS

COMMANDS = re.compile(r" \([^()]*--[^()]*\)")  # which made the training data: for the provenance, not for a reader
ALLOWED = re.compile(r" \(allowed: [^()]*\)")
HASH_LETTERS = 12


@dataclass(frozen=True)
class Way:
    """Scans that were searched in one way.

    Attributes
    ----------
    search : Search
        Of one of them.
    rules : LesionRules
    scans, read, begun : int
        How many there are, in how many a reader has decided on every lesion, and in how many on some.
    readers : tuple of str
        Their names, where they may be told.
    phase : bool
        Whether the phase image was asked.
    placed : int
        Listed lesions of which a reader has set another region or side.
    added, taken, made : int
        Listed lesions that a reader added, took from what the program had dropped, and merged or split of others.
    """

    search: Search
    rules: LesionRules
    scans: int = 1
    read: int = 0
    begun: int = 0
    readers: tuple[str, ...] = ()
    phase: bool = False
    placed: int = 0
    added: int = 0
    taken: int = 0
    made: int = 0


def way_of(search: Search, rules: LesionRules, lesions: Sequence[Lesion]) -> Way:
    """Say how one scan was searched."""
    counts = counts_of(lesions)
    read, begun = int(counts.is_read and not counts.not_read), int(counts.is_read and counts.not_read > 0)
    told = listed(lesions)
    return Way(
        search, rules, 1, read, begun, counts.readers, any(one.phase for one in lesions),
        placed=sum(one.place_by_reader for one in told),
        added=sum(one.origin == ADDED_ONE for one in told),
        taken=sum(one.status == DROPPED and not one.is_readers for one in told),
        made=sum(one.is_readers and one.origin != ADDED_ONE for one in told),
    )  # fmt: skip


def ways_of(lists: Sequence[StoredList]) -> list[Way]:
    """Join scans that were searched in the same way; the most frequent way first, no reader and no file named.

    Parameters
    ----------
    lists : sequence of StoredList

    Returns
    -------
    list of Way
    """
    found: dict[tuple[Any, ...], Way] = {}
    for one in lists:
        way = way_of(one.search, one.rules, one.lesions)
        key = (*_what_matters(way.search), way.rules, way.phase)
        before = found.get(key)
        more = way if before is None else _with_one_more(before, way)
        found[key] = unnamed_way(more)
    return sorted(found.values(), key=lambda way: -way.scans)


def _with_one_more(ways: Way, one: Way) -> Way:
    summed = ("scans", "read", "begun", "placed", "added", "taken", "made")
    return replace(ways, **{name: getattr(ways, name) + getattr(one, name) for name in summed})


def unnamed_way(way: Way) -> Way:
    """Leave out what may name the patient or the reader."""
    given = way.search.parcellation
    search = replace(way.search, parcellation=None if given is None else replace(given, file=""))
    return replace(way, search=search, readers=())


def paragraph(way: Way) -> list[str]:
    """Tell in sentences how lesions were found.

    Returns
    -------
    list of str
        To be joined by spaces.
    """
    search, rules = way.search, way.rules
    version = f" {search.software}" if search.software else ""
    scans = counted(way.scans, "T2*-weighted or susceptibility-weighted scan")
    said = [METHODS["software"].format(scans=scans, version=version, thesis=THESIS.short)]
    if search.detector is not None:
        mm = search.detector.spacing_mm
        spacing = f"{' × '.join(f'{s:g}' for s in mm)} mm" if mm else "its own voxel size"
        told = {"model": search.detector.title, "spacing": spacing, "share": 100 * MASK_SHARE}
        sentence = METHODS["detector"].format(threshold=threshold_text(rules.threshold), **told)
        point = _point(way)
        said.append(sentence + (METHODS["at_point"].format(point=point) if point else ""))
    said.append(METHODS["smallest"].format(volume=rules.min_volume_mm3, diameter=rules.max_diameter_mm))
    if search.verifier is not None:
        said.append(METHODS["verifier"].format(model=search.verifier.title))
    said += _places(way)
    if way.phase:
        said.append(METHODS["phase"].format(unless=METHODS["phase_read"] if way.read or way.begun else ""))
    if search.brain_mask:
        said.append(METHODS["brain_given" if search.brain_mask == "given" else "brain_found"])
    said.append(METHODS["measures"].format(shell=SURROUND_MM))
    said += _training(way)
    return [*said, *_put_by_readers(way), _readers(way)]


def _put_by_readers(way: Way) -> list[str]:
    """Tell of what is on the list although the program left it out, did not see it, or saw it as more or fewer."""
    parts = [METHODS["added"].format(added=counted(way.added, "microbleed"))] if way.added else []
    parts += [METHODS["taken"].format(taken=way.taken)] if way.taken else []
    parts += [METHODS["made"].format(made=way.made)] if way.made else []
    told = " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
    return [METHODS["put_by_readers"].format(parts=told)] if parts else []


def bibtex_of(*searches: Search) -> str:
    """Give the references of the paragraphs as BibTeX, each once, with those of the clinical classes after them."""
    entries = [
        *(_software(search) for search in searches),
        *(one.bibtex for search in searches for one in _references(search)),
        "% of the clinical classes, where a paper gives them",
        *(one.bibtex for scale in SCALES for one in scale.references),
    ]
    return "\n\n".join(dict.fromkeys(entries))


def _references(search: Search) -> list[Reference]:
    found = [THESIS]
    if search.regions is not None or search.parcellation is not None:
        found += [MARS, BOMBS]
    if search.parcellation is not None:
        found += [FREESURFER, *([DESIKAN_KILLIANY] if search.parcellation.has_lobes else []), SYNTHSEG]
    return found


def _software(search: Search) -> str:
    fields = (("author", "{The slicer-cmb contributors}"), ("title", "slicer-cmb: cerebral microbleeds in 3D Slicer"))
    more = (("version", search.software),) if search.software else ()
    day = (("year", search.date[:4]),) if search.date else ()
    key = "slicercmb" + re.sub("[^a-z0-9]", "", f"{search.date[:4]}v{search.software}".lower())
    return Reference(key, "slicer-cmb", "software", (*fields, *more, *day)).bibtex


def _places(way: Way) -> list[str]:
    search, number = way.search, counted(way.placed, "microbleed")
    changed = METHODS["places_changed"].format(counted=number) if way.placed else ""
    if search.parcellation is not None:
        name = search.parcellation.file if way.scans == 1 else ""
        which = METHODS["parcellation_file"].format(file=name) if name else METHODS["parcellation_each"]
        told = {"freesurfer": FREESURFER.short, "mars": MARS.short, "reach": SUBCORTICAL_MM, "changed": changed}
        sentence = METHODS["parcellation"].format(which=which, **told)
        return [sentence] if search.parcellation.has_lobes else [sentence, METHODS["no_lobes"]]
    if search.regions is None:
        given = METHODS["places_given"].format(counted=number) if way.placed else ""
        return [METHODS["no_regions"].format(given=given)]
    words = {"model": search.regions.title, "statement": search.regions.statement, "mars": MARS.short}
    words["changed"] = changed
    return [METHODS["regions"].format(**words).strip()]


def trained_on(model: UsedModel) -> str:
    """Say what a model was trained on, for a reader: without commands, and without what a colon introduces."""
    return COMMANDS.sub("", model.trained_on).partition(": ")[0].rstrip(".")


def _training(way: Way) -> list[str]:
    """What each model was trained on, and how good the one was whose probability counts."""
    search = way.search
    said = []
    for model in filter(None, (search.detector, search.verifier, search.regions)):
        if model.trained_on:
            start = METHODS["hash"].format(start=model.sha256[:HASH_LETTERS]) if model.sha256 else ""
            data = trained_on(model)
            said.append(METHODS["trained"].format(model=model.title, hash=start, data=data))
        if model is (search.verifier or search.detector):
            said.append(_tested(model, _point(way)))
    return [one for one in said if one]


def _tested(model: UsedModel, point: str) -> str:
    data, rule = (_text(model.metrics.get(key)) for key in ("data", "rule"))
    figures = _figures(model.metrics, point) if point else ""
    if not (data and figures):
        return METHODS["untested"]
    return METHODS["tested"].format(data=data.rstrip("."), figures=figures, rule=rule or "rule not recorded")


def _figures(metrics: Mapping[str, Any], point: str) -> str:
    numbers, counts = metrics.get("figures"), metrics.get("validation")
    names = ("TPR", "PPV", "F1", "FPavg")
    if point == metrics.get("default_point") and isinstance(numbers, Mapping) and all(n in numbers for n in names):
        return METHODS["figures"].format(**{name: _text(numbers[name]) for name in names})
    return ALLOWED.sub("", _text(counts.get(point))) if isinstance(counts, Mapping) else ""


def _text(value: Any) -> str:
    """Word a value of a manifest, which may be of any kind."""
    return str(value) if isinstance(value, str | int | float) else ""


def _point(way: Way) -> str:
    """Name the operating point of the model that the threshold acts on; empty where it has none, or another."""
    judge = way.search.verifier or way.search.detector
    told = judge.metrics.get("operating_points") if judge else None
    if not isinstance(told, Mapping) or not told:
        return ""
    point = point_at(way.search.operating_points, way.rules.threshold)
    return "" if point == CUSTOM or point not in told else point


def _readers(way: Way) -> str:
    if way.readers:
        return METHODS["read"].format(readers=", ".join(way.readers)) + (METHODS["not_all"] if way.begun else "")
    if not way.read:
        return METHODS["read_in_part"] if way.begun else METHODS["unread"]
    said = METHODS["read_unnamed"] if way.read == way.scans else METHODS["read_some"].format(read=way.read)
    return said + (METHODS["begun"].format(begun=way.begun) if way.begun else "")


def _what_matters(search: Search) -> tuple[Any, ...]:
    """What makes two searches the same for a paper, hashable."""
    models = (search.detector, search.verifier, search.regions)
    named = tuple((one.title, one.sha256) if one else None for one in models)
    lobes = search.parcellation.has_lobes if search.parcellation else None
    return (search.software, *named, lobes, search.overlap, search.blending, search.brain_mask)
