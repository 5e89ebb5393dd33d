"""List what is still missing before the extension can be published (Docs/publishing.md)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = ("CMBSegmentation/CMBSegmentationLib/__init__.py", r'__version__ = "([^"]+)"')


def missing(root: Path, remote: str) -> list[str]:
    """Name what is empty or does not agree, with the file it belongs into.

    Parameters
    ----------
    root : Path
        Of the checkout.
    remote : str
        URL of the repository it is published in; empty where there is none.
    """
    entry = json.loads((root / "CMBSegmentation.json").read_text(encoding="utf-8"))
    lists = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    version = re.search(VERSION[1], (root / VERSION[0]).read_text(encoding="utf-8"))[1]  # type: ignore[index]
    citation = re.search(r"^version: (.*)$", (root / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    changes = re.search(r"^## (.*)$", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    name = remote.rstrip("/").removesuffix(".git").rpartition("/")[2]
    wanted = {
        "git remote origin: the repository's URL": remote,
        "git remote origin: a repository whose name begins with Slicer": name.startswith("Slicer"),
        "CMBSegmentation.json: scm_url": entry["scm_url"],
        "CMakeLists.txt: EXTENSION_HOMEPAGE": value_of("EXTENSION_HOMEPAGE", lists),
        "CMakeLists.txt: EXTENSION_ICONURL": value_of("EXTENSION_ICONURL", lists),
        "CMakeLists.txt: EXTENSION_SCREENSHOTURLS": value_of("EXTENSION_SCREENSHOTURLS", lists),
        "CMakeLists.txt: EXTENSION_CONTRIBUTORS, people with their institutions": "("
        in value_of("EXTENSION_CONTRIBUTORS", lists),
        f"CITATION.cff: version {version}": citation and citation[1] == version,
        f"CHANGELOG.md: a date for {version}": changes and re.fullmatch(rf"{version} — \d{{4}}-\d\d-\d\d", changes[1]),
        "LICENSE": (root / "LICENSE").is_file(),
    }
    return [what for what, is_there in wanted.items() if not is_there]


def value_of(name: str, lists: str) -> str:
    """Give what a variable of a CMakeLists.txt is set to; empty where it is not set."""
    found = re.search(rf'^set\({name} "([^"]*)"', lists, re.MULTILINE)
    return found[1] if found else ""


def main() -> int:
    """Print the list; 1 if anything is missing."""
    told = subprocess.run(
        ["git", "config", "--get", "remote.origin.url"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    left = missing(ROOT, told.stdout.strip())
    print("\n".join(f"missing  {one}" for one in left) or "Everything that can be checked here is there.")
    print("By hand: the topic 3d-slicer-extension on GitHub, and that all URLs can be opened (Docs/publishing.md).")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
