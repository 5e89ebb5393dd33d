"""The regions network's loss: cross-entropy on logits plus the Dice index of every region."""

from __future__ import annotations

import keras
from keras import ops

SMOOTHING = 10.0  # voxels: a region that is cut off by the patch costs nothing


@keras.saving.register_keras_serializable("cmbtraining")
class RegionLoss(keras.losses.Loss):
    """Mean cross-entropy plus one minus the mean Dice index.

    Notes
    -----
    Truth holds integer labels (batch, i, j, k, 1), predictions are logits (batch, i, j, k, classes): a
    cross-entropy of clipped probabilities has no gradient where the network is sure and wrong. No class
    weighs more than another: the border between tissue and fluid must lie where it is.
    """

    def __init__(self, name: str = "entropy_and_dice", **kwargs) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        """Loss of a batch; see the class."""
        classes = y_pred.shape[-1]
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        log_p = ops.log_softmax(ops.reshape(ops.cast(y_pred, "float32"), (-1, classes)), axis=-1)
        own = ops.take_along_axis(log_p, ops.expand_dims(labels, -1), axis=-1)[:, 0]
        both = ops.segment_sum(ops.exp(own), labels, num_segments=classes)
        there = ops.segment_sum(ops.ones_like(own), labels, num_segments=classes)
        dice = (2 * both + SMOOTHING) / (there + ops.sum(ops.exp(log_p), axis=0) + SMOOTHING)
        return 1 - ops.mean(own) - ops.mean(dice)
