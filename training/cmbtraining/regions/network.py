"""The regions network: a U-Net that works at half its input's resolution and answers at the full one."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

L2_WEIGHT = 1e-5


def build_regions_network(filters: Sequence[int], classes: int) -> keras.Model:
    """Build the network.

    Parameters
    ----------
    filters : sequence of int
        Filters at every depth, the first at half the input's resolution.
    classes : int
        Background included.

    Returns
    -------
    keras.Model
        Input (batch, i, j, k, 1), every side a multiple of ``2 ** len(filters)``; output logits
        (batch, i, j, k, classes).

    Notes
    -----
    The first convolution has a stride of two and the last, transposed, one too: whole heads fit into one
    step of training on a CPU, and a lobe is told by where in the head it lies. Each channel is normalised
    within each head (as in nnU-Net, Isensee, Nat Methods 18:203, 2021): no two have the same contrast.
    """
    regularizer = keras.regularizers.L2(L2_WEIGHT)

    def convolve(x, count: int, width: int = 3, stride: int = 1):
        x = layers.Conv3D(
            count,
            width,
            strides=stride,
            padding="same",
            kernel_initializer="he_normal",
            kernel_regularizer=regularizer,
        )(x)
        return layers.LeakyReLU(0.2)(layers.GroupNormalization(groups=-1)(x))

    inputs = keras.Input((None, None, None, 1), name="scan")
    x, skips = convolve(inputs, filters[0], width=4, stride=2), []
    for depth, count in enumerate(filters):
        x = convolve(x, count)
        if depth:
            x = convolve(x, count)
        if depth < len(filters) - 1:
            skips.append(x)
            x = layers.MaxPooling3D(2)(x)
    for count, skip in zip(reversed(filters[:-1]), reversed(skips), strict=True):
        x = layers.Conv3DTranspose(count, 2, strides=2, kernel_regularizer=regularizer)(x)
        x = convolve(convolve(layers.Concatenate()([x, skip]), count), count)
    outputs = layers.Conv3DTranspose(classes, 2, strides=2, kernel_regularizer=regularizer, name="region")(x)
    return keras.Model(inputs, outputs, name="cmb_regions")
