"""Short trainings: for a handful of steps, making TensorFlow's graphs would take nearly all of the time."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf


@contextmanager
def untraced() -> Iterator[None]:
    """Run every step as Python comes to it, as a context or around a function; `test_run` trains as in use."""
    tf.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not apply to tf.data functions", category=UserWarning)
            yield
    finally:
        tf.config.run_functions_eagerly(False)
