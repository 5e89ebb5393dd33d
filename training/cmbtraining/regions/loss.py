"""The regions network's loss: cross-entropy on logits plus the Dice index of every region."""

from __future__ import annotations

import keras
from keras import ops

from .atlas import CSF_CLASS
from .scans import ALL_PARTS, BACKGROUND, FLUID, REGION

SMOOTHING = 10.0  # voxels: a region that is cut off by the patch costs nothing


@keras.saving.register_keras_serializable("cmbtraining")
class RegionLoss(keras.losses.Loss):
    """Mean cross-entropy plus one minus the mean Dice index, both of shares: a voxel may be half fluid.

    Notes
    -----
    Truth is that of `scans.RegionSample` (batch, i, j, k, 3), predictions are logits (batch, i, j, k, classes): a
    cross-entropy of clipped probabilities has no gradient where the network is sure and wrong. The lowest
    cross-entropy is reached where each class's probability is its share of the voxel. No class weighs more than
    another: the border between tissue and fluid must lie where it is.
    """

    def __init__(self, name: str = "entropy_and_dice", **kwargs) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        """Loss of a batch; see the class."""
        classes = y_pred.shape[-1]
        truth = ops.reshape(ops.cast(y_true, "int32"), (-1, 3))
        log_p = ops.log_softmax(ops.reshape(ops.cast(y_pred, "float32"), (-1, classes)), axis=-1)
        p = ops.exp(log_p)
        region = truth[:, REGION]
        fluid, background = (ops.cast(truth[:, k], "float32") / ALL_PARTS for k in (FLUID, BACKGROUND))
        tissue = 1 - fluid - background
        log_region = ops.take_along_axis(log_p, ops.expand_dims(region, -1), axis=-1)[:, 0]
        entropy = -(tissue * log_region + fluid * log_p[:, CSF_CLASS] + background * log_p[:, 0])
        of_regions = ops.segment_sum(tissue, region, num_segments=classes)  # none of background: its tissue is 0
        hit = ops.segment_sum(ops.minimum(tissue, ops.exp(log_region)), region, num_segments=classes)
        others = ops.stack([ops.sum(background), ops.sum(fluid)])
        hit_others = ops.stack(
            [ops.sum(ops.minimum(background, p[:, 0])), ops.sum(ops.minimum(fluid, p[:, CSF_CLASS]))]
        )
        both = ops.concatenate([hit_others, hit[2:]])
        there = ops.concatenate([others, of_regions[2:]])
        dice = (2 * both + SMOOTHING) / (there + ops.sum(p, axis=0) + SMOOTHING)
        return 1 + ops.mean(entropy) - ops.mean(dice)
