"""A detector's candidates for tests, as `collect_candidates.py` writes them."""

from pathlib import Path

import numpy as np

from CMBSegmentationLib.models.input_spec import CHANNELS, CROP


def write_candidates(folder: Path, seed: int) -> Path:
    """Twenty bright and twenty dark candidates of one scan, the dark ones microbleeds; the detector knows nothing."""
    rng = np.random.default_rng(seed)
    crops = rng.normal(size=(40, *CROP, len(CHANNELS))).astype(np.float16)
    kinds = np.tile([0, 1], 20)
    crops[kinds == 0, 8:16, 8:16, 4:12, 0] -= 5
    crops[..., 1] = 0.5  # of the detector, which knows nothing here
    folder.mkdir()
    np.savez_compressed(folder / f"sub-{seed}.npz", crops=crops, kinds=kinds, peaks=np.full(40, 0.5, np.float32))
    return folder
