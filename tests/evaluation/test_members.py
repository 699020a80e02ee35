from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.errors import RunError
from kaggle_face.evaluation.members import choose_members


@pytest.fixture
def trained(world: Any) -> Callable[..., RunFolder]:
    def train(name: str, *folds: int, status: str = "finished") -> RunFolder:
        run = RunFolder(world.runs / "demo" / name)
        for fold in folds:
            run.fold(fold).write_info({"status": status, "num_parameters": 10})
        return run

    return train


def test_each_checkpoint_of_each_run_is_a_member(trained: Callable[..., RunFolder]) -> None:
    members = choose_members([trained("a", 0, 1), trained("b", 0, 1)], ["best_cls", "last"])
    assert [member.name for member in members] == [
        "demo/a@best_cls",
        "demo/a@last",
        "demo/b@best_cls",
        "demo/b@last",
    ]
    assert members[0].num_parameters == 20


def test_a_run_or_checkpoint_named_twice_is_one_member(trained: Callable[..., RunFolder]) -> None:
    run = trained("a", 0)
    assert len(choose_members([run, run], ["last", "last"])) == 1


def test_an_unfinished_fold_is_left_out(trained: Callable[..., RunFolder]) -> None:
    run = trained("a", 0, 2)
    trained("a", 1, status="running")
    assert [fold.fold for fold in choose_members([run], ["last"])[0].folds] == [0, 2]


def test_a_fold_that_one_run_lacks_is_named_with_what_to_choose(trained: Callable[..., RunFolder]) -> None:
    runs = [trained("a", 0, 1, 3), trained("b", 0, 1)]
    how = "--folds 0,1, or train it: kaggle-face train --fold 3 --run b -c demo"
    with pytest.raises(RunError, match=rf"demo/b has no finished fold 3.*{how}"):
        choose_members(runs, ["last"])
    with pytest.raises(RunError, match=r"demo/b has no finished fold 3"):
        choose_members(runs[::-1], ["last"])


def test_a_fold_asked_for_that_is_not_finished_is_named(trained: Callable[..., RunFolder]) -> None:
    with pytest.raises(RunError, match="demo/a has no finished fold 4; finished are: 0, 1"):
        choose_members([trained("a", 0, 1)], ["last"], [4])


def test_an_empty_list_of_folds_is_refused(trained: Callable[..., RunFolder]) -> None:
    with pytest.raises(RunError, match="no fold of demo/a is chosen; finished are: 0, 1"):
        choose_members([trained("a", 0, 1)], ["last"], [])


def test_a_run_without_a_finished_fold_is_named(trained: Callable[..., RunFolder]) -> None:
    with pytest.raises(RunError, match="demo/a has no finished fold"):
        choose_members([trained("a", 0, status="running")], ["last"])
