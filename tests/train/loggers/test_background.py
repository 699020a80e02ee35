"""Services that fail or hang cost one warning and no time."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from kaggle_face.config import Config
from kaggle_face.train.loggers.background import BackgroundLogger
from kaggle_face.train.loggers.logger import EpochRow, Logger
from tests.support.progress import Told


class Recording(Logger):
    """Remembers epochs; raises at one of them, or waits for a word."""

    def __init__(self, fails_at: int = 0, error: BaseException | None = None) -> None:
        self.seen: list[float] = []
        self.threads: set[str] = set()
        self.go_on = threading.Event()
        self.go_on.set()
        self._fails_at, self._error = fails_at, error or ConnectionError("the server\nis gone")

    def log_epoch(self, history: Sequence[EpochRow]) -> None:
        self.go_on.wait(30)
        self.threads.add(threading.current_thread().name)
        self.seen.append(history[-1]["epoch"])
        if len(self.seen) == self._fails_at:
            raise self._error


def run_epochs(logger: BackgroundLogger, count: int) -> None:
    history: list[EpochRow] = []
    for number in range(count):
        history.append({"epoch": float(number)})
        logger.log_epoch(history)


def test_calls_arrive_in_order_and_in_another_thread() -> None:
    inner, progress = Recording(), Told()
    logger = BackgroundLogger(inner, "service", progress)
    logger.log_settings(Config(), False)
    run_epochs(logger, 5)
    logger.close()
    assert inner.seen == [0, 1, 2, 3, 4] and inner.threads == {"service"} and progress.lines == []


@pytest.mark.parametrize(
    "error", [ConnectionError("the server\nis gone"), SystemExit(3), KeyboardInterrupt()]
)
def test_the_first_failure_is_the_only_warning_and_the_rest_is_dropped(error: BaseException) -> None:
    inner, progress = Recording(2, error), Told()
    logger = BackgroundLogger(inner, "service", progress)
    run_epochs(logger, 4)
    logger.close()
    run_epochs(logger, 2)
    logger.close()
    assert inner.seen == [0, 1]
    (line,) = progress.lines
    assert line.startswith(f"service records no more of this training, which goes on: {type(error).__name__}")
    assert "\n" not in line


def test_a_service_that_hangs_is_waited_for_only_so_long() -> None:
    inner, progress = Recording(), Told()
    inner.go_on.clear()
    logger = BackgroundLogger(inner, "service", progress, patience_seconds=0.05)
    began = time.monotonic()
    run_epochs(logger, 3)
    logger.close()
    assert time.monotonic() - began < 10  # instead of 30
    assert progress.lines == [
        "service records no more of this training, which goes on: it took nothing for 0 s"
    ]
    inner.go_on.set()
