"""Write the lock files: for each extra of pyproject.toml all packages, at one version each, with their hashes.

``make lock`` calls this after a change of pyproject.toml, or to take up newer packages. One file serves Python 3.10 to
3.13 on every system: where they need different versions, markers say which. `dev.txt` is resolved first and the others
take its versions, so that the tests run on what users get. Each begins with the requirements that it was made for;
`Testing/test_locks.py` compares them with pyproject.toml.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

HERE = Path(__file__).parent
PYPROJECT = HERE.parent / "pyproject.toml"
BASE, DEV = "base", "dev"
REQUIRES = "# requires: "
TITLE = "# Made by `make lock` from pyproject.toml; not to be edited.\n"


def requirements_of(project: dict) -> dict[str, list[str]]:
    """Give the requirements of each lock file by its name: those of the program, of its build and of one extra."""
    common = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    extras = project["project"]["optional-dependencies"]
    return {BASE: common, **{name: [*common, *own] for name, own in extras.items()}}


def lock(name: str, requirements: list[str], constraints: Path | None) -> None:
    """Resolve one file; the network is asked, and no index is named in it."""
    with tempfile.NamedTemporaryFile("w", suffix=".in") as wanted:
        wanted.write("\n".join(requirements))
        wanted.flush()
        command = [
            *(sys.executable, "-m", "uv", "pip", "compile", wanted.name, "--universal", "--python-version", "3.10"),
            *("--generate-hashes", "--no-header", "--no-annotate", "--quiet"),
            *(("--constraints", str(constraints)) if constraints else ()),
        ]
        pinned = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
    header = TITLE + "".join(f"{REQUIRES}{one}\n" for one in requirements)
    (HERE / f"{name}.txt").write_text(header + pinned, encoding="utf-8")


def main() -> None:
    """Write all files, and remove that of an extra which is gone."""
    wanted = requirements_of(tomllib.loads(PYPROJECT.read_text(encoding="utf-8")))
    for name in sorted(wanted, key=lambda one: one != DEV):
        print(name)
        lock(name, wanted[name], None if name == DEV else HERE / f"{DEV}.txt")
    for path in HERE.glob("*.txt"):
        if path.stem not in wanted:
            path.unlink()


if __name__ == "__main__":
    main()
