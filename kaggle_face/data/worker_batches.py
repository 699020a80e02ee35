"""Batches whose images are augmented one by one, in this process or in others: any transform will do.

Letters: B images of a batch, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from kaggle_face.data.augmentation import Augmenter
from kaggle_face.data.epoch_plan import EpochPlan, Request

_BATCHES_AHEAD = 4  # per worker


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
            )
        self._requests.pending = requests
        yield from self._loader


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
