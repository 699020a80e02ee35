"""The search, on functions instead of trainings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kaggle_face.errors import ConfigError, RunError, TrainingStoppedError
from kaggle_face.progress import SilentProgress
from kaggle_face.train.search.space import Range, SearchSpace
from kaggle_face.train.search.study import EpochReport, Search

SPACE: SearchSpace = {"x": Range(0.0, 1.0)}


def open_search(folder: Path, space: SearchSpace = SPACE) -> Search:
    return Search(folder / "study.db", "tune", space, seed=0)


def x_of(overrides: Sequence[str]) -> float:
    (text,) = overrides
    return float(text.removeprefix("x="))


def hill(number: int, overrides: Sequence[str], report: EpochReport) -> None:
    """Best at x = 0.7; the score rises with the epochs."""
    for epoch in range(1, 5):
        report(epoch / 4 - abs(x_of(overrides) - 0.7))


def run(search: Search, trials: int, run_trial: object = hill) -> list[int]:
    ended: list[int] = []
    search.run(trials, None, run_trial, ended.append, SilentProgress())  # type: ignore[arg-type]
    return ended


def test_the_search_comes_near_the_best_and_stops_those_that_fall_behind(tmp_path: Path) -> None:
    search = open_search(tmp_path)
    assert run(search, 14) == list(range(14))
    assert search.best is not None and search.best.score > 0.9
    epochs = [len(trial.intermediate_values) for trial in search.study.trials]
    # The first five are never stopped; no trial is stopped in its first two epochs.
    assert epochs[:5] == [4] * 5 and min(epochs) == 3


def test_a_search_goes_on_where_it_was_and_draws_new_settings(tmp_path: Path) -> None:
    run(open_search(tmp_path), 3)
    search = open_search(tmp_path)
    assert search.num_done == 3
    assert run(search, 5) == [3, 4]
    assert run(search, 5) == []
    drawn = [trial.params["x"] for trial in search.study.trials]
    assert len(set(drawn)) == 5


def test_what_a_killed_search_had_begun_is_tried_again(tmp_path: Path) -> None:
    search = open_search(tmp_path)
    begun = search.study.ask()
    begun.suggest_float("x", 0.0, 1.0)
    x = begun.params["x"]
    again = open_search(tmp_path)
    run(again, 1)
    assert again.num_done == 1
    assert again.study.trials[-1].params["x"] == x


def test_a_training_that_does_not_stay_finite_is_a_stopped_trial(tmp_path: Path) -> None:
    def explode(number: int, overrides: Sequence[str], report: EpochReport) -> None:
        if number == 0:
            raise TrainingStoppedError("not finite")
        hill(number, overrides, report)

    search = open_search(tmp_path)
    run(search, 2, explode)
    assert search.num_done == 2 and search.best is not None and search.best.number == 1


def test_a_score_that_is_no_number_does_not_win(tmp_path: Path) -> None:
    def broken(number: int, overrides: Sequence[str], report: EpochReport) -> None:
        report(float("nan") if number == 0 else -5.0)

    search = open_search(tmp_path)
    run(search, 2, broken)
    assert search.best is not None and (search.best.number, search.best.score) == (1, -5.0)


def test_another_space_under_the_same_name_is_refused(tmp_path: Path) -> None:
    run(open_search(tmp_path, {"x": ("a", "b")}), 1, lambda number, overrides, report: report(0.5))
    with pytest.raises(ConfigError, match="another search space"):
        run(open_search(tmp_path, {"x": ("c", "d")}), 2)


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"\xff" * 2000])
def test_a_file_that_is_not_a_study_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "study.db").write_bytes(content)
    with pytest.raises(RunError, match=r"study\.db cannot be used: .*; move it away, or search") as caught:
        open_search(tmp_path)
    assert "\n" not in str(caught.value)
