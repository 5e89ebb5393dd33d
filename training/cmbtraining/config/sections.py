"""A training run's configuration, and what each value of it may be.

A task has the sections that it uses and no other: a key without effect is an error.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator
from pydantic.dataclasses import dataclass

from CMBSegmentationLib.files.fields import WrongValueError, wrong
from CMBSegmentationLib.models.input_spec import NORMALIZATIONS
from CMBSegmentationLib.models.manifest import AXIS_PAIRS, LARGEST_PATCH, LARGEST_VOXEL_MM

STRICT = ConfigDict(extra="forbid")


def _name(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError("one line of printable text")
    return value


def _axes(value: str) -> str:
    if len(value) != 3 or any(len(set(value) & pair) != 1 for pair in AXIS_PAIRS):
        raise ValueError("three directions like RAS")
    return value


def _normalization(value: str) -> str:
    if value not in NORMALIZATIONS:
        raise ValueError(f"one of {', '.join(NORMALIZATIONS)}")
    return value


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError("a list of names, each once")
    return values


def _range(values: tuple[int, int]) -> tuple[int, int]:
    if values[0] > values[1]:
        raise ValueError("the first and the last number, such as [1, 11]")
    return values


Name = Annotated[StrictStr, AfterValidator(_name)]
Count = Annotated[StrictInt, Field(ge=1)]
Number = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Millimetres = Annotated[Number, Field(gt=0, lt=LARGEST_VOXEL_MM)]
Side = Annotated[StrictInt, Field(ge=1, le=LARGEST_PATCH)]
Patch = tuple[Side, Side, Side]
Filters = Annotated[tuple[Annotated[StrictInt, Field(ge=1, le=4096)], ...], Field(min_length=1, max_length=8)]
Maps = Annotated[tuple[Count, Count], AfterValidator(_range)]


@dataclass(frozen=True, config=STRICT)
class Data:
    """How scans are prepared: see `CMBSegmentationLib.models.input_spec.InputSpec`.

    With several `sequences`, such as ``[T2S, SWI]``, every scan of these kinds is read by itself: the network
    has one channel and learns to take any of them, as `cmb detect` gives it one scan.
    """

    axes: Annotated[StrictStr, AfterValidator(_axes)] = "RAS"
    spacing_mm: tuple[Millimetres, Millimetres, Millimetres] = (0.5, 0.5, 0.5)
    normalization: Annotated[StrictStr, AfterValidator(_normalization)] = "zscore-brain"
    sequences: Annotated[tuple[Name, ...], Field(min_length=1), AfterValidator(_distinct)] = ("T2S",)


@dataclass(frozen=True, config=STRICT)
class Network:
    """The paper's ``table-iv`` (`cmbtraining.networks.table_iv`) or ``in-plane`` (`cmbtraining.networks.in_plane`)."""

    kind: Literal["table-iv", "in-plane"] = "table-iv"
    filters: Filters = (32, 64, 128, 256)
    patch_size: Patch = (80, 80, 80)
    l2: NotNegative = 1e-4

    def check(self, key: str, sides: tuple[int, int, int]) -> None:
        """Refuse (`WrongValueError`) a patch that the network cannot halve as often as it does."""
        depth = len(self.filters)
        steps = [fold * 2 ** (depth - 1) for fold in (2, 2, 1)] if self.kind == "in-plane" else [2**depth] * 3
        if any(side % step for side, step in zip(sides, steps, strict=True)):
            raise wrong(key, list(sides), f"multiples of {steps}, as network.filters has {depth} depths")


@dataclass(frozen=True, config=STRICT)
class Loss:
    """Of `cmbtraining.fitting.losses.CombinedLoss`; `network.kind` decides whether it is of probabilities or logits."""

    alpha: NotNegative = 0.5
    beta: NotNegative = 0.5
    gamma: Positive = 3.0
    class_weights: tuple[NotNegative, NotNegative] = (0.1, 5.0)
    tversky_share: NotNegative = 1.0
    entropy_share: NotNegative = 0.1
    hardest_share: NotNegative = 0.0
    hardest_voxels: Annotated[Number, Field(gt=0, le=1)] = 0.01


@dataclass(frozen=True, config=STRICT)
class Sampling:
    """Patches a subject and epoch, the share of them that hold a lesion, and of the rest at dark places.

    Of the rest, `dark_share` is laid around dark places, `mimic_share` around a simulated mimic, and `hard_share`
    around an earlier model's false positives. `flip` mirrors patches, `transpose` swaps their two axes in plane.
    """

    patches_per_subject: Count = 16
    lesion_share: Share = 0.9
    dark_share: Share = 0.0
    mimic_share: Share = 0.0
    hard_share: Share = 0.0
    flip: StrictBool = False
    transpose: StrictBool = False


@dataclass(frozen=True, config=STRICT)
class Augmentation:
    """Of `cmbtraining.data.augmentation`, all off; each value is drawn evenly up to the one given.

    `rotation_degrees` about any axis; `scale` 0.1 is up to a tenth larger or smaller; `intensity` 0.3 is a
    contrast's power from 1 / 1.3 to 1.3; `gain` 0.25 multiplies by 1 / 1.25 to 1.25, `offset` is added in the
    scan's standard deviations, as `noise` is; `blur` is a Gaussian's standard deviation in voxels;
    `bias_field` is shading, in its logarithm; `anisotropy` 4 makes slices of up to four voxels along one axis.
    """

    rotation_degrees: Annotated[Number, Field(ge=0, le=180)] = 0.0
    scale: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    intensity: NotNegative = 0.0
    gain: NotNegative = 0.0
    offset: NotNegative = 0.0
    blur: NotNegative = 0.0
    bias_field: NotNegative = 0.0
    noise: NotNegative = 0.0
    anisotropy: Annotated[Number, Field(ge=1)] = 1.0


@dataclass(frozen=True, config=STRICT)
class Training:
    """Length of training and the optimiser.

    `ema_momentum`, such as 0.999, validates and keeps as best an exponential moving average of the weights.
    `learning_rate_decay` is "none" or "cosine", after `warmup_steps` in which the rate rises from 0. With
    `weight_decay` the optimiser is AdamW, else Adam; `clip_norm` limits the norm of all gradients together, 0 leaves
    it free. `precision` is "float32", or "float16" (GPUs) or "bfloat16" (also processors that have it), which
    keep 32-bit weights; `xla` asks for compiled steps where Keras would not choose them itself. `workers` processes
    draw batches ahead of need (0: the training process draws them itself; not on Windows).
    """

    epochs: Count = 5000
    steps_per_epoch: Count = 100
    batch_size: Count = 4
    learning_rate: Positive = 5e-5
    learning_rate_decay: Literal["none", "cosine"] = "none"
    warmup_steps: Annotated[StrictInt, Field(ge=0)] = 0
    weight_decay: NotNegative = 0.0
    clip_norm: NotNegative = 0.0
    seed: Annotated[StrictInt, Field(ge=0, lt=2**32)] = 1
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    xla: StrictBool = False
    ema_momentum: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    workers: Annotated[StrictInt, Field(ge=0, le=256)] = 0


@dataclass(frozen=True, config=STRICT)
class PatchTraining(Training):
    """Of a network whose validation draws so many batches of patches, the same ones each epoch."""

    validation_steps: Count = 50


@dataclass(frozen=True, config=STRICT)
class Detection:
    """What the exported model's manifest says of its use."""

    patch_size: Patch | None = None
    overlap: Annotated[Number, Field(ge=0, le=0.9)] = 0.2
    threshold: Annotated[Number, Field(gt=0, lt=1)] = 0.5
    min_volume_mm3: Annotated[Number, Field(ge=0, lt=1000)] = 0.0


@dataclass(frozen=True, config=STRICT)
class RegionsNetwork:
    """Of `cmbtraining.regions.network`; the patch is of voxels of 1.5 mm."""

    filters: Filters = (24, 48, 80, 96)
    patch_size: Patch = (112, 128, 112)


@dataclass(frozen=True, config=STRICT)
class Heads:
    """Label maps to learn from and to validate on, first and last counted from 1; share of patches with a new head."""

    training_maps: Maps = (1, 11)
    validation_maps: Maps = (12, 12)
    new_share: Share = 0.15


@dataclass(frozen=True, config=STRICT)
class VerifierNetwork:
    """Of `cmbtraining.networks.verifier`."""

    filters: Filters = (16, 32, 64)


@dataclass(frozen=True, config=STRICT)
class Mining:
    """Rounds of `training.epochs` each, the later ones with what the best weights so far take for microbleeds."""

    rounds: Count = 3


@dataclass(frozen=True, config=STRICT)
class Tracking:
    """Where curves go besides the run folder and TensorBoard; `clearml` needs that package installed."""

    clearml: StrictBool = False
    project: Name = "slicer-cmb"


@dataclass(frozen=True, config=STRICT)
class Config:
    """What every run has; `task` says which of the classes below it is."""

    task: str = ""
    name: Name = "cmb"
    training: Training = Field(default_factory=Training)
    tracking: Tracking = Field(default_factory=Tracking)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON or YAML."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, config=STRICT)
class DetectConfig(Config):
    """A detector's run."""

    task: Literal["detect"] = "detect"
    name: Name = "cmb-detector"
    data: Data = Field(default_factory=Data)
    network: Network = Field(default_factory=Network)
    loss: Loss = Field(default_factory=Loss)
    sampling: Sampling = Field(default_factory=Sampling)
    augmentation: Augmentation = Field(default_factory=Augmentation)
    training: PatchTraining = Field(default_factory=PatchTraining)
    detection: Detection = Field(default_factory=Detection)

    @model_validator(mode="after")
    def _fits_together(self) -> DetectConfig:
        self.network.check("network.patch_size", self.network.patch_size)
        self.network.check("detection.patch_size", self.detection.patch_size or self.network.patch_size)
        loss = self.loss
        if not any(loss.class_weights):
            raise wrong("loss.class_weights", list(loss.class_weights), "above 0 for one class at least")
        if loss.tversky_share + loss.entropy_share + loss.hardest_share == 0:
            raise WrongValueError("loss: tversky_share, entropy_share and hardest_share are all 0: nothing to learn.")
        return self


@dataclass(frozen=True, config=STRICT)
class RegionsConfig(Config):
    """A run of the map of regions."""

    task: Literal["regions"] = "regions"
    name: Name = "cmb-regions"
    network: RegionsNetwork = Field(default_factory=RegionsNetwork)
    heads: Heads = Field(default_factory=Heads)
    training: PatchTraining = Field(default_factory=PatchTraining)

    @model_validator(mode="after")
    def _fits_together(self) -> RegionsConfig:
        sides, step = self.network.patch_size, 2 ** len(self.network.filters)
        if any(side % step for side in sides):
            raise wrong("network.patch_size", list(sides), f"multiples of {step}, as network.filters says")
        return self


@dataclass(frozen=True, config=STRICT)
class VerifyConfig(Config):
    """A verifier's run."""

    task: Literal["verify"] = "verify"
    name: Name = "cmb-verifier"
    network: VerifierNetwork = Field(default_factory=VerifierNetwork)
    mining: Mining = Field(default_factory=Mining)
