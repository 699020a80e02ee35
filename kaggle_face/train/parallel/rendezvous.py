"""Rendezvous of the processes of one start, in a store that outlives them.

torchrun keeps one store over its restarts, and in it all that ended processes wrote: addresses at which
nobody listens any more, a failure, a stop. torch's own `init_process_group` reads these where a process is a
moment ahead of the others, and then connects to nobody. The count of restarts does not distinguish starts:
each node counts its own failures alone.

So each process requests under a random key, and rank 0 answers each key with the name of the start.
Requests of earlier processes are answered too, and not read.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from torch.distributed import PrefixStore  # type: ignore[attr-defined]

from kaggle_face.data.loading.samplers import Shard
from kaggle_face.errors import TrainingStoppedError

_SECONDS_BETWEEN_LOOKS = 0.01


def store_of_this_start(store: Any, share: Shard, longest_wait: timedelta) -> Any:
    """The part of a store that only the processes of this start write to; all of them call it.

    Raises:
        TrainingStoppedError: A process has not requested, or rank 0 not answered, within the longest wait.
    """
    name = _answer_all(store, share, longest_wait) if share.rank == 0 else _ask(store, share, longest_wait)
    return PrefixStore(f"kaggle-face/{name}", store)


def _ask(store: Any, share: Shard, longest_wait: timedelta) -> str:
    word = secrets.token_hex(8)
    store.set(_question_of(share.rank), word)
    _wait_until(lambda: bool(store.check([_answer_to(word)])), longest_wait, lambda: "rank 0")
    name: str = store.get(_answer_to(word)).decode()
    store.set(_arrival_at(name, share.rank), "1")
    return name


def _answer_all(store: Any, share: Shard, longest_wait: timedelta) -> str:
    name, answered = secrets.token_hex(8), dict.fromkeys(range(1, share.count), "")

    def missing() -> list[int]:
        return [rank for rank in answered if not store.check([_arrival_at(name, rank)])]

    def have_all_come() -> bool:
        for rank in missing():
            word = store.get(_question_of(rank)).decode() if store.check([_question_of(rank)]) else ""
            if word != answered[rank]:
                store.set(_answer_to(word), name)
                answered[rank] = word
        return not missing()

    _wait_until(have_all_come, longest_wait, lambda: f"rank {', '.join(map(str, missing()))}")
    return name


def _wait_until(is_done: Callable[[], bool], longest_wait: timedelta, who: Callable[[], str]) -> None:
    end = time.monotonic() + longest_wait.total_seconds()
    while not is_done():
        if time.monotonic() > end:
            minutes = longest_wait.total_seconds() / 60
            raise TrainingStoppedError(
                f"{who()} of this training has not come within {minutes:g} min (--timeout); start all of its "
                "processes at one time"
            )
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _question_of(rank: int) -> str:
    return f"kaggle-face/question/{rank}"


def _answer_to(word: str) -> str:
    return f"kaggle-face/answer/{word}"


def _arrival_at(name: str, rank: int) -> str:
    return f"kaggle-face/arrival/{name}/{rank}"
