"""Batches from a pack: the same ones whatever the number of worker processes, starting at any step.

Letters: B images of a batch, H and W pixels, N images of an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from kaggle_face.cores import available_cores
from kaggle_face.data.augmentation import Augmenter
from kaggle_face.data.pack import Pack
from kaggle_face.data.samplers import epoch_order
from kaggle_face.errors import DataError
from kaggle_face.records import IntArray, StrArray

Order = Callable[[IntArray, int], IntArray]
"""From the labels of all training images and an epoch to the positions of its images; always as many."""

_MOST_WORKERS = 16
_BATCHES_AHEAD = 4  # per worker


@dataclass(frozen=True, eq=False)
class Batch:
    """Images uint8 (B, H, W, 3), their class indices int64 (B), and their rows in the pack (B)."""

    images: torch.Tensor
    labels: torch.Tensor
    rows: IntArray


class TrainingBatches:
    """The training images of a fold in batches; images that could not be read are left out.

    An epoch's last, smaller batch is left out too: the next epoch's order is another one, so no image is
    missed for long, and a batch of one image would break batch normalisation. A set that is smaller than a
    batch is one batch. One epoch at a time: beginning another one ends the last.
    """

    def __init__(
        self,
        pack: Pack,
        image_ids: StrArray,
        labels: IntArray,
        batch_size: int,
        augmenter: Augmenter,
        seed: int,
        workers: int,
        order: Order | None = None,
    ) -> None:
        """Looks up the images.

        Args:
            pack: The pixels.
            image_ids: The training images (N).
            labels: Their class indices (N).
            batch_size: Images of a step.
            augmenter: Applied to each image.
            seed: Of the order of the epochs.
            workers: Processes that augment; 0 is this one, -1 chooses: none on a machine without CUDA or
                without transforms, else one per spare core.
            order: The order of an epoch; shuffled anew in each one where it is not given.

        Raises:
            DataError: Fewer than two images can be read.
        """
        rows = pack.rows_of(image_ids)
        readable = pack.valid[rows]
        self._rows, self._labels = rows[readable], labels[readable]
        if len(self._rows) < 2:
            raise DataError(f"training needs at least 2 images that can be read, got {len(self._rows)}")
        self._order: Order = order or (lambda labels, epoch: epoch_order(len(labels), seed, epoch))
        self._num_ordered = len(self._order(self._labels, 0))
        self._batch_size = min(batch_size, self._num_ordered)
        self._maker = _BatchMaker(_Pixels(pack.images), augmenter)
        self._workers = choose_workers(workers, augmenter)
        self._loader: DataLoader[torch.Tensor] | None = None

    def __len__(self) -> int:
        return self._num_ordered // self._batch_size

    @property
    def images_per_epoch(self) -> int:
        """The number of images of all batches of an epoch."""
        return len(self) * self._batch_size

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (counted from 0), from step `first_step` on."""
        order = self._order(self._labels, epoch)
        positions = [self._positions(order, step) for step in range(first_step, len(self))]
        number = self._rows[order] + (_showings(order) << 32)
        requests = [
            _Request(epoch, self._rows[order[where]], number[where], self._labels[order[where]])
            for where in positions
        ]
        images = self._made_by_workers(requests) if self._workers else self._made_here(requests)
        for request, images_BHW3 in zip(requests, images, strict=True):
            yield Batch(images_BHW3, torch.from_numpy(request.labels), request.rows)

    def _positions(self, order: IntArray, step: int) -> slice:
        return slice(step * self._batch_size, (step + 1) * self._batch_size)

    def _made_here(self, requests: Sequence[_Request]) -> Iterator[torch.Tensor]:
        pinned = torch.cuda.is_available()
        for request in requests:
            images_BHW3 = self._maker[request]
            yield images_BHW3.pin_memory() if pinned else images_BHW3

    def _made_by_workers(self, requests: Sequence[_Request]) -> Iterator[torch.Tensor]:
        if self._loader is None:
            self._requests = _Requests()
            self._loader = DataLoader(
                self._maker,
                batch_size=None,
                sampler=self._requests,
                num_workers=self._workers,
                prefetch_factor=_BATCHES_AHEAD,
                persistent_workers=True,
                pin_memory=torch.cuda.is_available(),
            )
        self._requests.pending = requests
        yield from self._loader


def evaluation_batches(pack: Pack, image_ids: StrArray, batch_size: int) -> Iterator[torch.Tensor]:
    """Images uint8 (B, H, W, 3) in the order of `image_ids`; the last batch may be smaller."""
    rows = pack.rows_of(image_ids)
    pixels = np.asarray(pack.images)
    for start in range(0, len(rows), batch_size):
        yield torch.from_numpy(pixels[rows[start : start + batch_size]])


def choose_workers(workers: int, augmenter: Augmenter) -> int:
    """The number of processes that make batches; -1 chooses."""
    if workers >= 0:
        return workers
    if augmenter.is_identity or not torch.cuda.is_available():
        return 0  # copying needs no help, and on a CPU the network needs every core itself
    return min(available_cores() - 1, _MOST_WORKERS)


@dataclass(frozen=True, eq=False)
class _Request:
    """What a batch is made from: rows of the pack, and the number that each image is augmented by."""

    epoch: int
    rows: IntArray
    numbers: IntArray
    labels: IntArray


class _Requests:
    """What the workers have to do in the epoch that begins."""

    pending: Sequence[_Request] = ()

    def __iter__(self) -> Iterator[_Request]:
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


class _BatchMaker(Dataset[torch.Tensor]):
    """Makes the whole batch that a request describes."""

    def __init__(self, pixels: _Pixels, augmenter: Augmenter) -> None:
        self._pixels, self._augmenter = pixels, augmenter

    def __getitem__(self, request: _Request) -> torch.Tensor:
        pixels = self._pixels.array
        if self._augmenter.is_identity:
            return torch.from_numpy(pixels[request.rows])
        images_BHW3 = np.empty((len(request.rows), *pixels.shape[1:]), np.uint8)
        for slot, (row, number) in enumerate(zip(request.rows, request.numbers.tolist(), strict=True)):
            images_BHW3[slot] = self._augmenter(pixels[row], request.epoch, number)
        return torch.from_numpy(images_BHW3)


def _showings(order: IntArray) -> IntArray:
    """How often each image of an order was shown before in it: an image shown again is augmented anew.

    >>> _showings(np.array([7, 3, 7, 7, 3]))
    array([0, 0, 1, 2, 1])
    """
    by_image = np.argsort(order, kind="stable")
    _, starts, counts = np.unique(order[by_image], return_index=True, return_counts=True)
    showings = np.empty(len(order), np.int64)
    showings[by_image] = np.arange(len(order)) - np.repeat(starts, counts)
    return showings
