"""The search, on functions instead of trainings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kaggle_face.errors import ConfigError, RunError, TrainingStoppedError
from kaggle_face.progress import SilentProgress
from kaggle_face.train.search import study
from kaggle_face.train.search.space import Range, SearchSpace
from kaggle_face.train.search.storage import StudyStorage
from kaggle_face.train.search.study import EpochReport, Search

SPACE: SearchSpace = {"x": Range(0.0, 1.0)}


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "_SECONDS_BETWEEN_LOOKS", 0.05)


def open_search(folder: Path, space: SearchSpace = SPACE) -> Search:
    return Search(StudyStorage.beside_runs(folder / "study.db"), "tune", space, seed=0)


def join_search(folder: Path, seconds_until_lost: float = 60.0) -> Search:
    """One of several workers."""
    journal = StudyStorage.of(folder / "search.journal")
    return Search(journal, "tune", SPACE, seed=0, shared=True, seconds_until_lost=seconds_until_lost)


def x_of(overrides: Sequence[str]) -> float:
    (text,) = overrides
    return float(text.removeprefix("x="))


def hill(number: int, overrides: Sequence[str], report: EpochReport) -> None:
    """Best at x = 0.7; the score rises with the epochs."""
    for epoch in range(1, 5):
        report(epoch / 4 - abs(x_of(overrides) - 0.7))


def run(search: Search, trials: int, run_trial: object = hill) -> list[int]:
    before = set(search.ended)
    search.run(trials, None, run_trial, lambda: None, SilentProgress())  # type: ignore[arg-type]
    return sorted(set(search.ended) - before)


def test_the_search_comes_near_the_best_and_stops_those_that_fall_behind(tmp_path: Path) -> None:
    search = Search(StudyStorage.of(tmp_path / "search.journal"), "tune", SPACE, seed=0)
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
    begun = search.study.ask()  # and the process is gone
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


def test_workers_that_meet_run_no_trial_too_many_and_draw_no_settings_twice(tmp_path: Path) -> None:
    others = [join_search(tmp_path) for _ in range(2)]

    def others_begin(number: int, overrides: Sequence[str], report: EpochReport) -> None:
        """Both other workers run what is left while this one trains; then their time is up."""
        hill(number, overrides, report)
        for other in others if number == 0 else ():
            other.run(3, 0.5 / 3600, hill, lambda: None, SilentProgress())

    search = join_search(tmp_path)
    run(search, 3, others_begin)
    states = [trial.state.name for trial in search.study.trials]
    assert states.count("COMPLETE") == 3 == search.num_done
    assert len({trial.params["x"] for trial in search.study.trials}) == 3
    assert {worker.best for worker in (*others, search)} == {search.best}


def test_a_trial_too_many_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker begins a trial between this one's look at the study and its own trial."""
    first, second = join_search(tmp_path), join_search(tmp_path)
    ask = first.study.ask

    def ask_late() -> object:
        monkeypatch.setattr(first.study, "ask", ask)
        run(second, 1)
        return ask()

    monkeypatch.setattr(first.study, "ask", ask_late)
    trained: list[int] = []
    first.run(1, None, lambda number, *_: trained.append(number), lambda: None, SilentProgress())
    assert trained == [] and first.num_done == 1
    assert [trial.state.name for trial in first.study.trials] == ["COMPLETE", "FAIL"]


def test_a_trial_of_a_worker_without_signs_of_life_is_repeated_with_its_settings(tmp_path: Path) -> None:
    gone = join_search(tmp_path).study.ask()
    x = gone.suggest_float("x", 0.0, 1.0)
    search = join_search(tmp_path, seconds_until_lost=0.2)
    assert run(search, 2) == [0, 1, 2]
    assert [trial.state.name for trial in search.study.trials].count("FAIL") == 1
    assert sorted(trial.number for trial in search.study.trials if trial.params["x"] == x) == [0, 2]


def test_a_worker_that_comes_back_late_leaves_its_trial_to_the_one_that_repeats_it(tmp_path: Path) -> None:
    other = join_search(tmp_path, seconds_until_lost=0.1)

    def sleep_through(number: int, overrides: Sequence[str], report: EpochReport) -> None:
        report(0.1)
        if number == 0:
            run(other, 1)
        report(0.2)

    search = join_search(tmp_path, seconds_until_lost=600.0)
    search.run(1, None, sleep_through, lambda: None, SilentProgress())
    assert [trial.state.name for trial in search.study.trials] == ["FAIL", "COMPLETE"]
    assert search.study.trials[0].params == search.study.trials[1].params


def test_a_study_that_tune_did_not_begin_is_refused(tmp_path: Path) -> None:
    run(join_search(tmp_path), 1)
    with pytest.raises(RunError, match=r"search\.journal has a study 'tune' that tune did not begin"):
        join_search(tmp_path).begun_with({"id": "1"}, takes_over=False)


def test_the_first_worker_says_what_a_study_is_begun_with(tmp_path: Path) -> None:
    first, second = join_search(tmp_path), join_search(tmp_path)
    assert first.begun_with({"id": "1"}) == {"id": "1"}
    assert second.begun_with({"id": "2"}) == {"id": "1"}
