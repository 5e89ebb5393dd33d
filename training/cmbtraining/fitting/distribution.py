"""Training on several devices and machines, by Keras' own distribution over JAX.

The environment says who takes part, as `keras.distribution.initialize` reads it:
``KERAS_DISTRIBUTION_JOB_ADDRESSES`` (of process 0, ``host:port``), ``KERAS_DISTRIBUTION_NUM_PROCESSES``
and ``KERAS_DISTRIBUTION_PROCESS_ID``. Each process draws its share of the same batches, gradients and
batch statistics are those of the whole batch: the curve is that of one process.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import keras

from ..config.settings import ConfigError

PROCESSES = "KERAS_DISTRIBUTION_NUM_PROCESSES"


@dataclass(frozen=True)
class Team:
    """The processes of one training.

    Attributes
    ----------
    process : int
        This one, from 0; process 0 writes the run folder.
    processes : int
    """

    process: int = 0
    processes: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes."""
        return self.process == 0

    def wait(self, what: str) -> None:
        """Wait until every process has come to the same place, named `what`."""
        if self.processes > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices(what)


def join(batch_size: int) -> Team:
    """Join the processes that the environment names, and spread batches over all their devices.

    Parameters
    ----------
    batch_size : int
        Of all devices together.

    Returns
    -------
    Team

    Raises
    ------
    ConfigError
        Several processes without the JAX backend, or a batch that the devices cannot share evenly.
    """
    if keras.backend.backend() != "jax":
        if int(os.environ.get(PROCESSES, "1")) > 1:
            raise ConfigError(f"{PROCESSES} is set: several processes train under KERAS_BACKEND=jax only.")
        return Team()
    import jax

    if int(os.environ.get(PROCESSES, "1")) > 1 and not jax.distributed.is_initialized():
        keras.distribution.initialize()
    devices = jax.device_count()
    if batch_size % devices:
        raise ConfigError(f"training.batch_size: {batch_size} patches cannot be shared evenly by {devices} devices.")
    if devices > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    return Team(jax.process_index(), jax.process_count())


def alone(task: str) -> Team:
    """Train in this process, on one device.

    Raises
    ------
    ConfigError
        The environment names several processes.
    """
    if int(os.environ.get(PROCESSES, "1")) > 1:
        raise ConfigError(f"{PROCESSES} is set: several processes train a detector only, not task {task}.")
    return Team()
