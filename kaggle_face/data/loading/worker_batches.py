"""Batches whose images are augmented one by one, in this process or in others: any transform will do.

Letters: B images of a batch, H and W pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from kaggle_face.artifacts.files.disk import state_line
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.cache.pixels import Pixels, take_rows
from kaggle_face.data.loading.epoch_plan import EpochPlan, Request
from kaggle_face.errors import DataError, KaggleFaceError, WorkerLostError
from kaggle_face.stopping import leave_to_parent

_BATCHES_AHEAD = 4  # per worker
_LOST = re.compile(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\)(?: is killed by signal: (\w[\w ]*))?")
_NO_SHARED_MEMORY = re.compile(
    r"DataLoader worker process (\d+).*(?:shared memory|shm|No space left)", re.DOTALL
)
"""torch's messages for a worker that has ended, or had no memory to hand its batches over in."""


def _begin_worker(number: int) -> None:
    leave_to_parent()


class WorkerBatches:
    """Makes the batches of an epoch image by image, with worker processes or without."""

    def __init__(self, pixels: Pixels, augmenter: Augmenter, workers: int) -> None:
        self.maker = BatchMaker(pixels, augmenter)
        self._workers = workers
        self._requests = _Requests()
        self._loader: DataLoader[torch.Tensor | KaggleFaceError] | None = None

    def batches(self, plan: EpochPlan) -> Iterator[torch.Tensor]:
        """The images of each batch, uint8 (B, H, W, 3), in the host's memory."""
        if not self._workers:
            for request in plan.requests():
                images_BHW3 = self.maker[request]
                yield images_BHW3.pin_memory() if torch.cuda.is_available() else images_BHW3
            return
        if self._loader is None:
            self._loader = DataLoader(
                _InWorker(self.maker),
                batch_size=None,
                sampler=self._requests,
                num_workers=self._workers,
                prefetch_factor=_BATCHES_AHEAD,
                persistent_workers=True,
                pin_memory=torch.cuda.is_available(),
                worker_init_fn=_begin_worker,
            )
        self._requests.pending = plan.requests()
        for batch in self._loader:
            if isinstance(batch, KaggleFaceError):
                raise batch
            yield batch


@contextmanager
def naming_lost_workers(workers: int) -> Iterator[None]:
    """Turns the end of a worker process, which torch may report anywhere in the block, into one line.

    Raises:
        WorkerLostError: A worker process was killed, or could not share its batches.
    """
    try:
        yield
    except RuntimeError as error:
        message = str(error)
        if (lost := _LOST.search(message)) is not None:
            what = f"a loader worker (process {lost[1]}) ended early{f' ({lost[2]})' if lost[2] else ''}"
        elif (lost := _NO_SHARED_MEMORY.search(message)) is not None:
            what = f"loader worker {lost[1]} had no room for its batches"
        else:
            raise
        raise WorkerLostError(
            f"{what}; most likely memory ran out (or shared memory, /dev/shm): "
            f"lower data.workers (now {workers}) or train.batch_size"
        ) from error


class _Requests:
    """The requests of the epoch that begins, in order."""

    pending: Sequence[Request] = ()

    def __iter__(self) -> Iterator[Request]:
        return iter(self.pending)

    def __len__(self) -> int:
        return len(self.pending)


class BatchMaker(Dataset[torch.Tensor]):
    """Makes the whole batch that a request describes."""

    def __init__(self, pixels: Pixels, augmenter: Augmenter) -> None:
        self._pixels, self._augmenter = pixels, augmenter

    def __getitem__(self, request: Request) -> torch.Tensor:
        images_BHW3 = np.empty((len(request.rows), *self._pixels.shape[1:]), np.uint8)
        take_rows(self._pixels, request.rows, images_BHW3)
        if not self._augmenter.is_identity:
            for place, key in enumerate(request.sample_keys.tolist()):
                images_BHW3[place] = self._augmenter(images_BHW3[place], request.epoch, key)
        return torch.from_numpy(images_BHW3)


class _InWorker(Dataset[torch.Tensor | KaggleFaceError]):
    """A batch maker in a worker process that returns errors of the disk instead of raising them.

    What is raised in a worker arrives with the worker's traceback in its text.
    """

    def __init__(self, maker: BatchMaker) -> None:
        self._maker = maker

    def __getitem__(self, request: Request) -> torch.Tensor | KaggleFaceError:
        try:
            return self._maker[request]
        except KaggleFaceError as error:
            return DataError(str(error))
        except (OSError, MemoryError, RuntimeError) as error:
            line = state_line(error)
            if line is None:
                raise
            return DataError(line)
