"""Batches whose images are augmented one by one, in this process or in others: any transform will do.

Letters: B images of a batch, H and W pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from kaggle_face.data.augmentation import Augmenter
from kaggle_face.data.epoch_plan import EpochPlan, Request
from kaggle_face.errors import WorkerLostError
from kaggle_face.stopping import leave_to_parent

_BATCHES_AHEAD = 4  # per worker
_LOST = re.compile(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\)(?: is killed by signal: (\w[\w ]*))?")
_NO_SHARED_MEMORY = re.compile(
    r"DataLoader worker process (\d+).*(?:shared memory|shm|No space left)", re.DOTALL
)
"""How torch says that a worker has ended, or had no memory to hand its batches over in."""


def _begin_worker(number: int) -> None:
    leave_to_parent()


class WorkerBatches:
    """Makes the batches of an epoch image by image, with worker processes or without."""

    def __init__(self, pixels: npt.NDArray[np.uint8], augmenter: Augmenter, workers: int) -> None:
        self.maker = BatchMaker(_Pixels(pixels), augmenter)
        self._workers = workers
        self._requests = _Requests()
        self._loader: DataLoader[torch.Tensor] | None = None

    def made(self, plan: EpochPlan) -> Iterator[torch.Tensor]:
        """The images of each batch, uint8 (B, H, W, 3), in the host's memory."""
        requests = plan.requests()
        yield from self._made_by_workers(requests) if self._workers else self._made_here(requests)

    def _made_here(self, requests: Sequence[Request]) -> Iterator[torch.Tensor]:
        pinned = torch.cuda.is_available()
        for request in requests:
            images_BHW3 = self.maker[request]
            yield images_BHW3.pin_memory() if pinned else images_BHW3

    def _made_by_workers(self, requests: Sequence[Request]) -> Iterator[torch.Tensor]:
        if self._loader is None:
            self._loader = DataLoader(
                self.maker,
                batch_size=None,
                sampler=self._requests,
                num_workers=self._workers,
                prefetch_factor=_BATCHES_AHEAD,
                persistent_workers=True,
                pin_memory=torch.cuda.is_available(),
                worker_init_fn=_begin_worker,
            )
        self._requests.pending = requests
        yield from self._loader


@contextmanager
def naming_lost_workers(workers: int) -> Iterator[None]:
    """Turns the end of a worker process, which torch may report anywhere in the block, into one line.

    Raises:
        WorkerLostError: A worker process was killed, or could not share its batches.
    """
    try:
        yield
    except RuntimeError as error:
        what = _describe_loss(str(error))
        if what is None:
            raise
        raise WorkerLostError(
            f"{what}; most likely memory ran out (or shared memory, /dev/shm): "
            f"lower data.workers (now {workers}) or train.batch_size"
        ) from error


def _describe_loss(message: str) -> str | None:
    if (lost := _LOST.search(message)) is not None:
        return f"a loader worker (process {lost[1]}) ended early{f' ({lost[2]})' if lost[2] else ''}"
    if (lost := _NO_SHARED_MEMORY.search(message)) is not None:
        return f"loader worker {lost[1]} had no room for its batches"
    return None


class _Requests:
    """What the workers have to do in the epoch that begins."""

    pending: Sequence[Request] = ()

    def __iter__(self) -> Iterator[Request]:
        return iter(self.pending)

    def __len__(self) -> int:
        return len(self.pending)


class _Pixels:
    """The pixels of a pack; a worker process opens the file anew instead of receiving its content."""

    def __init__(self, images: npt.NDArray[np.uint8]) -> None:
        self._file = getattr(images, "filename", None)
        self.array = np.asarray(images)

    def __getstate__(self) -> Any:
        return self._file or self.array

    def __setstate__(self, state: Any) -> None:
        is_array = isinstance(state, np.ndarray)
        self.__init__(state if is_array else np.load(state, mmap_mode="r"))  # type: ignore[misc]


class BatchMaker(Dataset[torch.Tensor]):
    """Makes the whole batch that a request describes."""

    def __init__(self, pixels: _Pixels, augmenter: Augmenter) -> None:
        self._pixels, self._augmenter = pixels, augmenter

    def __getitem__(self, request: Request) -> torch.Tensor:
        pixels = self._pixels.array
        if self._augmenter.is_identity:
            return torch.from_numpy(pixels[request.rows])
        images_BHW3 = np.empty((len(request.rows), *pixels.shape[1:]), np.uint8)
        for slot, (row, number) in enumerate(zip(request.rows, request.numbers.tolist(), strict=True)):
            images_BHW3[slot] = self._augmenter(pixels[row], request.epoch, number)
        return torch.from_numpy(images_BHW3)
