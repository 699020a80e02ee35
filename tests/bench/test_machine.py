"""The machine, and the memory that work takes."""

from __future__ import annotations

import mmap

import numpy as np
import pytest
import torch

from kaggle_face.bench.machine import MemoryWatch, describe_machine, own_memory_mb


def test_memory_that_was_taken_and_given_back_is_counted() -> None:
    if own_memory_mb() is None:
        pytest.skip("this system does not tell a process's memory")
    with MemoryWatch() as watch:
        # 67 megabytes from the system: the allocator may hold free blocks of earlier tests
        taken = mmap.mmap(-1, 64 * 2**20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        np.frombuffer(taken, np.uint8)[:] = 1
        watch._look_once()
        taken.close()
    assert watch.process_mb is not None and 60 < watch.process_mb < 100
    assert watch.device_mb is None


def test_a_memory_map_is_not_counted(tmp_path: object) -> None:
    if own_memory_mb() is None:
        pytest.skip("this system does not tell a process's memory")
    path = f"{tmp_path}/pixels.npy"
    np.save(path, np.ones(64 * 2**20, np.uint8))
    with MemoryWatch() as watch:
        mapped = np.load(path, mmap_mode="r")
        assert int(mapped[:: 2**12].sum()) == 2**14
        watch._look_once()
    assert watch.process_mb is not None and watch.process_mb < 20


def test_the_machine_is_named() -> None:
    about = describe_machine(torch.device("cpu"))
    assert about["cores"] and about["processor"] and about["torch"] == torch.__version__
