"""Embeddings and logits of many images.

Letters: B images, H and W of an image, D embedding size, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import numpy.typing as npt
import torch
from torch import Tensor

from kaggle_face.errors import ConfigError
from kaggle_face.model.network import FaceNetwork

Result = TypeVar("Result")


def embed_batches(
    network: FaceNetwork,
    batches: Iterable[Tensor | npt.NDArray[Any]],
    device: torch.device,
    amp_dtype: torch.dtype | None = None,
    flip: bool = True,
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

    Raises:
        ConfigError: Not even a single image fits the memory.
    """
    for embeddings_BD in embeddings_of_batches(network, batches, device, amp_dtype, flip):
        with torch.inference_mode():
            logits_BC = network.head.logits(network.head.similarity(embeddings_BD))
        yield embeddings_BD, logits_BC


def embeddings_of_batches(
    network: FaceNetwork,
    batches: Iterable[Tensor | npt.NDArray[Any]],
    device: torch.device,
    amp_dtype: torch.dtype | None = None,
    flip: bool = True,
) -> Iterator[Tensor]:
    """The embeddings (B, D) of `embed_batches` alone, for images that need no class.

    Raises:
        ConfigError: Not even a single image fits the memory.
    """
    limit: int | None = None
    for batch in batches:
        images_BHWC = torch.as_tensor(batch)
        limit = len(images_BHWC) if limit is None else limit
        embeddings_BD, limit = _embed_within_memory(network, images_BHWC, device, amp_dtype, flip, limit)
        yield embeddings_BD


def one_behind(results: Iterable[Result]) -> Iterator[Result]:
    """The same results, each handed over after the next one was begun.

    A GPU is told what comes next before the host waits for what it computes now.

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
                limit = _halved(len(chunk_BHWC), device)
                continue
            parts.append(part_BD)
            done += len(chunk_BHWC)
    finally:
        network.train(was_training)
    return torch.cat(parts) if len(parts) != 1 else parts[0], limit


def _halved(size: int, device: torch.device) -> int:
    if size <= 1:
        raise ConfigError(
            f"a single image does not fit the memory of {device}; free it, or set device=cpu or a smaller "
            "data.image_size or model.backbone"
        )
    return size // 2


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
    """Embeddings (B, D) of uint8 images in one pass, see `embed_batches`; the network's mode is kept."""
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
