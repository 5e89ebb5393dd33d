"""The 3D U-Net of Table IV (del Pozo Lerida 2023), free in its filters and patch size."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers


def build_unet(
    patch_size: Sequence[int | None],
    filters: Sequence[int] = (32, 64, 128, 256),
    channels: int = 1,
    classes: int = 2,
    l2: float = 1e-4,
) -> keras.Model:
    """Build the network.

    Parameters
    ----------
    patch_size : sequence of int or None
        Voxels along the three axes, each a multiple of ``2 ** len(filters)``; None leaves it free.
    filters : sequence of int
        Filters per encoder depth; the bottleneck has twice the last.
    channels : int
        Input sequences.
    classes : int
        Output classes, background included.
    l2 : float
        Weight of the L2 penalty on every convolution's kernel.

    Returns
    -------
    keras.Model
        Input (batch, i, j, k, channels), output softmax probabilities (batch, i, j, k, classes).
        With the default arguments it has 26,334,178 parameters, as the paper states.

    Raises
    ------
    ValueError
        The patch cannot be halved once per depth.

    Examples
    --------
    >>> build_unet((80, 80, 80)).count_params()
    26334178
    """
    step = 2 ** len(filters)
    if any(n is not None and (n < step or n % step) for n in patch_size):
        raise ValueError(f"patch_size {tuple(patch_size)}: every side must be a multiple of {step}.")

    def convolve(x, count: int, width: int):
        regularizer = keras.regularizers.L2(l2)
        x = layers.Conv3D(count, width, padding="same", activation="elu", kernel_regularizer=regularizer)(x)
        return layers.BatchNormalization()(x)

    def block(x, count: int):
        return convolve(convolve(x, count, 3), count, 3)

    inputs = keras.Input((*patch_size, channels), name="scan")
    x, skips = inputs, []
    for count in filters:
        x = block(x, count)
        skips.append(x)
        x = layers.MaxPooling3D(2)(x)
    x = block(x, 2 * filters[-1])
    for count, skip in zip(reversed(filters), reversed(skips), strict=True):
        x = layers.UpSampling3D(2)(x)
        x = convolve(x, x.shape[-1], 2)
        x = block(layers.Concatenate()([x, skip]), count)
    outputs = layers.Conv3D(
        classes,
        1,
        activation="softmax",
        kernel_regularizer=keras.regularizers.L2(l2),
        dtype="float32",
        name="probability",
    )(x)
    return keras.Model(inputs, outputs, name="cmb_unet")
