"""Which writers of a run exclude each other."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from kaggle_face.artifacts import run_locks
from kaggle_face.artifacts.files.locking import lock_if_free
from kaggle_face.artifacts.run_locks import (
    running_within_budget,
    writing_beside_folds,
    writing_folds,
    writing_run,
)
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.errors import RunError


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "runs" / "config" / "main")


def both(first: AbstractContextManager[None], second: AbstractContextManager[None]) -> None:
    with first, second:
        pass


def test_different_folds_and_what_lies_beside_them_are_written_at_once(run: RunFolder) -> None:
    with ExitStack() as stack:
        for lock in (writing_folds(run, [0]), writing_folds(run, [1, 2]), writing_beside_folds([run, run])):
            stack.enter_context(lock)


def test_what_is_written_by_one_is_refused_to_another(run: RunFolder) -> None:
    with pytest.raises(RunError, match=r"main/fold1 is being written by another process \("):
        both(writing_folds(run, [0, 1]), writing_folds(run, [1, 2]))
    with pytest.raises(RunError, match=r"config/main is being written by"):
        both(writing_beside_folds([run]), writing_beside_folds([run]))
    assert not list(run.path.parent.iterdir())


def test_whoever_writes_a_whole_run_is_alone(run: RunFolder) -> None:
    parts = (lambda: writing_folds(run, [3]), lambda: writing_beside_folds([run]), lambda: writing_run(run))
    for part in parts:
        with pytest.raises(RunError, match="is being written by another process"):
            both(writing_run(run), part())
        with pytest.raises(RunError, match="is being written by another process"):
            both(part(), writing_run(run))
    assert not list(run.path.parent.iterdir())


def test_runs_whose_names_begin_alike_have_nothing_to_do_with_each_other(run: RunFolder) -> None:
    for name in ("main-fold0", "main2", "main.lock", "mai"):
        both(writing_run(run), writing_run(RunFolder(run.path.with_name(name))))


def test_a_writer_waits_for_one_who_passes_the_gate(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = run.path.with_name(".main@run.lock")
    with lock_if_free(gate, leaves_note=False) as is_free:
        assert is_free
        waiting = threading.Thread(target=lambda: both(writing_folds(run, [0]), writing_folds(run, [1])))
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive()
    waiting.join(10)
    assert not waiting.is_alive()
    monkeypatch.setattr(run_locks, "_SECONDS_AT_THE_GATE", 0.05)
    with lock_if_free(gate, leaves_note=False), pytest.raises(RunError, match="is being written"):
        both(writing_folds(run, [0]), writing_folds(run, [1]))


def test_a_budget_is_carried_out_by_one_whose_stages_write_the_run(run: RunFolder) -> None:
    with running_within_budget(run), writing_folds(run, [0]), writing_beside_folds([run]):
        for other in (running_within_budget(run), writing_run(run)):
            with pytest.raises(RunError, match=r"config/main is being written by another process \("), other:
                pass
    assert not list(run.path.parent.iterdir())
