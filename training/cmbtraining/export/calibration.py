"""A verifier's logits made probabilities: one temperature, and one shift for how rare microbleeds are."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_expit, logsumexp


def calibration(logits: NDArray[np.float64], microbleed: NDArray[np.bool_]) -> tuple[float, float]:
    """Fit what makes the first class's probability agree with how often it is true.

    Training shows more microbleeds than there are, and networks are surer than they are right.

    Parameters
    ----------
    logits : float array (n, kinds)
        The microbleed first.
    microbleed : bool array (n,)

    Returns
    -------
    temperature, shift : float
        All logits are divided by the one, then the first gets the other added.

    References
    ----------
    Guo et al., ICML 2017 (temperature); Saerens et al., Neural Comput 14:21, 2002 (prior).
    """

    def surprise(given: NDArray[np.float64]) -> float:
        scaled = logits / np.exp(given[0])
        margin = scaled[:, 0] + given[1] - logsumexp(scaled[:, 1:], axis=1)
        return -float(np.where(microbleed, log_expit(margin), log_expit(-margin)).mean())

    found = minimize(surprise, np.zeros(2), method="Nelder-Mead").x
    return float(np.exp(found[0])), float(found[1])


def fold(model: keras.Model, temperature: float, shift: float) -> None:
    """Put a calibration into the last layer's weights."""
    kernel, bias = model.layers[-1].get_weights()
    bias = bias / temperature
    bias[0] += shift
    model.layers[-1].set_weights([kernel / temperature, bias])
