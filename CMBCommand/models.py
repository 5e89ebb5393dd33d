"""`cmb models`: the models, and what is known of them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from CMBSegmentationLib.files.bundled import bundled_models
from CMBSegmentationLib.models.hardware import open_session
from CMBSegmentationLib.models.manifest import Manifest
from CMBSegmentationLib.models.model_file import DEFAULT_MODEL, read_manifest

from .printing import plain

ACTS_ON = {
    "detect": " where no verifier follows",
    "verify": " (in place of the detector's)",
}
"""What a model's threshold is for, by its task."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add FILE and --json to a parser."""
    parser.add_argument("files", metavar="FILE", nargs="*", type=Path, help="model files (default: the bundled ones)")
    parser.add_argument("--json", action="store_true", help="whole manifests as JSON")


def run(arguments: argparse.Namespace, screen: Console) -> int:
    """List them."""
    manifests: dict[str, Manifest] = {}
    for path in arguments.files or bundled_models():
        session, _ = open_session(path, "cpu")
        manifests[path.name] = read_manifest(session, path.name)
    page = Console()
    if arguments.json:
        page.print_json(json.dumps({name: json.loads(m.to_json()) for name, m in manifests.items()}))
        return 0
    for name, manifest in manifests.items():
        default = " (default)" if manifest.name == DEFAULT_MODEL else ""
        page.print(f"[bold]{name}[/]{default}  {manifest.task}, version {manifest.version}, {manifest.license}")
        spacing = " x ".join(f"{s:g}" for s in manifest.spacing_mm)
        page.print(
            f"  sequences {', '.join(manifest.sequences)}; voxels {spacing} mm; threshold {manifest.threshold:g}"
            f"{ACTS_ON.get(manifest.task, '')}",
            soft_wrap=True,
        )
        page.print(f"  {plain(manifest.intended_use)}", highlight=False, soft_wrap=True)
    return 0
