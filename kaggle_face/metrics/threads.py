"""Large arrays sorted and searched on all cores: NumPy frees the interpreter lock while it does either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from kaggle_face.hardware import available_cpus
from kaggle_face.metrics.inputs import FloatArray

THREADS_FROM = 1 << 18
"""Fewer numbers than this are sorted before threads have started."""

_MOST_THREADS = 8  # what more of them gain, they lose waiting for memory
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_on_cores(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """The result for each item, in order; several items are worked on by several threads.

    >>> map_on_cores(abs, [-1, 2])
    [1, 2]
    """
    threads = min(len(items), available_cpus(), _MOST_THREADS)
    if threads < 2:
        return [work(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))


def sorted_on_cores(*arrays: FloatArray) -> list[FloatArray]:
    """Copies of arrays (N,) without NaN, ascending.

    >>> sorted_on_cores(np.array([2.0, 1.0]), np.array([3.0]))
    [array([1., 2.]), array([3.])]
    """
    if sum(map(len, arrays)) < THREADS_FROM:
        return [np.sort(array) for array in arrays]
    copies = [np.array(array) for array in arrays]
    runs = max(1, min(available_cpus(), _MOST_THREADS) // len(arrays))
    map_on_cores(np.ndarray.sort, [part for copy in copies for part in np.array_split(copy, runs)])
    if runs > 1:
        map_on_cores(_merge, copies)
    return copies


def _merge(runs: FloatArray) -> None:
    runs.sort(kind="stable")  # which finds what is sorted already, and merges
