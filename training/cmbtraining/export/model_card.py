"""A model's card: what the manifest says, and what was measured, for people (Mitchell et al. 2019, "Model Cards")."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from CMBSegmentationLib.models.manifest import Manifest

TASKS = {
    "detect": "candidate microbleeds on T2\\*-weighted GRE magnitude or SWI",
    "verify": "tells microbleeds from mimics among a detector's candidates",
    "regions": "brain and anatomical regions",
}
SETTINGS = {
    "network.filters": "filters",
    "loss.alpha": "focal Tversky α",
    "loss.beta": "focal Tversky β",
    "loss.gamma": "focal Tversky γ",
    "training.learning_rate": "learning rate",
    "training.batch_size": "patches a step",
    "training.epochs": "epochs, at most",
    "training.steps_per_epoch": "steps an epoch",
}
FIGURES = {"TPR": "sensitivity", "PPV": "positive predictive value", "F1": "F1", "FPavg": "false positives a scan"}


def model_card(manifest: Manifest, parity: str, *, dynamic: bool = False) -> str:
    """Write a model's card.

    Parameters
    ----------
    manifest : Manifest
        Its ``training`` as `export.py` fills it, its ``metrics`` as ``evaluate.py aggregate --json`` gives them.
    parity : str
        How far ONNX Runtime is from TensorFlow, in words.
    dynamic : bool
        Whether the file takes patches of any size.

    Returns
    -------
    str
        Markdown.
    """
    training = manifest.training
    times = " x ".join(f"{n}" for n in manifest.patch_size)
    mm = " x ".join(f"{s:g}" for s in manifest.spacing_mm)
    size = f"{times} voxels" + (", other sizes taken" if dynamic else "")
    rows = [
        ("task", f"{manifest.task}: {TASKS[manifest.task]}"),
        ("version", f"{manifest.version}, default threshold {manifest.threshold:g}"),
        ("input", f"{size} of {mm} mm, axes {manifest.axes}, normalisation {manifest.normalization}"),
        ("sequences", ", ".join(manifest.sequences)),
        ("output", f"logits of {', '.join(manifest.classes)}"),
        ("parameters", f"{training.get('parameters', 0):,}"),
        ("training data", training.get("data", "not told")),
        ("date, git commit", f"{training.get('date', '')}, {training.get('git_commit', '')}"),
        ("ONNX Runtime against TensorFlow", parity),
        ("licence", manifest.license),
    ]
    rows += [(words, str(value)) for words, value in _settings(training.get("config", {}))]
    parts = [
        f"# {manifest.name}",
        f"**{training.get('statement', '')}** Research use; not a medical device.",
        _table(("", ""), rows),
        "## Meant for",
        manifest.intended_use,
        "## What was measured",
        _measured(manifest.metrics),
        "## What it does not know",
        "- Anything that its training data did not show: see the row above, and `cmb models`.\n"
        "- Findings need a reader; a list without entries does not rule microbleeds out.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_card(card: str, model: Path) -> bool:
    """Write a card beside its model; one that is there stays, it may hold a person's words.

    Returns
    -------
    bool
        Whether it was written.
    """
    path = model.with_suffix(".md")
    if path.exists():
        return False
    path.write_text(card, encoding="utf-8")
    return True


def _settings(config: dict[str, Any]) -> list[tuple[str, Any]]:
    found = []
    for key, words in SETTINGS.items():
        section, name = key.split(".")
        if name in config.get(section, {}):
            found.append((words, config[section][name]))
    return found


def _measured(metrics: dict[str, Any]) -> str:
    if not metrics:
        return "Nothing yet: evaluate it (training/README.md), then `export.py --metrics`."
    if "dice" in metrics:
        found = [(name, f"{one['dice']:.2f}", _interval(*one["interval_95"])) for name, one in metrics["dice"].items()]
        return f"{metrics.get('data', '')}.\n\n{_table(('', 'Dice', '95 % interval'), found)}"
    about = (
        f"{metrics.get('subjects', '?')} subjects, matching rule: {metrics.get('rule', 'not told')}; 95 % intervals."
    )
    rows = []
    for name, words in FIGURES.items():
        value = metrics.get("figures", {}).get(name)
        if value is not None:
            rows.append((words, f"{value:.2f}", _interval(*metrics.get("intervals_95", {}).get(name, (None, None)))))
    return f"{about}\n\n{_table(('', 'value', '95 % interval'), rows)}"


def _interval(low: float | None, high: float | None) -> str:
    return f"{low:.2f} to {high:.2f}" if low is not None and high is not None else ""


def _table(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *rows]
    cells = [[str(cell).replace("|", "/").replace("\n", " ") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
