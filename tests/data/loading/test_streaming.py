"""Reading ahead for a GPU; pinned memory itself needs one, so it is left out here."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from kaggle_face.data.loading import streaming
from kaggle_face.data.loading.streaming import gather, gathered_blocks
from kaggle_face.records import IntArray

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 6, 6, 3), np.uint8)
BLOCKS = [np.array([3, 1, 2]), np.array([39]), np.array([0, 0]), np.array([5, 6]), np.array([9])]
GPU = torch.device("cuda")


@pytest.fixture
def read_by(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The threads that read a block."""
    threads: list[str] = []

    def unpinned(pixels: np.ndarray, rows: IntArray, pinned: bool) -> torch.Tensor:
        threads.append(threading.current_thread().name)
        return gather(pixels, rows, False)

    monkeypatch.setattr(streaming, "gather", unpinned)
    return threads


@pytest.mark.parametrize("device", [GPU, torch.device("cpu")], ids=str)
def test_blocks_come_in_order(device: torch.device, read_by: list[str]) -> None:
    found = list(gathered_blocks(PIXELS, iter(BLOCKS), device))
    assert len(found) == len(BLOCKS)
    assert all((images.numpy() == PIXELS[rows]).all() for images, rows in zip(found, BLOCKS, strict=True))


def test_a_thread_reads_ahead_for_a_gpu_alone(read_by: list[str]) -> None:
    list(gathered_blocks(PIXELS, iter(BLOCKS), torch.device("cpu")))
    assert set(read_by) == {threading.current_thread().name}
    read_by.clear()
    list(gathered_blocks(PIXELS, iter(BLOCKS), GPU))
    assert threading.current_thread().name not in read_by and len(read_by) == len(BLOCKS)


def test_no_more_than_a_few_blocks_are_held(read_by: list[str]) -> None:
    taken: list[int] = []

    def rows() -> object:
        for number, block in enumerate(BLOCKS * 3):
            taken.append(number)
            yield block

    stream = gathered_blocks(PIXELS, rows(), GPU)  # type: ignore[arg-type]
    next(stream)
    assert len(taken) == 4  # one handed over, three ahead
    stream.close()  # type: ignore[attr-defined]


def test_an_error_of_the_reading_thread_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(pixels: np.ndarray, rows: IntArray, pinned: bool) -> torch.Tensor:
        raise OSError("the disk is gone")

    monkeypatch.setattr(streaming, "gather", broken)
    with pytest.raises(OSError, match="the disk is gone"):
        list(gathered_blocks(PIXELS, iter(BLOCKS), GPU))
