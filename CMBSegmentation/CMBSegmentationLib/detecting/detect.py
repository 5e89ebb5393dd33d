"""A scan and a model in, a `Detection` out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import SimpleITK as sitk

from .. import __version__
from ..errors import InputError
from ..models.model_file import Model
from ..progress import Clock, Progress, no_progress, part_of
from .later_stages import region_provenance, second_look, verifier_provenance, with_context
from .lesions import Lesion, LesionRules, find_lesions, listed
from .model_grid import prepare
from .regions import find_regions
from .sliding_window import BLENDINGS, WindowSettings, predict


@dataclass(frozen=True)
class Settings:
    """How to detect; None takes what the model's manifest says.

    Attributes
    ----------
    threshold : float or None
        Probability from which a voxel belongs to a lesion, above 0 and below 1.
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
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise InputError(f"Threshold {self.threshold:g} is not between 0 and 1.", "Try 0.5.")
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
        Float32 on the scan's grid.
    brain : SimpleITK.Image
        UInt8 on the scan's grid, 0 outside: a mask, or `detecting.regions.Regions.tissue` where regions were mapped.
    image : SimpleITK.Image
        The scan.
    rules : LesionRules
        Under which the candidates were judged.
    provenance : dict
        Model, settings, device, timings: JSON-ready.
    """

    lesions: list[Lesion]
    labels: sitk.Image
    probability: sitk.Image
    brain: sitk.Image
    image: sitk.Image
    rules: LesionRules
    provenance: dict[str, Any]

    @property
    def listed(self) -> list[Lesion]:
        """The lesions without dropped candidates and without those that a reader rejected."""
        return listed(self.lesions)

    def rethresholded(self, threshold: float) -> Detection:
        """Judge the stored probability anew; the network does not run."""
        Settings(threshold=threshold)  # checks the value
        rules = replace(self.rules, threshold=threshold)
        lesions, labels = find_lesions(self.probability, self.image, self.brain, rules)
        lesions = with_context(lesions, self.brain, self.provenance)
        settings = {**self.provenance["settings"], "threshold": threshold}
        return replace(
            self, lesions=lesions, labels=labels, rules=rules, provenance={**self.provenance, "settings": settings}
        )


def detect(
    image: sitk.Image,
    *,
    model: Model,
    settings: Settings | None = None,
    progress: Progress = no_progress,
    mask: sitk.Image | None = None,
    regions: Model | None = None,
    verifier: Model | None = None,
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

    Returns
    -------
    Detection
        Everything on the scan's own grid.
    """
    settings = settings or Settings()
    manifest = model.manifest
    own = manifest if verifier is None else verifier.manifest  # the threshold acts on what the last stage says
    threshold = own.threshold if settings.threshold is None else settings.threshold
    overlap = manifest.overlap if settings.overlap is None else settings.overlap
    window = WindowSettings(manifest.patch_size, overlap, settings.blending, settings.batch_size)
    rules = LesionRules(threshold, manifest.min_volume_mm3)
    clock = Clock()

    progress(0.0, "Finding the brain")
    mapped = None if regions is None else find_regions(image, regions)
    clock.lap("regions")
    prepared = prepare(image, manifest.input_spec, mask)
    clock.lap("preprocess")
    on_model_grid = predict(
        prepared.voxels, prepared.brain, model.logits, window, part_of(progress, 0.1, 0.9, "Searching, ")
    )
    clock.lap("network")
    second = None
    if verifier is not None:
        progress(0.9, "Looking at each candidate again")
        on_model_grid, second = second_look(prepared, on_model_grid, verifier, mapped)
        clock.lap("verifier")
    progress(0.95, "Listing the lesions")
    probability = prepared.to_scan_grid(on_model_grid)
    brain = prepared.scan_brain if mapped is None else mapped.tissue
    lesions, labels = find_lesions(probability, image, brain, rules)
    provenance = _provenance(image, model, rules, window, mask is not None, clock.laps)
    if own is not manifest:  # named thresholds are of what they act on, too
        points = {k: v for k, v in own.metrics.items() if k == "operating_points"}
        provenance["model"]["metrics"] = {**manifest.metrics, **points}
    provenance["regions"] = None if regions is None else region_provenance(regions, mapped)
    provenance["verifier"] = None if verifier is None else verifier_provenance(verifier, second)
    lesions = with_context(lesions, brain, provenance)
    clock.lap("lesions")
    progress(1.0, f"{len(listed(lesions))} microbleeds")
    return Detection(
        lesions=lesions,
        labels=labels,
        probability=probability,
        brain=brain,
        image=image,
        rules=rules,
        provenance=provenance,
    )


def _provenance(
    image: sitk.Image,
    model: Model,
    rules: LesionRules,
    window: WindowSettings,
    mask_given: bool,
    timings_s: dict[str, float],
) -> dict[str, Any]:
    manifest = model.manifest
    return {
        "software": {"name": "slicer-cmb", "version": __version__},
        "model": {
            "file": model.path.name,
            "sha256": model.sha256,
            "name": manifest.name,
            "version": manifest.version,
            "training": manifest.training,
            "metrics": manifest.metrics,
            "intended_use": manifest.intended_use,
            "license": manifest.license,
        },
        "settings": {
            "threshold": rules.threshold,
            "min_volume_mm3": rules.min_volume_mm3,
            "max_diameter_mm": rules.max_diameter_mm,
            "overlap": window.overlap,
            "blending": window.blending,
            "brain_mask": "given" if mask_given else "found",
        },
        "device": model.device,
        "input": {
            "size": list(image.GetSize()),
            "spacing_mm": [round(s, 4) for s in image.GetSpacing()],
            "orientation": sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection()),
        },
        "timings_s": timings_s,
    }
