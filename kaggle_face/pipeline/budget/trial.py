"""Seconds of the real thing on this machine: decoding, true training steps, embedding.

A sample of the training images is decoded into an image cache of its own, in a temporary folder. On it each
candidate trains for moments as a fold does: with its loader, augmentation, head, loss, optimiser and
precision, at the first and at the full size of its images; then it embeds the same images.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config
from kaggle_face.data.cache.contents import has_current_cache
from kaggle_face.data.cache.decoding import choose_workers
from kaggle_face.data.cache.image_cache import ImageCache, open_image_cache
from kaggle_face.data.loading.loader import evaluation_batches
from kaggle_face.errors import DataError
from kaggle_face.inference.embedding import embed_all
from kaggle_face.inference.network_input import size_without_search
from kaggle_face.model.cpu import prepare_cpu
from kaggle_face.model.device import resolve_device, wait_for
from kaggle_face.model.network import count_parameters
from kaggle_face.pipeline.inputs.preparing import cache_plan
from kaggle_face.progress import SilentProgress
from kaggle_face.records import CompetitionData, Folds, StrArray, no_pairs, positions_of
from kaggle_face.train.creation import create_fold_network, create_trainer
from kaggle_face.train.run_context import RunContext
from kaggle_face.train.settings import FoldData
from kaggle_face.train.speed.precision import decide_cpu_amp
from kaggle_face.train.speed.preparing import prepare_for_training
from kaggle_face.train.speed.step_timing import Workload
from kaggle_face.train.step.step import run_steps
from kaggle_face.train.trainer import Trainer

_MOST_IMAGES = 256
_FIRST_IMAGES = 8
"""Decoded before the others are timed: what happens once in a process is not part of an image's time."""
_SHARE_OF_PROCESS = 0.8
"""What each further process that decodes adds to the rate of the first; it has to start, too."""
_MANY_STEPS = 10_000
"""A training of so many steps tries bf16."""
_SHARE_OF_STEPS = 0.8
"""Of the time of a trial, for steps at one or two sizes of images."""
_COLD_STEPS = 2
"""The first steps of a network create its kernels and get their memory: 2.5 times the time of others."""
_QUIET = SilentProgress()


@dataclass(frozen=True)
class NetworkRates:
    """The rates of a network on this machine.

    Attributes:
        first_seconds: Of a training image at its first size.
        full_seconds: Of a training image at its full size.
        embedding_seconds: Of an image that is embedded, with its mirror image where that is averaged over.
        num_parameters: With the head.
    """

    first_seconds: float
    full_seconds: float
    embedding_seconds: float
    num_parameters: int


class Trial(Protocol):
    """Measures on the machine that a run is planned for."""

    def decoding_seconds(self, size_px: int) -> float:
        """Seconds to decode an image into the cache; 0 where all are there."""

    def network_rates(self, config: Config, seconds: float) -> NetworkRates | None:
        """The rates of a recipe, by a trial of `seconds`; None where it does not fit the memory."""


@contextmanager
def real_trial(config: Config, data: CompetitionData, folds: Folds) -> Iterator[RealTrial]:
    """A trial whose files are gone afterwards.

    Args:
        config: The settings of the competition.
        data: Its records.
        folds: The split; the sample is of the images that fold 0 trains on.
    """
    with tempfile.TemporaryDirectory(prefix="kaggle-face-trial-") as folder:
        yield RealTrial(config, data, folds.training_ids(0), Path(folder))


class RealTrial:
    """Measures on a sample of the competition's own images."""

    def __init__(self, config: Config, data: CompetitionData, image_ids: StrArray, folder: Path) -> None:
        self._config, self._data, self._folder = config, data, folder
        places = np.linspace(0, len(image_ids) - 1, min(_MOST_IMAGES, len(image_ids))).astype(int)
        self._ids: StrArray = np.unique(image_ids[places])
        self._caches: dict[int, tuple[ImageCache, float]] = {}

    def decoding_seconds(self, size_px: int) -> float:
        """Seconds to decode an image into the cache; 0 where all are there."""
        whole = replace(cache_plan(self._config, self._data), size_px=size_px)
        if has_current_cache(whole, _QUIET):
            return 0.0
        processes = choose_workers(self._config.data.workers, whole.sources(), 0)
        return self._cache(size_px)[1] / (1.0 + _SHARE_OF_PROCESS * (processes - 1))

    def network_rates(self, config: Config, seconds: float) -> NetworkRates | None:
        """The rates of a recipe, by a trial of `seconds`; None where it does not fit the memory."""
        cache, _ = self._cache(config.data.image_size)
        ids = self._ids[cache.valid[cache.rows_of(self._ids)]]
        faces = self._data.faces
        labels = faces.labels[positions_of(ids, faces.image_ids, "images of the competition")]
        data = FoldData(0, self._data.classes, cache, ids, labels, ids, labels, no_pairs())
        device = resolve_device(config.device)
        prepare_cpu(device)
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            try:
                return _measured(config, data, device, seconds, self._folder)
            except torch.OutOfMemoryError:
                return None

    def _cache(self, size_px: int) -> tuple[ImageCache, float]:
        """The sample at a size, and the seconds that an image of it took in one process."""
        if size_px not in self._caches:
            if not self._caches:
                with suppress(DataError):  # all of so few may be broken
                    self._decode("first", self._ids[:_FIRST_IMAGES], size_px)
            began = time.perf_counter()
            cache = self._decode("sample", self._ids, size_px)
            self._caches[size_px] = (cache, (time.perf_counter() - began) / len(self._ids))
        return self._caches[size_px]

    def _decode(self, name: str, image_ids: StrArray, size_px: int) -> ImageCache:
        plan = replace(
            cache_plan(self._config, self._data),
            folder=self._folder,
            image_ids=image_ids,
            size_px=size_px,
        )
        return open_image_cache(plan, name, "skip", _QUIET, workers=1)


def _measured(
    config: Config, data: FoldData, device: torch.device, seconds: float, folder: Path
) -> NetworkRates:
    plain = config.model.model_copy(update={"pretrained": False, "weights": None, "init_from": None})
    network = create_fold_network(config.model_copy(update={"model": plain}), data).to(device)
    network = prepare_for_training(network, config.train)
    workload = Workload(config.train.batch_size, config.data.image_size, None, _MANY_STEPS)
    amp = config.train.amp
    if device.type == "cpu":
        amp = decide_cpu_amp(network, amp, workload, None, _QUIET) if amp == "auto" else amp
    # Two epochs, of which the first has the first size and the other the full one.
    update = {"amp": amp, "epochs": 2, "grow_epochs": min(1, config.train.grow_epochs), "swa_epochs": None}
    config = config.model_copy(update={"train": config.train.model_copy(update=update)})
    place = FoldFolder(folder / "fold0")
    trainer = create_trainer(config, data, place, network, None, RunContext({}, _QUIET))
    grows = config.train.start_image_size is not None
    share = _SHARE_OF_STEPS * seconds / (2 if grows else 1)
    full = _seconds_of_image(trainer, 1, share)
    first = _seconds_of_image(trainer, 0, share) if grows else full
    count = count_parameters(network, with_head=True)
    return NetworkRates(first, full, _embedding_seconds(config, trainer), count)


def _seconds_of_image(trainer: Trainer, epoch: int, seconds: float) -> float:
    """The mean over steps of one of the two sizes, without the first two and the slowest tenth."""
    state, found = trainer.state, list[float]()
    state.epoch, cold_steps, device = epoch, _COLD_STEPS, trainer.step_context.device
    end = time.perf_counter() + seconds
    while True:
        state.step = 0
        state.accumulator.begin_epoch()
        before = time.perf_counter()
        for images in run_steps(state, trainer.settings, trainer.batches, trainer.step_context):
            wait_for(device)
            now = time.perf_counter()
            if cold_steps <= 0:
                found.append((now - before) / images)
            cold_steps, before = cold_steps - 1, now
            if now > end and found:
                return float(np.mean(sorted(found)[: max(1, len(found) * 9 // 10)]))


def _embedding_seconds(config: Config, trainer: Trainer) -> float:
    """The seconds to embed an image: the faster of two passes over some of the sample."""
    cache, device = trainer.data.cache, trainer.step_context.device
    batch_size = size_without_search(config.predict.batch_size, cache.size_px)
    ids = trainer.data.validation_ids[: 2 * batch_size]
    found = []
    for _ in range(2):
        began = time.perf_counter()
        batches = evaluation_batches(cache, ids, batch_size, device)
        network, amp_dtype = trainer.state.network, trainer.step_context.amp_dtype
        embed_all(network, batches, len(ids), device, amp_dtype, config.predict.flip)
        found.append((time.perf_counter() - began) / len(ids))
    return min(found)
