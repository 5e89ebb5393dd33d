"""Finding the brain in a process of its own: growing needs it, it takes some seconds, and the page goes on."""

from __future__ import annotations

import asyncio
import multiprocessing
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor

import SimpleITK as sitk

from CMBSegmentationLib.brain_mask import brain_mask
from CMBSegmentationLib.errors import CMBError


async def brain_found_elsewhere(image: sitk.Image) -> sitk.Image | None:
    """Find the brain of a scan; None if that failed, and growing itself will say why.

    Parameters
    ----------
    image : SimpleITK.Image
        Checked and clean.
    """
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, brain_mask, image)
    except (CMBError, BrokenExecutor, MemoryError):
        return None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
