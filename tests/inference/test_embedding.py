"""Embeddings of many images: flips, modes, memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kaggle_face.errors import ConfigError
from kaggle_face.inference.embedding import embed_all, embed_batches, embed_on_device, one_behind
from kaggle_face.model.network import FaceNetwork
from tests.support.networks import tiny_network

CPU = torch.device("cpu")


def images(count: int, seed: int = 0) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 32, 32, 3), dtype=torch.uint8, generator=draws)


def embed(network: FaceNetwork, *batches: Tensor, flip: bool = False) -> tuple[Tensor, Tensor]:
    pairs = list(embed_on_device(network, batches, CPU, flip=flip))
    return torch.cat([pair[0] for pair in pairs]), torch.cat([pair[1] for pair in pairs])


def test_embeddings_are_those_of_the_network_in_evaluation_mode() -> None:
    network = tiny_network(head="arcface")
    ours, logits = embed(network, images(3), images(2, seed=1))
    network.eval()
    expected = network(network.normalize(torch.cat([images(3), images(2, seed=1)])))
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(logits, network.head.logits(network.head.similarity(expected)))


def test_the_networks_mode_comes_back_between_batches() -> None:
    network = tiny_network().train()
    for _ in embed_batches(network, [images(2), images(2)], CPU):
        assert network.training
    assert network.training


def test_flipping_gives_the_mean_of_both_embeddings() -> None:
    network = tiny_network()
    plain, _ = embed(network, images(4))
    mirrored, _ = embed(network, images(4).flip(2))
    both, _ = embed(network, images(4), flip=True)
    torch.testing.assert_close(both, (plain + mirrored) / 2, atol=1e-5, rtol=1e-5)


def test_an_image_and_its_mirror_image_get_one_embedding() -> None:
    first, _ = embed(tiny_network(), torch.cat([images(2), images(2).flip(2)]), flip=True)
    torch.testing.assert_close(first[:2], first[2:], atol=1e-5, rtol=1e-5)


def test_logits_of_a_linear_head_are_the_mean_of_both_logits() -> None:
    network = tiny_network(head="linear")
    logits = [embed(network, batch)[1] for batch in (images(4), images(4).flip(2))]
    torch.testing.assert_close(embed(network, images(4), flip=True)[1], (logits[0] + logits[1]) / 2)


def test_the_head_computes_in_float32_under_autocast() -> None:
    for embeddings, logits in embed_on_device(tiny_network(), [images(2)], CPU, torch.bfloat16):
        assert embeddings.dtype == logits.dtype == torch.float32


class _SmallMemory(nn.Module):
    """A backbone that fits no more than `limit` images."""

    def __init__(self, backbone: nn.Module, limit: int) -> None:
        super().__init__()
        self.backbone, self.limit = backbone, limit
        self.input_mean, self.input_std = backbone.input_mean, backbone.input_std
        self.sizes: list[int] = []

    def forward(self, images_BCHW: Tensor) -> Tensor:
        self.sizes.append(len(images_BCHW))
        if len(images_BCHW) > self.limit:
            raise torch.OutOfMemoryError("full")
        features: Tensor = self.backbone(images_BCHW)
        return features


def test_a_batch_that_does_not_fit_is_halved_and_so_are_the_next() -> None:
    network = tiny_network()
    expected, _ = embed(network, images(8), images(8, seed=1))
    memory = _SmallMemory(network.backbone, limit=3)
    network.backbone = memory  # type: ignore[assignment]
    ours, _ = embed(network, images(8), images(8, seed=1))
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)
    assert memory.sizes == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]


def test_a_single_image_that_does_not_fit_is_one_line() -> None:
    network = tiny_network()
    network.backbone = _SmallMemory(network.backbone, limit=0)  # type: ignore[assignment]
    with pytest.raises(ConfigError, match="a single image does not fit the memory of cpu"):
        embed(network, images(2))
    assert network.training


def test_embeddings_alone_are_the_same() -> None:
    network = tiny_network()
    expected, _ = embed(network, images(3), images(2, seed=1), flip=True)
    batches = [images(3), images(2, seed=1)]
    ours, logits = embed_all(network, batches, 5, CPU, with_logits=False)
    assert torch.equal(torch.from_numpy(ours), expected)
    assert logits.shape == (5, 0)


def test_batches_name_their_rows_and_all_of_them_fill_the_arrays() -> None:
    network, batches = tiny_network(), [images(3), images(2, seed=1)]
    found = list(embed_batches(network, batches, CPU))
    assert [batch.rows for batch in found] == [slice(0, 3), slice(3, 5)]
    embeddings, logits = embed_all(network, batches, 5, CPU)
    assert np.array_equal(embeddings, np.concatenate([batch.embeddings for batch in found]))
    assert np.array_equal(logits, np.concatenate([batch.logits for batch in found]))
    expected = embed(network, *batches, flip=True)
    assert np.array_equal(embeddings, expected[0].numpy()) and np.array_equal(logits, expected[1].numpy())


def test_a_result_is_handed_over_after_the_next_one_was_begun() -> None:
    begun: list[int] = []

    def results() -> Iterator[int]:
        for number in range(3):
            begun.append(number)
            yield number

    behind = one_behind(results())
    assert next(behind) == 0 and begun == [0, 1]
    assert list(behind) == [1, 2]
    assert list(one_behind([])) == []
