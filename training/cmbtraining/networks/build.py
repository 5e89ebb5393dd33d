"""The network that a configuration asks for."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from ..config.settings import Config
from .in_plane import build_in_plane_unet
from .table_iv import build_unet


def build_network(config: Config, patch_size: Sequence[int | None] | None = None) -> keras.Model:
    """Build the network of a configuration.

    Parameters
    ----------
    config : Config
    patch_size : sequence of int or None, optional
        In place of the configuration's.

    Returns
    -------
    keras.Model
        Input (batch, i, j, k, 1); output (batch, i, j, k, 2), probabilities of Table IV's network and logits of others.
    """
    network = config.network
    build = build_unet if network.kind == "table-iv" else build_in_plane_unet
    return build(patch_size or network.patch_size, network.filters, l2=network.l2)
