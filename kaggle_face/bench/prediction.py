"""How near prediction comes to the network's own rate.

Letters: B images, H height, W width, D embedding size, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from kaggle_face.bench.rates import Rate
from kaggle_face.bench.report import Cell, Report
from kaggle_face.inference.embedding import embed_batches, embed_on_device
from kaggle_face.model.network import FaceNetwork

LIMIT, LOADER, WHOLE = "limit", "loader alone", "end to end"
COLUMNS = ("way", "images/s", "slowest", "fastest", "of the limit", "memory MB", "device MB")

GOOD_SHARE = 0.95

Batches = Callable[[], Iterator[Tensor]]
"""All images once, uint8 (B, H, W, 3)."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A network that predicts, and how."""

    network: FaceNetwork
    device: torch.device
    amp_dtype: torch.dtype | None
    flip: bool
    batch_size: int
    size_px: int


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


def report_prediction(rates: Mapping[str, Rate], about: Mapping[str, Cell]) -> Report:
    """The rates as a table, each as a share of the limit."""
    limit = rates[LIMIT].median
    rows = tuple(
        (name, rate.median, *rate.spread, rate.median / limit, rate.process_mb, rate.device_mb)
        for name, rate in rates.items()
    )
    return Report("predict", about, COLUMNS, rows, explain(rates))


def explain(rates: Mapping[str, Rate]) -> str:
    """One sentence: what is slowest."""
    limit, loader, whole = (rates[name].median for name in (LIMIT, LOADER, WHOLE))
    reached = f"prediction runs at {100 * whole / limit:.1f} % of the network's own rate"
    if whole >= GOOD_SHARE * limit:
        return f"{reached}: the network is the bottleneck; predict.flip=false halves its work"
    if loader < limit:
        return (
            f"{reached}: reading the images is the bottleneck ({loader:.0f} images/s); put paths.packs on a "
            "faster disk"
        )
    return f"{reached}: small batches are the bottleneck; raise predict.batch_size"
