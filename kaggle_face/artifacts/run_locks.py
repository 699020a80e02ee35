"""The locks of a run: of each fold, of the files beside the folds, of a time budget, and of the whole run.

They lie beside the run folder as `.<run>@<part>.lock`, so that the folder can be replaced. Whoever begins to
write a part passes the gate `.<run>@run.lock`; whoever writes the whole run stays in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kaggle_face.artifacts.files.locking import holder_of, lock_if_free, lock_or_refuse, read_note
from kaggle_face.artifacts.files.renaming import restore
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.errors import RunError

_GATE, _BESIDE, _BUDGET = "run", "beside", "budget"
_SECONDS_AT_THE_GATE = 10.0
_SECONDS_BETWEEN_TRIES = 0.02


@contextmanager
def writing_folds(run: RunFolder, folds: Iterable[int]) -> Iterator[None]:
    """Keeps other processes from writing these folds of a run meanwhile; other folds are free.

    Raises:
        RunError: Another process writes one of them, or the whole run.
        DataError: The file system has no locks.
    """
    with _holding(run, [f"fold{fold}" for fold in sorted(set(folds))]):
        yield


@contextmanager
def writing_beside_folds(runs: Iterable[RunFolder]) -> Iterator[None]:
    """Keeps other processes from writing the files beside the folds of runs: blend, thresholds, lists.

    Raises:
        RunError: Another process writes there, or a whole run of them.
        DataError: The file system has no locks.
    """
    with ExitStack() as locks:
        for run in dict.fromkeys(runs):
            locks.enter_context(_holding(run, [_BESIDE]))
        yield


@contextmanager
def running_within_budget(run: RunFolder) -> Iterator[None]:
    """Keeps other calls from going on with a run's plan meanwhile; its stages hold their own locks.

    Raises:
        RunError: Another process carries the plan out, or writes the whole run.
        DataError: The file system has no locks.
    """
    with _holding(run, [_BUDGET]):
        yield


@contextmanager
def writing_run(run: RunFolder) -> Iterator[None]:
    """Keeps other processes from writing anything of a run meanwhile, which need not exist yet.

    Raises:
        RunError: Another process writes some of it.
        DataError: The file system has no locks.
    """
    with _gate(run, stays=True), ExitStack() as locks:
        for path in sorted(run.path.parent.glob(f".{run.path.name}@*.lock")):
            part = path.name.removesuffix(".lock").rpartition("@")[2]
            if part != _GATE:
                locks.enter_context(lock_or_refuse(path, str(_place_of(run, part))))
        restore(run.path)
        yield


@contextmanager
def _holding(run: RunFolder, parts: Sequence[str]) -> Iterator[None]:
    with ExitStack() as locks:
        with _gate(run, stays=False):
            for part in parts:
                locks.enter_context(lock_or_refuse(_lock_of(run, part), str(_place_of(run, part))))
        for part in parts:
            restore(run.ensemble_folder if part == _BESIDE else run.path / part)
        yield


@contextmanager
def _gate(run: RunFolder, stays: bool) -> Iterator[None]:
    """Holds the gate: waits for others who pass it, not for one who stays; only who stays leaves a note."""
    path = _lock_of(run, _GATE)
    end = time.monotonic() + _SECONDS_AT_THE_GATE
    while True:
        with lock_if_free(path, leaves_note=stays) as is_free:
            if is_free:
                yield
                return
        if read_note(path) is not None or time.monotonic() > end:
            raise RunError(f"{run.path} is being written by {holder_of(path)}; wait until it ends")
        time.sleep(_SECONDS_BETWEEN_TRIES)


def _lock_of(run: RunFolder, part: str) -> Path:
    return run.path.with_name(f".{run.path.name}@{part}.lock")


def _place_of(run: RunFolder, part: str) -> Path:
    return run.path if part in (_BESIDE, _BUDGET) else run.path / part
