"""Loggers of outside services in threads of their own, so that no training waits for one or fails with it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence

from kaggle_face.config import Config
from kaggle_face.progress import Progress
from kaggle_face.train.loggers.logger import (
    EpochRow,
    HyperParameter,
    LoggedPicture,
    Logger,
    StepValues,
    TrialScores,
)

PATIENCE_SECONDS = 120.0
"""How long the end of a training waits for one call of a service; the first creates MLflow's database."""

_Call = Callable[[], None]


class BackgroundLogger(Logger):
    """Calls another logger in order; after its first failure it warns once and drops the rest."""

    def __init__(
        self, inner: Logger, service: str, progress: Progress, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wraps a logger; its thread starts with the first call.

        Args:
            inner: Its methods may raise and block.
            service: The name of the service, for the warning.
            progress: Gets the warning.
            patience_seconds: How long `close` waits for each call that is pending.
        """
        self._inner, self._service, self._progress = inner, service, progress
        self._patience_seconds = patience_seconds
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._reason: str | None = None
        self._has_warned = False
        self._num_taken = 0

    def log_settings(self, config: Config, resumes: bool) -> None:
        """Queues the call for the wrapped logger."""
        self._put(lambda: self._inner.log_settings(config, resumes))

    def log_steps(self, steps: Sequence[StepValues]) -> None:
        """Queues the call for the wrapped logger."""
        self._put(lambda: self._inner.log_steps(steps))

    def log_epoch(self, history: Sequence[EpochRow]) -> None:
        """Hands it on, with the rows as they are now."""
        rows = [dict(row) for row in history]
        self._put(lambda: self._inner.log_epoch(rows))

    def log_scores(self, scores: TrialScores) -> None:
        """Queues the call for the wrapped logger."""
        self._put(lambda: self._inner.log_scores(scores))

    def log_picture(self, picture: LoggedPicture) -> None:
        """Queues the call for the wrapped logger."""
        self._put(lambda: self._inner.log_picture(picture))

    def log_results(
        self, hyperparameters: Mapping[str, HyperParameter], results: Mapping[str, float]
    ) -> None:
        """Queues the call for the wrapped logger."""
        self._put(lambda: self._inner.log_results(hyperparameters, results))

    def close(self) -> None:
        """Waits until all is handed on, or one call takes longer than its patience lasts."""
        if self._thread is None:
            return
        self._put(self._inner.close)
        self._calls.put(None)
        taken = -1
        while self._thread.is_alive() and taken < self._num_taken:
            taken = self._num_taken
            self._thread.join(self._patience_seconds)
        if self._thread.is_alive() and self._reason is None:
            self._reason = f"it took nothing for {self._patience_seconds:.0f} s"
        self._warn_once()

    def _put(self, call: _Call) -> None:
        self._warn_once()
        if self._reason is not None:
            return
        if self._thread is None:
            # It may hang in a call for ever, and the process has to end.
            self._thread = threading.Thread(target=self._work, name=self._service, daemon=True)
            self._thread.start()
        self._calls.put(call)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            if self._reason is not None:
                continue
            try:
                call()
            except BaseException as error:  # clients raise SystemExit and KeyboardInterrupt too
                words = " ".join(str(error).split())[:200]
                self._reason = f"{type(error).__name__}: {words}" if words else type(error).__name__
            self._num_taken += 1

    def _warn_once(self) -> None:
        if self._reason is None or self._has_warned:
            return
        self._has_warned = True
        self._progress.warn(
            f"{self._service} records no more of this training, which goes on: {self._reason}"
        )
