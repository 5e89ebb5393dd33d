"""How many made-up examples a property test tries: few in the gate, a hundred times as many in `make soak`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

SOAK_FACTOR = 100


def examples(count: int) -> settings:
    """Settings of a property test.

    Parameters
    ----------
    count : int
        Examples in `make test`; where the environment variable ``CMB_SOAK`` is set, `SOAK_FACTOR` times as many.
    """
    count *= SOAK_FACTOR if os.environ.get("CMB_SOAK") else 1
    # how long an example takes says how busy the machine is
    return settings(max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow])
