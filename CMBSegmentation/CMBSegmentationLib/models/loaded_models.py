"""The models that work together: the detector, the map of regions, the verifier."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, ModelError
from ..files.bundled import resource_folder
from .input_spec import CROP
from .model_file import DEFAULT_REGIONS, DEFAULT_VERIFIER, Model, find_model, load_model

NONE, AUTO = "none", "auto"


@dataclass(frozen=True)
class StageChoice:
    """Which later stages to use: ``auto`` takes the bundled one where it fits, ``none`` leaves it out.

    Attributes
    ----------
    regions, verifier : str
        Path, bundled name, ``auto`` or ``none``.
    """

    regions: str = AUTO
    verifier: str = AUTO


@dataclass(frozen=True)
class Stages:
    """Loaded models; None where a stage is left out.

    Attributes
    ----------
    detector : Model
    regions, verifier : Model or None
    notes : tuple of str
        Why a stage is left out, where nobody asked for that.
    """

    detector: Model
    regions: Model | None = None
    verifier: Model | None = None
    notes: tuple[str, ...] = ()

    @property
    def judge(self) -> Model:
        """The model whose score the threshold acts on: the last one that judges candidates."""
        return self.verifier or self.detector


def from_any_folder(model: str) -> str:
    """Make a model's path good for workers that start in another folder; a name stays."""
    return str(Path(model).resolve()) if os.path.exists(model) else model


def load_stages(
    model: str | None = None, device: str = "auto", choice: StageChoice | None = None, *, threads: int | None = None
) -> Stages:
    """Load the detector and the stages that go with it.

    Parameters
    ----------
    model : str, optional
        The detector: path or bundled name; None takes the default.
    device : str
        As `load_model` takes it.
    choice : StageChoice, optional
    threads : int, optional
        That the CPU may use.

    Returns
    -------
    Stages

    Raises
    ------
    ModelError
        A model is missing, damaged, or for another task.
    InputError
        The verifier that was asked for was made for another detector.
    """
    choice = choice or StageChoice()
    detector = load_model(find_model(model), device, threads=threads)
    regions = verifier = None
    notes: tuple[str, ...] = ()
    if choice.regions != NONE and (name := _named(choice.regions, DEFAULT_REGIONS)):
        regions = load_model(find_model(name), device, "regions", threads=threads)
    if choice.verifier != NONE and (name := _named(choice.verifier, DEFAULT_VERIFIER)):
        verifier = load_model(find_model(name), device, "verify", threads=threads)
        _check_crops(verifier)
        made_for = verifier.manifest.training.get("detector", {})
        if made_for.get("sha256") != detector.sha256:
            what = f"The verifier {verifier.manifest.name} was made for the detector {made_for.get('name', 'unknown')}"
            if choice.verifier != AUTO:
                raise InputError(
                    f"{what}, not for {detector.manifest.name}.", "Leave it out (in the shell: --verifier none)."
                )
            verifier = None
            notes = (f"{what}: candidates of {detector.manifest.name} are not verified.",)
    return Stages(detector, regions, verifier, notes)


def _check_crops(verifier: Model) -> None:
    if tuple(verifier.manifest.patch_size) != CROP:
        raise ModelError(
            f"{verifier.path.name} was made for crops of {verifier.manifest.patch_size} voxels, this program gives "
            f"{CROP}.",
            "Give a model made by training/export.py.",
        )


def _named(chosen: str, default: str) -> str | None:
    if chosen != AUTO:
        return chosen
    return default if (resource_folder() / "Models" / f"{default}.onnx").is_file() else None
