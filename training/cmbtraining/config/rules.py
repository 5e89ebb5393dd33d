"""What each value of a training configuration may be: one rule a key, and what values must be together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from CMBSegmentationLib.files.fields import Fields, WrongValueError, wrong
from CMBSegmentationLib.models.input_spec import NORMALIZATIONS
from CMBSegmentationLib.models.manifest import AXIS_PAIRS, LARGEST_PATCH, LARGEST_VOXEL_MM

if TYPE_CHECKING:
    from .settings import Config

Rule = Callable[[Fields, str], Any]
MOST_FILTERS, MOST_DEPTHS = 4096, 8
MOST_WORKERS = 256
LARGEST_SEED = 2**32 - 1  # of numpy's generators and of TensorFlow's


def _number(fields: Fields, key: str, **limits: float) -> float:
    """A number; also as YAML 1.1 reads 1e-4, which is as text."""
    value = fields.plain[key]
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise wrong(fields.named(key), value, "a finite number") from None
    return float(Fields({fields.named(key): value}).number(fields.named(key), **limits))


def _text(fields: Fields, key: str) -> str:
    value: str = fields.text(key, empty=False)
    if not value.isprintable():
        raise wrong(fields.named(key), value, "one line of printable text")
    return value


def _axes(fields: Fields, key: str) -> str:
    value: str = fields.text(key)
    if len(value) != 3 or any(len(set(value) & pair) != 1 for pair in AXIS_PAIRS):
        raise wrong(fields.named(key), value, "three directions like RAS")
    return value


def _choice(*choices: str) -> Rule:
    def rule(fields: Fields, key: str) -> Any:
        value = fields.text(key)
        if value not in choices:
            raise WrongValueError(f"{fields.named(key)} is {value!r}; choose from {', '.join(choices)}.")
        return value

    return rule


def _numbers(fields: Fields, key: str, length: int, **limits: float) -> tuple[float, ...]:
    return tuple(float(one) for one in fields.numbers(key, length=length, **limits))


def _wholes(fields: Fields, key: str, *, most: int, length: int | None = None, most_items: int = 3) -> tuple[int, ...]:
    items = fields.items(key, length=length)
    if not 1 <= len(items) <= most_items:
        raise wrong(fields.named(key), items, f"a list of 1 to {most_items}")
    names = [f"{fields.named(key)}[{place}]" for place in range(len(items))]
    return tuple(Fields({name: one}).whole(name, least=1, most=most) for name, one in zip(names, items, strict=True))


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    found = fields.texts(key)
    if not found or len(set(found)) < len(found) or not all(one.strip() for one in found):
        raise wrong(fields.named(key), list(found), "a list of names, each once")
    return found


def _optional_patch(fields: Fields, key: str) -> tuple[int, ...] | None:
    return None if fields.plain[key] is None else PATCH(fields, key)


def _whole(**limits: int) -> Rule:
    return lambda fields, key: fields.whole(key, **limits)


def _limited(**limits: float) -> Rule:
    return lambda fields, key: _number(fields, key, **limits)


def _flag(fields: Fields, key: str) -> Any:
    return fields.flag(key)


PATCH = partial(_wholes, most=LARGEST_PATCH, length=3)
SHARE, POSITIVE, NOT_NEGATIVE = _limited(least=0, most=1), _limited(above=0), _limited(least=0)

RULES: dict[str, Rule] = {
    "name": _text,
    "data.axes": _axes,
    "data.spacing_mm": partial(_numbers, length=3, above=0, below=LARGEST_VOXEL_MM),
    "data.normalization": _choice(*NORMALIZATIONS),
    "data.sequences": _texts,
    "network.kind": _choice("table-iv", "in-plane"),
    "network.filters": partial(_wholes, most=MOST_FILTERS, most_items=MOST_DEPTHS),
    "network.patch_size": PATCH,
    "network.l2": NOT_NEGATIVE,
    "loss.alpha": NOT_NEGATIVE,
    "loss.beta": NOT_NEGATIVE,
    "loss.gamma": POSITIVE,
    "loss.class_weights": partial(_numbers, length=2, least=0),
    "loss.tversky_share": NOT_NEGATIVE,
    "loss.entropy_share": NOT_NEGATIVE,
    "loss.hardest_share": NOT_NEGATIVE,
    "loss.hardest_voxels": _limited(above=0, most=1),
    "sampling.patches_per_subject": _whole(least=1),
    **{f"sampling.{kind}_share": SHARE for kind in ("lesion", "dark", "mimic", "hard")},
    "sampling.flip": _flag,
    "sampling.transpose": _flag,
    "augmentation.rotation_degrees": _limited(least=0, most=180),
    "augmentation.scale": _limited(least=0, below=1),
    **{f"augmentation.{kind}": NOT_NEGATIVE for kind in ("intensity", "gain", "offset", "blur", "bias_field", "noise")},
    "augmentation.anisotropy": _limited(least=1),
    "training.epochs": _whole(least=1),
    "training.steps_per_epoch": _whole(least=1),
    "training.validation_steps": _whole(least=1),
    "training.batch_size": _whole(least=1),
    "training.learning_rate": POSITIVE,
    "training.learning_rate_decay": _choice("none", "cosine"),
    "training.warmup_steps": _whole(least=0),
    "training.weight_decay": NOT_NEGATIVE,
    "training.clip_norm": NOT_NEGATIVE,
    "training.seed": _whole(least=0, most=LARGEST_SEED),
    "training.precision": _choice("float32", "float16", "bfloat16"),
    "training.xla": _flag,
    "training.ema_momentum": _limited(least=0, below=1),
    "training.workers": _whole(least=0, most=MOST_WORKERS),
    "detection.patch_size": _optional_patch,
    "detection.overlap": _limited(least=0, most=0.9),
    "detection.threshold": _limited(above=0, below=1),
    "detection.min_volume_mm3": _limited(least=0, below=1000),
    "tracking.clearml": _flag,
    "tracking.project": _text,
}
"""By section and key."""


def check_together(config: Config) -> None:
    """Refuse (`WrongValueError`) values that are possible each by itself, but not together."""
    depth, in_plane = len(config.network.filters), config.network.kind == "in-plane"
    steps = [fold * 2 ** (depth - 1) for fold in (2, 2, 1)] if in_plane else [2**depth] * 3  # as the networks halve
    for key, sides in (
        ("network.patch_size", config.network.patch_size),
        ("detection.patch_size", config.detection.patch_size),
    ):
        if sides is not None and any(side % step for side, step in zip(sides, steps, strict=True)):
            raise wrong(key, list(sides), f"multiples of {steps}, as network.filters has {depth} depths")
    if not any(config.loss.class_weights):
        raise wrong("loss.class_weights", list(config.loss.class_weights), "above 0 for one class at least")
    if config.loss.tversky_share + config.loss.entropy_share + config.loss.hardest_share == 0:
        raise WrongValueError(
            "loss: tversky_share, entropy_share and hardest_share are all 0; nothing would be learnt."
        )
