"""Losses: the paper's (section V-D), focal Tversky plus class-weighted cross-entropy, on probabilities or logits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
from keras import ops

SMOOTHING = 1.0  # keeps the index defined for a batch without lesions


def tversky_index(truth, probability, alpha: float, beta: float):
    """Tversky index of each class over all voxels of the batch.

    Parameters
    ----------
    truth, probability : tensors (batch, i, j, k, classes)
        One-hot truth and softmax output.
    alpha, beta : float
        Weights of false positives and of false negatives.

    Returns
    -------
    tensor (classes,)
    """
    axes = (0, 1, 2, 3)
    hit = ops.sum(truth * probability, axis=axes)
    false_positive = ops.sum((1.0 - truth) * probability, axis=axes)
    false_negative = ops.sum(truth * (1.0 - probability), axis=axes)
    return (hit + SMOOTHING) / (hit + alpha * false_positive + beta * false_negative + SMOOTHING)


def focal_tversky(truth, probability, alpha: float, beta: float, gamma: float):
    """Sum over the classes of ``(1 - Tversky index) ** gamma``."""
    miss = ops.maximum(1.0 - tversky_index(truth, probability, alpha, beta), keras.config.epsilon())
    return ops.sum(miss**gamma)


def weighted_cross_entropy(truth, log_probability, class_weights: Sequence[float]):
    """Cross-entropy of every voxel, weighted by its true class.

    Parameters
    ----------
    truth, log_probability : tensors (batch, i, j, k, classes)
        One-hot truth and logarithm of the softmax.
    class_weights : sequence of float
        Background first.

    Returns
    -------
    tensor (batch, i, j, k)
    """
    weights = ops.convert_to_tensor(list(class_weights), dtype=log_probability.dtype)
    return -ops.sum(weights * truth * log_probability, axis=-1)


def mean_of_hardest(values, share: float):
    """Mean of the largest values of each patch.

    Parameters
    ----------
    values : tensor (batch, i, j, k)
        The last three sides known.
    share : float
        Of a patch's voxels that count, above 0 and up to 1.
    """
    voxels = math.prod(values.shape[1:])
    largest, _ = ops.top_k(ops.reshape(values, (-1, voxels)), max(1, round(share * voxels)), sorted=False)
    return ops.mean(largest)


@keras.saving.register_keras_serializable("cmbtraining")
class CombinedLoss(keras.losses.Loss):
    """Focal Tversky loss plus a share of class-weighted cross-entropy.

    Parameters
    ----------
    alpha, beta, gamma : float
        Of the focal Tversky loss; the paper's model 3 has 0.5, 0.5, 3. With 0.5, 0.5, 1 it is the Dice loss.
    class_weights : sequence of float
        Background first; the paper's are 0.1 and 5.
    tversky_share, entropy_share : float
        Weights of the two terms; the paper's are 1 and 0.1.
    hardest_share : float
        Weight of a third term beyond the paper, 0 for none: the cross-entropy averaged over the voxels of each
        patch where it is largest (online hard example mining: Shrivastava, CVPR 2016).
    hardest_voxels : float
        Share of a patch's voxels that count as these.
    from_logits : bool
        Whether predictions are logits. The logarithm of a probability has no gradient where the network is sure and
        wrong; with logits it has.

    Notes
    -----
    Truth is one-hot or integer labels (batch, i, j, k, 1).
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        gamma: float = 3.0,
        class_weights: Sequence[float] = (0.1, 5.0),
        tversky_share: float = 1.0,
        entropy_share: float = 0.1,
        hardest_share: float = 0.0,
        hardest_voxels: float = 0.01,
        from_logits: bool = False,
        name: str = "focal_tversky_and_entropy",
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.alpha, self.beta, self.gamma = alpha, beta, gamma
        self.class_weights = tuple(class_weights)
        self.tversky_share, self.entropy_share = tversky_share, entropy_share
        self.hardest_share, self.hardest_voxels = hardest_share, hardest_voxels
        self.from_logits = from_logits

    def call(self, y_true, y_pred):
        """Loss of a batch; see the class."""
        y_pred = ops.cast(y_pred, "float32")
        if y_true.shape[-1] == 1:
            y_true = ops.one_hot(ops.cast(ops.squeeze(y_true, -1), "int32"), y_pred.shape[-1])
        y_true = ops.cast(y_true, "float32")
        if self.from_logits:
            log_probability = ops.log_softmax(y_pred, axis=-1)
            probability = ops.exp(log_probability)
        else:
            probability = y_pred
            log_probability = ops.log(ops.clip(probability, keras.config.epsilon(), 1.0))
        tversky = focal_tversky(y_true, probability, self.alpha, self.beta, self.gamma)
        entropy = weighted_cross_entropy(y_true, log_probability, self.class_weights)
        loss = self.tversky_share * tversky + self.entropy_share * ops.mean(entropy)
        if self.hardest_share:
            loss = loss + self.hardest_share * mean_of_hardest(entropy, self.hardest_voxels)
        return loss

    def get_config(self) -> dict:
        """Arguments with which Keras makes it again."""
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "beta": self.beta,
            "gamma": self.gamma,
            "class_weights": self.class_weights,
            "tversky_share": self.tversky_share,
            "entropy_share": self.entropy_share,
            "hardest_share": self.hardest_share,
            "hardest_voxels": self.hardest_voxels,
            "from_logits": self.from_logits,
        }
