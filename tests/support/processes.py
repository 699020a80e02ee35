"""Processes that train together: forked from one that has imported everything, each for many tasks."""

from __future__ import annotations

import io
import multiprocessing
import os
import socket
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from kaggle_face.train.distributed import joined

LONGEST_TASK_SECONDS = 1800.0
"""Later they are taken to wait for each other. Tasks of 100 steps of four processes took more than 300 s on
two cores with a load of 13."""


def work(rank: int, orders: Connection) -> None:
    """What each process does: joins the others, calls a function, and sends what it returns or raises."""
    torch.set_num_threads(1)
    while True:
        count, port, task, arguments = orders.recv()
        os.environ.update(
            MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), WORLD_SIZE=str(count), RANK=str(rank)
        )
        try:
            with joined(os.environ) as group:
                result = task(group, *arguments)
        except Exception as error:
            result = error
        stream = io.BytesIO()
        torch.save(result, stream)
        orders.send_bytes(stream.getvalue())


class Processes:
    """Up to four processes, which begin at the first task that takes them."""

    def __init__(self) -> None:
        self._context: Any = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
        if hasattr(os, "fork"):
            # Else the first training of each process would import albumentations, which takes a second.
            os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # its import sends a request otherwise
            self._context.set_forkserver_preload(
                ["tests.support.shared_training", "albumentations", __name__]
            )
        self._running: list[tuple[Any, Connection]] = []

    def __call__(self, count: int, task: Callable[..., Any], *arguments: Any) -> list[Any]:
        """What a function of a `DistributedContext` and more arguments returns in each process."""
        while len(self._running) < count:
            self._begin()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for _, orders in self._running[:count]:
            orders.send((count, port, task, arguments))
        results = [self._answer(orders) for _, orders in self._running[:count]]
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results

    def end(self) -> None:
        """Ends all of them."""
        for process, _ in self._running:
            process.kill()
            process.join()
        self._running = []

    def _begin(self) -> None:
        own, theirs = self._context.Pipe()
        process = self._context.Process(target=work, args=(len(self._running), theirs), daemon=True)
        process.start()
        self._running.append((process, own))

    def _answer(self, orders: Connection) -> Any:
        if not orders.poll(LONGEST_TASK_SECONDS):
            self.end()
            raise AssertionError("the processes wait for each other")
        return torch.load(io.BytesIO(orders.recv_bytes()), weights_only=False)
