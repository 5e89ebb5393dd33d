"""What a run folder says of its run: configuration, git commit, environment, seed, every start."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from CMBSegmentationLib.files.atomic_file import put_in_place

from ..config.sections import Config
from ..config.settings import ConfigError, load_config

PACKAGES = ("slicer-cmb", "keras", "tensorflow", "tensorflow-cpu", "torch", "jax", "numpy", "SimpleITK", "scipy")
FIXED = {"data", "network", "heads"}  # what a checkpoint cannot change on the way


def check_run(folder: Path, config: Config) -> None:
    """Refuse (`ConfigError`) to go on in a folder that holds a run of another task, network or data."""
    if not (folder / "config.yaml").exists():
        return
    plain, before = (_plain(one) for one in (config, load_config(folder / "config.yaml")))
    if before["task"] != plain["task"]:
        raise ConfigError(f"{folder} holds a run of task {before['task']}, not {plain['task']}. Give another --out.")
    for section in FIXED & set(plain):
        for key, value in plain[section].items():
            if before[section][key] != value:
                raise ConfigError(
                    f"{folder} holds another run: its {section}.{key} is {before[section][key]}, not {value}. "
                    f"Give another --out."
                )


def record_start(folder: Path, config: Config) -> None:
    """Write ``config.yaml`` and add this start to ``run.json``; makes the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "config.yaml", yaml.safe_dump(_plain(config), sort_keys=False))
    record = folder / "run.json"
    starts = json.loads(record.read_text(encoding="utf-8"))["starts"] if record.exists() else []
    _replace(record, json.dumps({"starts": [*starts, _start(config)]}, indent=1))


def _plain(config: Config) -> dict[str, Any]:
    """With lists in place of tuples, as YAML has them."""
    plain: dict[str, Any] = json.loads(json.dumps(config.as_dict()))
    return plain


def _start(config: Config) -> dict[str, Any]:
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": sys.argv,
        "seed": config.training.seed,
        "git": _git(),
        "environment": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "keras_backend": os.environ.get("KERAS_BACKEND", ""),
            "packages": {name: found for name in PACKAGES if (found := _version(name))},
        },
    }


def _git() -> dict[str, Any]:
    """Commit and whether files differ from it; unknown where there is no git or no checkout."""
    here = Path(__file__).resolve().parent

    def ask(*arguments: str) -> str:
        try:
            told = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return ""
        return told.stdout.strip()

    commit = ask("rev-parse", "HEAD")
    return {"commit": commit or "unknown", "changed": bool(commit and ask("status", "--porcelain", "-uno"))}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    put_in_place(draft, path)
