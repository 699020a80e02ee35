"""One random source; the order of an epoch."""

from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.data.loading.samplers import Shard, epoch_order, seeded


def test_an_order_names_every_image_once() -> None:
    order = epoch_order(1000, seed=3, epoch=2)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(1000))


def test_an_order_follows_from_seed_and_epoch_alone() -> None:
    assert (epoch_order(50, 1, 4) == epoch_order(50, 1, 4)).all()


def test_every_epoch_and_seed_has_its_own_order() -> None:
    orders = {tuple(epoch_order(50, seed, epoch)) for seed in range(5) for epoch in range(20)}
    assert len(orders) == 100


def test_streams_of_different_words_differ_also_where_words_are_zero() -> None:
    # numpy fills a short entropy with zeros: SeedSequence([1]) and SeedSequence([1, 0]) are the same stream.
    words = [(), (0,), (0, 0), (1,), (0, 1), (1, 0)]
    draws = {int(seeded(1, *some).integers(2**63)) for some in words}
    assert len(draws) == len(words)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("size", [14, 15, 128])
def test_the_shares_of_processes_make_up_a_batch_in_its_order(size: int, count: int) -> None:
    parts = [list(range(size))[Shard(rank, count).of(size)] for rank in range(count)]
    assert [position for part in parts for position in part] == list(range(size))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
