"""A scan and a model in, a `Detection` out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import SimpleITK as sitk

from .. import __version__
from ..errors import InputError
from ..models.model_file import Model
from ..progress import Clock, Progress, no_progress, part_of
from ..reading.phase.image import PhaseImage
from ..vocabulary.numbers import counted
from ..vocabulary.operating_points import checked_threshold, operating_points
from .candidates.hills import Hill, find_hills
from .candidates.listing import Candidates, Score, labels_of, measured
from .candidates.masks import masks_on_scan
from .candidates.measuring import Measuring
from .lesions import Lesion, LesionRules, listed
from .model_grid import prepare
from .parcellation.given import Parcellation
from .parcellation.mapping import map_parcellation
from .phase.told import told_by_phase
from .regions import find_regions, placing
from .search import Search, UsedParcellation, used
from .sliding_window import BLENDINGS, WindowSettings, predict
from .tissue_shares import tissue_for
from .verifier import MOST_VERIFIED, Verdict, verify

MOST_HILLS = 2000  # of the detector, the most probable: more than any list has
MICROBLEED = "microbleed"  # as verifiers name their first class


@dataclass(frozen=True)
class Settings:
    """How to detect; None takes what the model's manifest says.

    Attributes
    ----------
    threshold : float or None
        Lowest score of a lesion, 0.001 to 0.999.
    overlap : float or None
        Share of a patch that the next one covers again, 0 to 0.9.
    blending : {"sum", "gaussian"}
        Overlapping logits are summed (the paper's), or weighted towards the patch's middle.
    batch_size : int
        Patches in one run of the network.
    """

    threshold: float | None = None
    overlap: float | None = None
    blending: str = "gaussian"
    batch_size: int = 1

    def __post_init__(self) -> None:
        if self.threshold is not None:
            checked_threshold(self.threshold)
        if self.overlap is not None and not 0 <= self.overlap <= 0.9:
            raise InputError(f"Overlap {self.overlap:g} is not between 0 and 0.9.", "Try 0.25.")
        if self.blending not in BLENDINGS:
            raise InputError(f"Blending {self.blending!r} is not known.", f"Known are {', '.join(BLENDINGS)}.")
        if self.batch_size < 1:
            raise InputError(f"Batch size {self.batch_size} is below 1.", "Try 1.")


@dataclass(frozen=True)
class Detection:
    """What was found in a scan.

    Attributes
    ----------
    lesions : list of Lesion
        Kept ones first, then dropped candidates with their reasons.
    labels : SimpleITK.Image
        UInt16 on the scan's grid, label k = lesion id k.
    probability : SimpleITK.Image
        Float32 on the scan's grid: the detector's, whatever a verifier said.
    brain : SimpleITK.Image
        UInt8 on the scan's grid, 0 outside: a mask, or `detecting.regions.Regions.tissue` where regions were mapped.
    image : SimpleITK.Image
        The scan.
    rules : LesionRules
        Under which the candidates were judged.
    search : Search
        How they were found.
    candidates : Candidates
        All there are: `lesions` and `labels` list them, unless a reader has changed the list.
    field : SimpleITK.Image or None
        The local phase as `phase.local_field`, to look at; None where the scan has no phase.
    """

    lesions: list[Lesion]
    labels: sitk.Image
    probability: sitk.Image
    brain: sitk.Image
    image: sitk.Image
    rules: LesionRules
    search: Search
    candidates: Candidates
    field: sitk.Image | None = None

    @property
    def listed(self) -> list[Lesion]:
        """The lesions without dropped candidates and without those that a reader rejected."""
        return listed(self.lesions)

    def rethresholded(self, threshold: float) -> Detection:
        """List the candidates at another threshold; nothing is searched or measured again."""
        Settings(threshold=threshold)  # checks the value
        rules = replace(self.rules, threshold=threshold)
        found = self.candidates.at(rules)
        return replace(self, lesions=[one.lesion for one in found], labels=labels_of(found, self.image), rules=rules)


def detect(
    image: sitk.Image,
    *,
    model: Model,
    settings: Settings | None = None,
    progress: Progress = no_progress,
    mask: sitk.Image | None = None,
    regions: Model | None = None,
    verifier: Model | None = None,
    parcellation: Parcellation | None = None,
    phases: Sequence[PhaseImage] = (),
) -> Detection:
    """Find the microbleeds of a scan.

    Parameters
    ----------
    image : SimpleITK.Image
        T2*-weighted or SWI volume as `reading.scan.read_scan` or `reading.scan.checked_scan` gives it; any geometry.
    model : Model
        Of the task ``"detect"``.
    settings : Settings, optional
    progress : Progress, optional
        Told what is being done; it may raise `Cancelled`.
    mask : SimpleITK.Image, optional
        Brain mask on the scan's grid, in place of the one that is found.
    regions : Model, optional
        Of the task ``"regions"``: says what lies outside brain tissue, and where each lesion lies. Without it
        regions are not assessed.
    verifier : Model, optional
        Of the task ``"verify"``: judges each candidate once more. The threshold then acts on its probability.
    parcellation : Parcellation, optional
        In the scan's own frame, in place of `regions`.
    phases : sequence of PhaseImage, optional
        On the scan's grid, the searched echo's last: tell blood from calcium.

    Returns
    -------
    Detection
        Everything on the scan's own grid.
    """
    settings = settings or Settings()
    manifest = model.manifest
    own = manifest if verifier is None else verifier.manifest  # the threshold acts on the last stage's score
    threshold = own.threshold if settings.threshold is None else settings.threshold
    overlap = manifest.overlap if settings.overlap is None else settings.overlap
    window = WindowSettings(manifest.patch_size, overlap, settings.blending, settings.batch_size)
    rules = LesionRules(threshold, manifest.min_volume_mm3)
    clock = Clock()

    progress(0.0, "Finding the brain")
    mapped = None if regions is None or parcellation is not None else find_regions(image, regions)
    clock.lap("regions")
    prepared = prepare(image, manifest.input_spec, mask)
    clock.lap("preprocess")
    if parcellation is not None:
        mapped = map_parcellation(parcellation, image, prepared.scan_brain)
        clock.lap("parcellation")
    on_model_grid = predict(
        prepared.voxels, prepared.brain, model.logits, window, part_of(progress, 0.1, 0.9, "Searching, ")
    )
    clock.lap("network")
    hills = find_hills(on_model_grid)[:MOST_HILLS]
    verdicts: list[Verdict] = []
    if verifier is not None:
        progress(0.9, "Looking at each candidate again")
        tissue = tissue_for(verifier, prepared, mapped)
        verdicts = verify(prepared.voxels, on_model_grid, hills[:MOST_VERIFIED], verifier, tissue)
        clock.lap("verifier")
    progress(0.95, "Listing the lesions")
    probability = prepared.to_scan_grid(on_model_grid)
    brain = prepared.scan_brain if mapped is None else mapped.tissue
    masks = masks_on_scan(prepared, probability, on_model_grid.shape, hills)
    scores = [_score(hill, verdict) for hill, verdict in zip_longest(hills, verdicts)]
    scored = [(mask, score) for mask, score in zip(masks, scores, strict=True) if mask is not None]
    midplane = None if mapped is None else mapped.midplane
    candidates = measured(scored, Measuring(image, probability, brain), brain, placing(midplane, brain))
    field: sitk.Image | None = None
    phase_notes: tuple[str, ...] = ()
    if phases:
        progress(0.97, "Asking the phase")
        candidates, field, phase_notes = told_by_phase(candidates, image, brain, phases, mapped=mapped is not None)
        clock.lap("phase")
    found = candidates.at(rules)
    lesions = [one.lesion for one in found]
    clock.lap("lesions")
    progress(1.0, counted(len(listed(lesions)), "microbleed"))
    search = Search(
        detector=used(model),
        verifier=None if verifier is None else used(verifier),
        regions=None if regions is None or parcellation is not None else used(regions),
        parcellation=None
        if parcellation is None
        else UsedParcellation(parcellation.name, parcellation.sha256, parcellation.has_lobes),
        midplane=midplane,
        operating_points=operating_points(own.metrics.get("operating_points"), threshold),
        overlap=overlap,
        blending=settings.blending,
        phase=phase_notes,
        brain_mask="found" if mask is None else "given",
        device=model.device,
        software=__version__,
        seconds=clock.laps,
    )
    return Detection(lesions, labels_of(found, image), probability, brain, image, rules, search, candidates, field)


def _score(hill: Hill, verdict: Verdict | None) -> Score:
    """Give a candidate its one score: the verifier's, or the detector's peak where it was not verified."""
    if verdict is None:
        return Score(hill.peak, hill.peak)
    return Score(verdict.score, hill.peak, "" if verdict.kind == MICROBLEED else verdict.kind)
