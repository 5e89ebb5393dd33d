"""The network that a configuration asks for."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from ..config.sections import Config, DetectConfig, RegionsConfig, VerifyConfig
from ..regions.atlas import CLASSES
from ..regions.network import build_regions_network
from .in_plane import build_in_plane_unet
from .table_iv import build_unet
from .verifier import build_verifier


def build_network(config: Config, patch_size: Sequence[int | None] | None = None) -> keras.Model:
    """Build the network of a configuration.

    Parameters
    ----------
    config : Config
    patch_size : sequence of int or None, optional
        In place of a detector's configured one.

    Returns
    -------
    keras.Model
        A detector: input (batch, i, j, k, 1); output (batch, i, j, k, 2), probabilities of Table IV's network and
        logits of others. The rest: see `build_regions_network`, `build_verifier`.
    """
    if isinstance(config, DetectConfig):
        network = config.network
        build = build_unet if network.kind == "table-iv" else build_in_plane_unet
        return build(patch_size or network.patch_size, network.filters, l2=network.l2)
    if isinstance(config, RegionsConfig):
        return build_regions_network(config.network.filters, len(CLASSES))
    assert isinstance(config, VerifyConfig)
    return build_verifier(config.network.filters)
