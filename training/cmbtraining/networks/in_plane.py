"""The detector's network: a 3D U-Net whose first and last steps work on 2 x 2 voxels of a slice at once."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

FOLD = (2, 2, 1)  # voxels that become one: slices of gradient-echo scans are thicker than their voxels are wide
NORM_EPSILON = 1e-3  # bfloat16 holds three digits
RARE = -4.0  # logit of a microbleed before anything is learnt: about one voxel in fifty


def build_in_plane_unet(
    patch_size: Sequence[int | None],
    filters: Sequence[int] = (32, 48, 96, 128),
    channels: int = 1,
    classes: int = 2,
    l2: float = 0.0,
) -> keras.Model:
    """Build the network.

    Parameters
    ----------
    patch_size : sequence of int or None
        Voxels along the three axes, slices last; None leaves an axis free.
    filters : sequence of int
        Filters per level, the first after folding.
    channels : int
        Of the input.
    classes : int
        Output classes, background first.
    l2 : float
        Weight of the L2 penalty on every convolution's kernel.

    Returns
    -------
    keras.Model
        Input (batch, i, j, k, channels), output logits (batch, i, j, k, classes).

    Raises
    ------
    ValueError
        The patch cannot be folded and halved once per further level.

    Notes
    -----
    A convolution over 6 x 6 x 3 voxels with a stride of 2 x 2 x 1 is what 3 x 3 x 3 is after four voxels of a
    slice were folded into channels, and a transposed one of 2 x 2 x 1 unfolds them again; both are single nodes in
    ONNX. At half the resolution in plane, 32 filters cost less than 8 did before, and processors multiply 32
    channels at full speed. Each channel is normalised within each patch (as in nnU-Net: Isensee, Nat Methods
    18:203, 2021): patches come from scanners that share no grey level.

    Examples
    --------
    >>> build_in_plane_unet((64, 64, 32)).output_shape
    (None, 64, 64, 32, 2)
    """
    depth = len(filters) - 1
    for n, fold in zip(patch_size, FOLD, strict=True):
        step = fold * 2**depth
        if n is not None and (n < step or n % step):
            raise ValueError(f"patch_size {tuple(patch_size)}: every side must be a multiple of {step} voxels.")
    regularizer = keras.regularizers.L2(l2) if l2 else None

    def normalised(x):
        x = layers.GroupNormalization(groups=-1, epsilon=NORM_EPSILON)(x)
        return layers.LeakyReLU(0.1)(x)

    def convolve(x, count: int, width: int | tuple[int, ...] = 3, stride: int | tuple[int, ...] = 1):
        return normalised(
            layers.Conv3D(
                count,
                width,
                strides=stride,
                padding="same",
                use_bias=False,  # the normalisation takes it off again
                kernel_initializer="he_normal",
                kernel_regularizer=regularizer,
            )(x)
        )

    inputs = keras.Input((*patch_size, channels), name="scan")
    x = convolve(inputs, filters[0], tuple(3 * f for f in FOLD), FOLD)
    x = convolve(x, filters[0])
    skips = []
    for count in filters[1:]:
        skips.append(x)
        x = layers.MaxPooling3D(2)(x)
        x = convolve(convolve(x, count), count)
    for count, skip in zip(reversed(filters[:-1]), reversed(skips), strict=True):
        x = layers.Conv3DTranspose(count, 2, strides=2, kernel_regularizer=regularizer)(x)
        x = layers.Concatenate()([x, skip])
        x = convolve(convolve(x, count), count)
    x = layers.Conv3DTranspose(
        classes,
        FOLD,
        strides=FOLD,
        kernel_regularizer=regularizer,
        bias_initializer=_rare_foreground,
        name="unfolded",
    )(x)
    logits = layers.Activation("linear", dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="cmb_in_plane_unet")


@keras.saving.register_keras_serializable("cmbtraining")
def _rare_foreground(shape: Sequence[int], dtype: str | None = None):
    """Bias with which a new network calls nothing a lesion."""
    return keras.ops.convert_to_tensor([0.0, *[RARE] * (shape[0] - 1)], dtype=dtype)
