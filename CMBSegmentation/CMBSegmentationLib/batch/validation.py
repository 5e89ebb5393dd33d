"""What the BIDS validator says of a dataset."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from ..errors import MachineError

PROGRAM = "bids-validator-deno"
NOT_YET_IN_BIDS = ("/swi/", "_swi.", "_minIP.", "_GRE.")
"""Of susceptibility-weighted imaging, which BIDS 1.11 has no names for (extension proposal 4): no errors here."""
NO_NAME = ("NOT_INCLUDED", "ALL_FILENAME_RULES_HAVE_ISSUES", "INVALID_LOCATION", "FILENAME_MISMATCH")


def validator() -> str | None:
    """Find the validator: that of this Python, else that of the PATH; None where there is none."""
    own = Path(sys.executable).with_name(PROGRAM)
    return str(own) if own.exists() else shutil.which(PROGRAM)


def errors_of(dataset: Path, program: str) -> list[str]:
    """Validate a dataset.

    Parameters
    ----------
    dataset : Path
    program : str
        The validator.

    Returns
    -------
    list of str
        Errors, one a line: their code, where, and what is said of them. Warnings are none, nor are files of
        susceptibility-weighted imaging that BIDS has no name for yet.

    Raises
    ------
    MachineError
        The validator failed.
    """
    done = subprocess.run(
        [program, str(dataset), "--format", "json"], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    try:
        issues = json.loads(done.stdout)["issues"]["issues"]
        errors = [one for one in issues if one["severity"] == "error" and not _is_swi(one)]
    except (ValueError, KeyError, TypeError) as error:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise MachineError(f"The BIDS validator failed ({said}).", "Try again with --skip-bids-validation.") from error
    return [_line(one) for one in errors]


def _is_swi(issue: dict[str, str]) -> bool:
    where = issue.get("location", "")
    return issue["code"] in NO_NAME and any(part in where for part in NOT_YET_IN_BIDS)


def _line(issue: dict[str, str]) -> str:
    parts = (issue["code"], issue.get("subCode", ""), issue.get("location", ""), issue.get("issueMessage", ""))
    return " ".join(" ".join(part.split()) for part in parts if part)
