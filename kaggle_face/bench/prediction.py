"""Throughput of prediction against the network's own rate.

Letters: B images, H height, W width, D embedding size, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from kaggle_face.bench.machine import describe_machine
from kaggle_face.bench.report import Report
from kaggle_face.bench.throughput import Plan, Rate, Work, measure_in_turns, rows_of_rates
from kaggle_face.bench.training import (
    COLUMNS,
    GOOD_SHARE,
    LIMIT,
    LOADER,
    WHOLE,
    fresh_network,
    settle_amp,
    speed_settings,
)
from kaggle_face.config import LoadedConfig
from kaggle_face.data.loading.loader import evaluation_batches
from kaggle_face.inference.batch_size import choose_batch_size
from kaggle_face.inference.embedding import embed_batches, embed_on_device
from kaggle_face.model.amp import resolve_amp
from kaggle_face.model.cpu import prepare_cpu
from kaggle_face.model.device import resolve_device
from kaggle_face.model.network import FaceNetwork
from kaggle_face.pipeline.inputs.preparing import open_competition, open_images
from kaggle_face.progress import Progress

Batches = Callable[[], Iterator[Tensor]]
"""All images once, uint8 (B, H, W, 3)."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A network and its way of embedding."""

    network: FaceNetwork
    device: torch.device
    amp_dtype: torch.dtype | None
    flip: bool
    batch_size: int
    size_px: int


def bench_prediction(loaded: LoadedConfig, plan: Plan, progress: Progress) -> Report:
    """The rates of the network alone, the loader alone and a prediction, in turns; the weights are fresh."""
    device = resolve_device(loaded.config.device)
    prepare_cpu(device)
    data = open_competition(loaded.config)
    loaded = settle_amp(loaded, len(data.classes), device, progress)
    config, cache = loaded.config, open_images(loaded.config, data, progress)
    network = fresh_network(config, len(data.classes), device)
    amp_dtype, size_px, flip = (
        resolve_amp(config.train.amp, device),
        config.data.image_size,
        config.predict.flip,
    )
    batch_size = choose_batch_size(config.predict.batch_size, network, size_px, device, amp_dtype, flip)
    subject = Subject(network, device, amp_dtype, flip, batch_size, size_px)

    def batches() -> Iterator[Tensor]:
        return evaluation_batches(cache, cache.image_ids, batch_size, device)

    ways: dict[str, Work] = {
        LIMIT: partial(resident_batches, subject),
        LOADER: partial(loaded_batches, batches),
        WHOLE: partial(predicted_batches, subject, batches),
    }
    rates = measure_in_turns(ways, plan, device, progress)
    about = {**describe_machine(device), **speed_settings(loaded), "batch": batch_size}
    return Report("predict", about, COLUMNS, rows_of_rates(rates, LIMIT), explain(rates))


def resident_batches(subject: Subject) -> Generator[int]:
    """The limit: one batch of random images that lies on the device, again and again."""
    shape = (subject.batch_size, subject.size_px, subject.size_px, 3)
    images_BHWC = torch.randint(256, shape, dtype=torch.uint8, device=subject.device)

    def endlessly() -> Iterator[Tensor]:
        while True:
            yield images_BHWC

    how = (subject.device, subject.amp_dtype, subject.flip)
    for embeddings_BD, _ in embed_on_device(subject.network, endlessly(), *how):
        yield len(embeddings_BD)


def loaded_batches(batches: Batches) -> Generator[int]:
    """The loader alone."""
    while True:
        for images_BHWC in batches():
            yield len(images_BHWC)


def predicted_batches(subject: Subject, batches: Batches) -> Generator[int]:
    """End to end: real images to embeddings and logits in the host's memory."""
    while True:
        how = (subject.device, subject.amp_dtype, subject.flip)
        for batch in embed_batches(subject.network, batches(), *how):
            yield len(batch.embeddings)


def explain(rates: Mapping[str, Rate]) -> str:
    """One sentence: the bottleneck."""
    limit, loader, whole = (rates[name].median for name in (LIMIT, LOADER, WHOLE))
    reached = f"prediction runs at {100 * whole / limit:.1f} % of the network's own rate"
    if whole >= GOOD_SHARE * limit:
        return f"{reached}: the network is the bottleneck; predict.flip=false halves its work"
    if loader < limit:
        return (
            f"{reached}: reading the images is the bottleneck ({loader:.0f} images/s); put paths.cache on a "
            "faster disk"
        )
    return f"{reached}: small batches are the bottleneck; raise predict.batch_size"
