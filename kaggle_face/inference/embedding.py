"""Embeddings and logits of many images: the one loop of validation, prediction, galleries and benchmarks.

Letters: N images, B images of a batch, H and W of an image, D embedding size, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kaggle_face.errors import ConfigError
from kaggle_face.model.network import FaceNetwork
from kaggle_face.records import FloatArray

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class EmbeddedBatch:
    """Embeddings (B, D) and logits (B, C), or (B, 0) without them, float32, of the images `rows` of all."""

    rows: slice
    embeddings: FloatArray
    logits: FloatArray


def embed_all(
    network: FaceNetwork,
    batches: Iterable[Tensor | npt.NDArray[Any]],
    count: int,
    device: torch.device,
    amp_dtype: torch.dtype | None = None,
    flip: bool = True,
    with_logits: bool = True,
) -> tuple[FloatArray, FloatArray]:
    """Embeddings (N, D) and logits (N, C), or (N, 0) without them, of the `count` images of all batches.

    The other arguments and errors are those of `embed_batches`.
    """
    embeddings_ND = np.empty((count, network.embedding_size), np.float32)
    logits_NC = np.empty((count, network.num_classes if with_logits else 0), np.float32)
    done = 0
    for batch in embed_batches(network, batches, device, amp_dtype, flip, with_logits):
        embeddings_ND[batch.rows], logits_NC[batch.rows] = batch.embeddings, batch.logits
        done = batch.rows.stop
    assert done == count
    return embeddings_ND, logits_NC


def embed_batches(
    network: FaceNetwork,
    batches: Iterable[Tensor | npt.NDArray[Any]],
    device: torch.device,
    amp_dtype: torch.dtype | None = None,
    flip: bool = True,
    with_logits: bool = True,
) -> Iterator[EmbeddedBatch]:
    """The embeddings of each batch in the host's memory, in the order of the batches.

    A batch is handed over after the device was given the next one, so that neither waits for the other.
    Arguments and errors are those of `embed_on_device`.
    """
    row = 0
    results = embed_on_device(network, batches, device, amp_dtype, flip, with_logits)
    for embeddings_BD, logits_BC in one_behind(results):
        rows = slice(row, row + len(embeddings_BD))
        yield EmbeddedBatch(rows, embeddings_BD.float().cpu().numpy(), logits_BC.float().cpu().numpy())
        row = rows.stop


def embed_on_device(
    network: FaceNetwork,
    batches: Iterable[Tensor | npt.NDArray[Any]],
    device: torch.device,
    amp_dtype: torch.dtype | None = None,
    flip: bool = True,
    with_logits: bool = True,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Embeddings (B, D) and logits (B, C) of each batch, float32, on the device, in the order of the batches.

    The network is in evaluation mode while a batch is computed and in its former mode between them. A batch
    that does not fit the memory is computed in halves, and so are those that follow.

    Args:
        network: On `device` already.
        batches: uint8 images (B, H, W, 3), red first.
        device: Where to compute.
        amp_dtype: Number format of the backbone under autocast; None is float32, which the head always has.
        flip: Whether each embedding is the mean of those of the image and its mirror image, neither scaled to
            length 1 before, as the face recognition benchmarks do it (insightface, evaluation on LFW: the sum
            of both, normalised afterwards). The logits are those of the mean.
        with_logits: Whether the images need a class; without, the logits are (B, 0).

    Raises:
        ConfigError: Not even a single image fits the memory.
    """
    limit: int | None = None
    for batch in batches:
        images_BHWC = torch.as_tensor(batch)
        limit = len(images_BHWC) if limit is None else limit
        embeddings_BD, limit = _embed_within_memory(network, images_BHWC, device, amp_dtype, flip, limit)
        if with_logits:
            with torch.inference_mode():
                logits_BC = network.head.logits(network.head.similarity(embeddings_BD))
        else:
            logits_BC = embeddings_BD[:, :0]
        yield embeddings_BD, logits_BC


def one_behind(results: Iterable[Result]) -> Iterator[Result]:
    """Results in their order, each handed over after the next one was begun.

    A GPU gets its next work before the host waits for what it computes now.

    >>> list(one_behind("abc"))
    ['a', 'b', 'c']
    """
    ahead = iter(results)
    for current in ahead:
        for following in ahead:
            yield current
            current = following
        yield current


def _embed_within_memory(
    network: FaceNetwork,
    images_BHWC: Tensor,
    device: torch.device,
    amp_dtype: torch.dtype | None,
    flip: bool,
    limit: int,
) -> tuple[Tensor, int]:
    """The embeddings of a batch, and the number of images that fit the memory at once."""
    was_training = network.training
    network.eval()
    parts: list[Tensor] = []
    done = 0
    try:
        while done < len(images_BHWC):
            chunk_BHWC = images_BHWC[done : done + limit]
            part_BD = _try_to_embed(network, chunk_BHWC, device, amp_dtype, flip)
            if part_BD is None:
                if len(chunk_BHWC) <= 1:
                    raise ConfigError(
                        f"a single image does not fit the memory of {device}; free it, or set device=cpu or "
                        "a smaller data.image_size or model.backbone"
                    )
                limit = len(chunk_BHWC) // 2
                continue
            parts.append(part_BD)
            done += len(chunk_BHWC)
    finally:
        network.train(was_training)
    return torch.cat(parts) if len(parts) != 1 else parts[0], limit


def _try_to_embed(
    network: FaceNetwork,
    images_BHWC: Tensor,
    device: torch.device,
    amp_dtype: torch.dtype | None,
    flip: bool,
) -> Tensor | None:
    """The embeddings of images, or None when the memory does not suffice."""
    try:
        return embed_images(network, images_BHWC, device, amp_dtype, flip)
    except torch.OutOfMemoryError:
        pass  # what the failed attempt holds is free only after this block
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return None


@torch.inference_mode()
def embed_images(
    network: FaceNetwork,
    images_BHWC: Tensor,
    device: torch.device,
    amp_dtype: torch.dtype | None = None,
    flip: bool = True,
) -> Tensor:
    """Embeddings (B, D) of uint8 images in one pass, see `embed_on_device`; the network's mode is kept."""
    images_BCHW = network.normalize(images_BHWC.to(device, non_blocking=True))
    if flip:
        images_BCHW = torch.cat([images_BCHW, images_BCHW.flip(-1)])
    with torch.autocast(device.type, dtype=amp_dtype, enabled=amp_dtype is not None):
        embeddings = network(images_BCHW)
    if flip:
        first_BD, second_BD = embeddings.chunk(2)
        embeddings = (first_BD + second_BD) / 2.0
    result: Tensor = embeddings
    return result
