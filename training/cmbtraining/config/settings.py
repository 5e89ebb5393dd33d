"""A training run's configuration: YAML in, typed and checked values out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from CMBSegmentationLib.files.fields import Fields, WrongValueError

from .plain_yaml import ConfigError as ConfigError
from .plain_yaml import read_yaml
from .rules import RULES, check_together


@dataclass(frozen=True)
class Data:
    """How scans are prepared: see `CMBSegmentationLib.models.input_spec.InputSpec`.

    With several `sequences`, such as ``[T2S, SWI]``, every scan of these kinds is read by itself: the network
    has one channel and learns to take any of them, as `cmb detect` gives it one scan.
    """

    axes: str = "RAS"
    spacing_mm: tuple[float, float, float] = (0.5, 0.5, 0.5)
    normalization: str = "zscore-brain"
    sequences: tuple[str, ...] = ("T2S",)


@dataclass(frozen=True)
class Network:
    """The paper's ``table-iv`` (`cmbtraining.networks.table_iv`) or ``in-plane`` (`cmbtraining.networks.in_plane`)."""

    kind: str = "table-iv"
    filters: tuple[int, ...] = (32, 64, 128, 256)
    patch_size: tuple[int, int, int] = (80, 80, 80)
    l2: float = 1e-4


@dataclass(frozen=True)
class Loss:
    """Of `cmbtraining.fitting.losses.CombinedLoss`; `network.kind` decides whether it is of probabilities or logits."""

    alpha: float = 0.5
    beta: float = 0.5
    gamma: float = 3.0
    class_weights: tuple[float, float] = (0.1, 5.0)
    tversky_share: float = 1.0
    entropy_share: float = 0.1
    hardest_share: float = 0.0
    hardest_voxels: float = 0.01


@dataclass(frozen=True)
class Sampling:
    """Patches a subject and epoch, the share of them that hold a lesion, and of the rest at dark places.

    Of the rest, `dark_share` is laid around dark places, `mimic_share` around a simulated mimic, and `hard_share`
    around an earlier model's false positives. `flip` mirrors patches, `transpose` swaps their two axes in plane.
    """

    patches_per_subject: int = 16
    lesion_share: float = 0.9
    dark_share: float = 0.0
    mimic_share: float = 0.0
    hard_share: float = 0.0
    flip: bool = False
    transpose: bool = False


@dataclass(frozen=True)
class Augmentation:
    """Of `cmbtraining.data.augmentation`, all off; each value is drawn evenly up to the one given.

    `rotation_degrees` about any axis; `scale` 0.1 is up to a tenth larger or smaller; `intensity` 0.3 is a
    contrast's power from 1 / 1.3 to 1.3; `gain` 0.25 multiplies by 1 / 1.25 to 1.25, `offset` is added in the
    scan's standard deviations, as `noise` is; `blur` is a Gaussian's standard deviation in voxels;
    `bias_field` is shading, in its logarithm; `anisotropy` 4 makes slices of up to four voxels along one axis.
    """

    rotation_degrees: float = 0.0
    scale: float = 0.0
    intensity: float = 0.0
    gain: float = 0.0
    offset: float = 0.0
    blur: float = 0.0
    bias_field: float = 0.0
    noise: float = 0.0
    anisotropy: float = 1.0


@dataclass(frozen=True)
class Training:
    """Length of training and the optimiser.

    `ema_momentum`, such as 0.999, validates and keeps as best an exponential moving average of the weights.
    `learning_rate_decay` is "none" or "cosine", after `warmup_steps` in which the rate rises from 0. With
    `weight_decay` the optimiser is AdamW, else Adam; `clip_norm` limits the norm of all gradients together, 0 leaves
    it free. `precision` is "float32", or "float16" (GPUs) or "bfloat16" (also processors that have it), which
    keep 32-bit weights; `xla` asks for compiled steps where Keras would not choose them itself. `workers` processes
    draw batches ahead of need (0: the training process draws them itself; not on Windows).
    """

    epochs: int = 5000
    steps_per_epoch: int = 100
    validation_steps: int = 50
    batch_size: int = 4
    learning_rate: float = 5e-5
    learning_rate_decay: str = "none"
    warmup_steps: int = 0
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    seed: int = 1
    precision: str = "float32"
    xla: bool = False
    ema_momentum: float = 0.0
    workers: int = 0


@dataclass(frozen=True)
class Detection:
    """What the exported model's manifest says of its use."""

    patch_size: tuple[int, int, int] | None = None
    overlap: float = 0.2
    threshold: float = 0.5
    min_volume_mm3: float = 0.0


@dataclass(frozen=True)
class Tracking:
    """Where curves go besides the run folder and TensorBoard; `clearml` needs that package installed."""

    clearml: bool = False
    project: str = "slicer-cmb"


@dataclass(frozen=True)
class Config:
    """A whole run."""

    name: str = "cmb-detector"
    data: Data = field(default_factory=Data)
    network: Network = field(default_factory=Network)
    loss: Loss = field(default_factory=Loss)
    sampling: Sampling = field(default_factory=Sampling)
    augmentation: Augmentation = field(default_factory=Augmentation)
    training: Training = field(default_factory=Training)
    detection: Detection = field(default_factory=Detection)
    tracking: Tracking = field(default_factory=Tracking)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON or YAML."""
        return dataclasses.asdict(self)


SECTIONS = {
    "data": Data,
    "network": Network,
    "loss": Loss,
    "sampling": Sampling,
    "augmentation": Augmentation,
    "training": Training,
    "detection": Detection,
    "tracking": Tracking,
}


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML configuration.

    Parameters
    ----------
    path : Path
    overrides : sequence of str
        Such as ``"training.epochs=3"``; values are YAML.

    Returns
    -------
    Config

    Raises
    ------
    ConfigError
        The file cannot be read, or a key or value in it or in an override is not known.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({error}).") from error
    content = read_yaml(text, str(path))
    config = config_from_dict({} if content is None else content, str(path))
    for override in overrides:
        config = _overridden(config, override)
    return config


def _overridden(config: Config, override: str) -> Config:
    key, equals, text = override.partition("=")
    value = read_yaml(text, override)
    if not equals or value is None:
        raise ConfigError(f"{override}: write it as section.key=value, such as training.epochs=3.")
    section, dot, name = key.partition(".")
    content = config.as_dict()
    if not dot:
        return config_from_dict({**content, key: value}, override)
    if section not in SECTIONS:
        raise ConfigError(f"{override}: unknown key {section!r}; known are name, {', '.join(SECTIONS)}.")
    return config_from_dict({**content, section: {**content[section], name: value}}, override)


def config_from_dict(content: Any, source: str = "configuration") -> Config:
    """Build a `Config` from nested plain values; `ConfigError` names the first key or value that is not known."""
    try:
        given = Fields(content)
        for key in given.plain:
            if key not in ("name", *SECTIONS):
                raise WrongValueError(f"unknown key {key!r}; known are name, {', '.join(SECTIONS)}.")
        sections = {key: _section(kind, given.plain[key], key) for key, kind in SECTIONS.items() if key in given.plain}
        config = Config(name=RULES["name"](given, "name") if "name" in given.plain else Config.name, **sections)
        check_together(config)
    except WrongValueError as error:
        raise ConfigError(f"{source}: {error}") from error
    return config


def _section(kind: Any, content: Any, where: str) -> Any:
    given = Fields(content, where)
    known = [one.name for one in dataclasses.fields(kind)]
    for key in given.plain:
        if key not in known:
            raise WrongValueError(f"{where}: unknown key {key!r}; known are {', '.join(known)}.")
    return kind(**{key: RULES[f"{where}.{key}"](given, key) for key in given.plain})
