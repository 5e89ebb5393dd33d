"""How many microbleeds a scan has."""

from __future__ import annotations

import numpy as np

UNIFORM, VALDO, TRAINING = "uniform", "valdo", "training"
LOADS = (UNIFORM, VALDO, TRAINING)

VALDO_COUNTS = (0,) * 22 + (1,) * 30 + (2,) * 7 + (3,) * 3 + (6, 8, 9, 11, 11, 11, 14, 21, 26, 77)
"""Of VALDO's 72 subjects (Docs/simulation.md, "Lesions in VALDO")."""
TRAINING_WITHOUT = 0.1
TRAINING_MOST = 40


def draw_count(load: str, rng: np.random.Generator) -> int:
    """Draw how many lesions a scan is to have.

    Parameters
    ----------
    load : {"uniform", "valdo", "training"}
        ``uniform``: 0 to 39, all as likely. ``valdo``: as one of VALDO's subjects, numbers above 3 varied by a fifth.
        ``training``: a tenth without, the others 1 to 40 with a median of 6, so that few scans hold many examples.
    rng : numpy.random.Generator

    Returns
    -------
    int

    Raises
    ------
    ValueError
        The load is none of `LOADS`.
    """
    if load == UNIFORM:
        return int(rng.integers(0, 40))
    if load == VALDO:
        count = int(rng.choice(VALDO_COUNTS))
        return count if count <= 3 else round(count * rng.uniform(0.8, 1.2))
    if load == TRAINING:
        if rng.random() < TRAINING_WITHOUT:
            return 0
        return round(float(np.exp(rng.uniform(0.0, np.log(TRAINING_MOST)))))
    raise ValueError(f"load is {load!r}, expected one of {', '.join(LOADS)}")
