"""Random numbers of a scan: a generator a topic, so that a change to one draw leaves the others as they were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MIMICS, LOAD, COVER, HEAD, VESSELS, CALCIUM, LESIONS, PHASE = range(1, 9)


@dataclass(frozen=True)
class Streams:
    """A scan's generators.

    Attributes
    ----------
    seed : int
    main : numpy.random.Generator
        Head, scanner and noise.
    mimics : numpy.random.Generator
        Of its own, so that the anatomy is the same with and without mimics.
    """

    seed: int
    main: np.random.Generator
    mimics: np.random.Generator

    @staticmethod
    def of(seed: int) -> Streams:
        """Start all generators of a seed."""
        return Streams(seed, np.random.default_rng(seed), np.random.default_rng([seed, MIMICS]))

    def topic(self, number: int) -> np.random.Generator:
        """Start the generator of one of the topics above."""
        return np.random.default_rng([self.seed, number])
