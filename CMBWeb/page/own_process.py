"""Work of some seconds in a process of its own: the page goes on meanwhile."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from typing import ParamSpec, TypeVar

import SimpleITK as sitk

from CMBSegmentationLib.detecting.brain_mask import brain_mask
from CMBSegmentationLib.errors import CMBError, MachineError

P = ParamSpec("P")
R = TypeVar("R")


async def elsewhere(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function in another process.

    Parameters
    ----------
    work : callable
        Of a module, so that the other process finds it; touches no scene.
    *args, **kwargs
        Copied to it.

    Raises
    ------
    MachineError
        The process was ended from outside.
    Exception
        As the function.
    """
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    try:
        future = pool.submit(work, *args, **kwargs)
        return await asyncio.wrap_future(future)
    except BrokenExecutor as error:
        raise MachineError(
            "The system ended what was running, perhaps because memory ran out.", "Close other programs and try again."
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


async def brain_found_elsewhere(image: sitk.Image) -> sitk.Image | None:
    """Find the brain of a scan; None if that failed, and growing itself will say why.

    Parameters
    ----------
    image : SimpleITK.Image
        Checked and clean.
    """
    try:
        return await elsewhere(brain_mask, image)
    except (CMBError, MemoryError):
        return None
