"""What the program and a reader say of a lesion, and what the two come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from ..errors import InputError

KEPT, DROPPED = "kept", "dropped"
STATUSES = (KEPT, DROPPED)
"""What the program says of a candidate; no reader changes it."""

ACCEPTED, REJECTED, UNCERTAIN = "accepted", "rejected", "uncertain"
DECISIONS = (ACCEPTED, REJECTED, UNCERTAIN)
"""What a reader says. Accepted is what BOMBS and MARS call definite, uncertain what they call possible."""
UNDECIDED = "none"
"""No reader has decided."""

DEFINITE, POSSIBLE, DETECTED = "definite", "possible", "detected"
CERTAINTIES = (DEFINITE, POSSIBLE, DETECTED)
"""What is known of a lesion on the list: a reader accepted it, a reader is uncertain, no reader has decided."""

UNREVIEWED, BELOW = "unreviewed", DROPPED
"""States of a lesion without a verdict: the detector kept it, or it did not."""

CALCIFICATION, OTHER = "basal-ganglia calcification", "other"
MIMICS = (
    "vessel", CALCIFICATION, "cavernoma", "telangiectasia", "bone, air or sinus", "artefact", OTHER,
)  # fmt: skip
"""What looks like a microbleed and is none; a key each in the user interfaces, 1 to 7."""


CAUSES = ("trauma", "hypertension", "DAI", "trauma-DAI", "CAA", "radiotherapy", OTHER)
"""What a microbleed is suspected to come from."""


@dataclass(frozen=True)
class Verdict:
    """One reader's decision on one lesion.

    Attributes
    ----------
    decision : str
        One of `DECISIONS`.
    mimic : str
        One of `MIMICS`, of a rejected lesion only; empty where it was not said.
    reader : str
        Name or initials; empty if the reader gave none.
    time : str
        ISO 8601, UTC.
    cause : str
        One of `CAUSES`, of a lesion that is not rejected; empty where it was not said.

    Raises
    ------
    InputError
        The decision, the mimic or the cause is not known, a lesion that is not rejected has a mimic, or a rejected
        one a cause.
    """

    decision: str
    mimic: str = ""
    reader: str = ""
    time: str = ""
    cause: str = ""

    def __post_init__(self) -> None:
        if self.decision not in DECISIONS:
            raise InputError(f"There is no decision {self.decision!r}.", f"Decisions are {', '.join(DECISIONS)}.")
        if self.mimic and (self.mimic not in MIMICS or self.decision != REJECTED):
            raise InputError(
                f"{self.mimic!r} cannot be said of {self.decision} lesions.",
                f"Rejected ones may be {', '.join(MIMICS)}.",
            )
        if self.cause and (self.cause not in CAUSES or self.decision == REJECTED):
            raise InputError(
                f"{self.cause!r} cannot be the cause of {self.decision} lesions.",
                f"Others may come from {', '.join(CAUSES)}.",
            )


def certainty_of(status: str, decision: str) -> str:
    """Say what is known of a lesion, one of `CERTAINTIES`; empty of one that is dropped or rejected.

    Parameters
    ----------
    status : str
        One of `STATUSES`.
    decision : str
        One of `DECISIONS`, or `UNDECIDED`; it overrules the program.
    """
    if decision == UNDECIDED:
        return DETECTED if status == KEPT else ""
    return {ACCEPTED: DEFINITE, UNCERTAIN: POSSIBLE}.get(decision, "")


def utc_now() -> str:
    """Give the time for a verdict."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
