"""The regions network's loss: cross-entropy on logits plus the Dice index of every region."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

SMOOTHING = 10.0  # voxels: a region that is cut off by the patch costs nothing


@keras.saving.register_keras_serializable("cmbtraining")
class RegionLoss(keras.losses.Loss):
    """Mean weighted cross-entropy plus one minus the mean Dice index.

    Parameters
    ----------
    class_weights : sequence of float
        Background first.

    Notes
    -----
    Truth holds integer labels (batch, i, j, k, 1), predictions are logits (batch, i, j, k, classes): a
    cross-entropy of clipped probabilities has no gradient where the network is sure and wrong.
    """

    def __init__(self, class_weights: Sequence[float], name: str = "entropy_and_dice", **kwargs) -> None:
        super().__init__(name=name, **kwargs)
        self.class_weights = tuple(class_weights)

    def call(self, y_true, y_pred):
        """Loss of a batch; see the class."""
        classes = len(self.class_weights)
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        logits = ops.reshape(ops.cast(y_pred, "float32"), (-1, classes))
        log_p = ops.log_softmax(logits, axis=-1)
        truth = ops.one_hot(labels, classes)
        weights = ops.take(ops.convert_to_tensor(self.class_weights, "float32"), labels)
        entropy = -ops.sum(weights * ops.sum(truth * log_p, axis=-1)) / ops.sum(weights)
        p = ops.exp(log_p)
        both = ops.sum(truth * p, axis=0)
        dice = (2 * both + SMOOTHING) / (ops.sum(truth, axis=0) + ops.sum(p, axis=0) + SMOOTHING)
        return entropy + 1 - ops.mean(dice)

    def get_config(self) -> dict:
        """Arguments with which Keras makes it again."""
        return {**super().get_config(), "class_weights": self.class_weights}
