"""Processes that start again find one another, and nothing of those before them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from torch.distributed import HashStore

from kaggle_face.data.loading.samplers import Shard
from kaggle_face.errors import TrainingStoppedError
from kaggle_face.train.parallel.rendezvous import store_of_this_start

SOON = timedelta(seconds=20)


def started(store: HashStore, order: tuple[int, ...]) -> dict[int, Any]:
    """The stores of a start whose processes come one after another."""

    def come(place: int) -> Any:
        time.sleep(0.05 * place)
        return store_of_this_start(store, Shard(order[place], len(order)), SOON)

    with ThreadPoolExecutor(len(order)) as pool:
        return dict(zip(order, pool.map(come, range(len(order))), strict=True))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_a_start_sees_nothing_of_the_one_before_it(order: tuple[int, ...]) -> None:
    kept = HashStore()
    before = started(kept, (0, 1, 2))
    before[1].set("address", "of a process that is gone")
    assert before[2].get("address") == b"of a process that is gone"
    now = started(kept, order)
    assert not any(store.check(["address"]) for store in now.values())
    now[0].set("address", "of now")
    assert [now[rank].get("address") for rank in (1, 2)] == [b"of now"] * 2
    assert before[0].get("address") == b"of a process that is gone"


def test_other_numbers_of_processes_may_start_again() -> None:
    kept = HashStore()
    assert len(started(kept, (0, 1, 2))) == 3
    first, second = started(kept, (0, 1)).values()
    first.set("stop", "1")
    assert second.check(["stop"])


@pytest.mark.parametrize(("present", "missing"), [((0, 2), "rank 1 "), ((1,), "rank 0 ")])
def test_a_process_that_does_not_come_is_named(present: tuple[int, ...], missing: str) -> None:
    kept, wait = HashStore(), timedelta(seconds=0.3)
    started(kept, (0, 1, 2))  # who came once has not come again

    def come(rank: int) -> str:
        try:
            store_of_this_start(kept, Shard(rank, 3), wait)
        except TrainingStoppedError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(2) as pool:
        assert missing in next(iter(pool.map(come, present)))
