"""Which run is meant where none is named: a training that is sure to be it, or a refusal that names all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kaggle_face.artifacts.run_choice import (
    default_run,
    find_blended_run,
    find_run,
    how_to_get_fold,
    is_further_network,
    sort_words,
)
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.seals import write_seal
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.errors import RunError


def made(runs: Path, name: str, finished: int = 1, begun: int = 0, **info: Any) -> RunFolder:
    """A run with so many finished folds, then begun ones; three folds are planned."""
    run = RunFolder(runs / "tiny" / name)
    for number in range(finished + begun):
        status = "finished" if number < finished else "running"
        run.fold(number).write_info({"kind": "training", "num_folds": 3, "status": status, **info})
    return run


def why(runs: Path, *overrides: str) -> str:
    return default_run(runs, "tiny", overrides).why


def test_the_only_run_is_taken_without_a_word(tmp_path: Path) -> None:
    run = made(tmp_path, "main", 0, 1)
    assert default_run(tmp_path, "tiny").run == run and why(tmp_path) == ""


def test_trials_soups_and_experiments_are_never_meant(tmp_path: Path) -> None:
    made(tmp_path, "main", 1)
    for name, kind in (("tune-1", "trial"), ("soup", "soup"), ("softmax", "experiment")):
        made(tmp_path, name, 3, kind=kind)
    expected = "tiny/main, of 4 runs: the others are experiments and soups and trials"
    assert why(tmp_path) == expected and find_run(tmp_path, "tiny").path.name == "main"


def test_of_several_the_only_complete_one_is_meant(tmp_path: Path) -> None:
    made(tmp_path, "main", 3)
    made(tmp_path, "later", 2, 1)
    made(tmp_path, "tune-4", 3, kind="trial")
    assert why(tmp_path) == "tiny/main, of 3 runs: the only one with all folds finished"


def test_or_else_the_only_one_with_a_finished_fold(tmp_path: Path) -> None:
    made(tmp_path, "main", 1)
    made(tmp_path, "begun", 0, 2)
    assert why(tmp_path) == "tiny/main, of 2 runs: the only one with a finished fold"


def test_settings_that_name_a_run_mean_it(tmp_path: Path) -> None:
    made(tmp_path, "main", 3)
    made(tmp_path, "optim.lr=0.1", 1)
    words = ("optim.lr=0.1", "paths.cache=elsewhere")
    assert why(tmp_path, *words) == "tiny/optim.lr=0.1, of 2 runs: the one that these settings name"
    assert why(tmp_path, "paths.cache=x") == "tiny/main, of 2 runs: the only one with all folds finished"


@pytest.mark.parametrize("finished", [(1, 1), (3, 3), (2, 1), (0, 0)])
def test_two_that_could_be_meant_are_named(tmp_path: Path, finished: tuple[int, int]) -> None:
    made(tmp_path, "a", finished[0], 1)
    made(tmp_path, "b", finished[1], 1)
    states = ", ".join(
        f"{name} ({done} of 3 folds finished)" for name, done in zip("ab", finished, strict=True)
    )
    with pytest.raises(RunError) as caught:
        find_run(tmp_path, "tiny")
    assert str(caught.value) == f"2 runs of 'tiny' could be meant: {states}; say which: --run a"


def test_trials_alone_are_no_choice(tmp_path: Path) -> None:
    made(tmp_path, "tune-0", kind="trial")
    made(tmp_path, "soup", kind="soup")
    with pytest.raises(
        RunError, match=r"made by train; there are: soup \(soup\), tune-0 \(trial\); name one"
    ):
        find_run(tmp_path, "tiny")
    assert find_run(tmp_path, "tiny", "tune-0").path.name == "tune-0"
    with pytest.raises(
        RunError, match=r"no run 'x' of 'tiny' .*; there are: soup \(soup\), tune-0 \(trial\)"
    ):
        find_run(tmp_path, "tiny", "x")


def blended(run: RunFolder) -> RunFolder:
    run.ensemble_folder.mkdir()
    write_seal(run.ensemble_folder, {})
    return run


def test_a_begun_training_does_not_hide_the_only_blend(tmp_path: Path) -> None:
    made(tmp_path, "begun", 0, 1)
    for name in ("one", "two"):
        made(tmp_path, name, 3, kind="imported")
    loaded = LoadedConfig("tiny", Config.model_validate({"paths": {"runs": str(tmp_path)}}))
    heard = list[str]()
    assert find_blended_run(loaded, None, heard.append).path.name == "begun" and "others" in heard[0]
    run = blended(RunFolder(tmp_path / "tiny" / "two"))
    assert find_blended_run(loaded, None, heard.append) == run
    assert heard[1:] == ["tiny/two, of 3 runs: the only imported one with a blend, and none is trained"]
    blended(RunFolder(tmp_path / "tiny" / "one"))
    with pytest.raises(RunError) as caught:
        find_blended_run(loaded, None, heard.append)
    expected = "2 runs of 'tiny' have a blend: one (imported), two (imported); say which: --run one"
    assert str(caught.value) == expected
    main = made(tmp_path, "main", 1)
    assert find_blended_run(loaded, None, heard.append) == main
    assert find_blended_run(loaded, "one", heard.append).path.name == "one"


@pytest.mark.parametrize(
    ("name", "info", "kind"),
    [
        ("tune-1", {"command_line": "kaggle-face tune --space space.yaml"}, "trial"),
        ("tune-1", {"command_line": "kaggle-face train --fold 0 --run tune-1"}, "training"),
        ("mine", {"soup": {"of": ["main/fold0@last"]}, "command_line": "kaggle-face soup"}, "soup"),
        ("resnet", {"command_line": "__main__.py blends --measured a"}, "experiment"),
        ("tune-1", {}, "training"),
        ("search-7", {}, "trial"),
        ("main", {"kind": "other", "command_line": "train"}, "training"),
    ],
)
def test_runs_of_before_are_told_by_their_marks(
    tmp_path: Path, name: str, info: dict[str, Any], kind: str
) -> None:
    (tmp_path / "tiny" / "search").mkdir(parents=True)
    (tmp_path / "tiny" / "search" / "study.db").touch()
    run = RunFolder(tmp_path / "tiny" / name)
    run.fold(0).write_info({"status": "finished", **info})
    assert run.kind == kind


def test_a_kind_of_a_wrong_type_is_named(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "tiny" / "main")
    run.fold(0).write_info({"status": "finished", "kind": ["trial"]})
    with pytest.raises(RunError, match=r"run\.json: kind"):
        _ = run.kind


def test_a_trial_that_was_trained_on_is_a_training(tmp_path: Path) -> None:
    run = made(tmp_path, "tune-2", kind="trial")
    run.fold(1).write_info({"kind": "training", "status": "finished"})
    assert run.kind == "training"


def test_a_training_is_repeated_as_it_was_done(tmp_path: Path) -> None:
    run = made(
        tmp_path, "optim.lr=0.1", 1, 1, overrides=["optim.lr=0.1", "train.max_hours=2"], ignored_rules=["x"]
    )
    (run.path / "fold1" / "resume.pt").touch()
    tail = "--run optim.lr=0.1 --ignore-rules -c tiny optim.lr=0.1"
    assert run.training_command(0) == f"kaggle-face train --fold 0 --overwrite {tail}"
    assert run.training_command(1) == f"kaggle-face train --fold 1 --resume {tail}"
    assert run.training_command(2) == f"kaggle-face train --fold 2 {tail}"
    assert run.training_command("all") == f"kaggle-face train --fold all {tail}"


def test_settings_given_as_a_file_are_named_by_it_while_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = made(tmp_path, "main", settings="my settings/tiny.yaml")
    assert run.command("predict") == "kaggle-face predict --run main -c tiny"
    Path("my settings").mkdir()
    Path("my settings/tiny.yaml").touch()
    assert run.command("predict") == "kaggle-face predict --run main -c 'my settings/tiny.yaml'"


def test_words_are_runs_blends_or_settings(tmp_path: Path) -> None:
    (tmp_path / "runs" / "base" / "optim.lr=0.1" / "fold0").mkdir(parents=True)
    (tmp_path / "runs" / "base" / "optim.lr=0.1" / "fold0" / "run.json").write_text("{}")
    paths = f"paths.runs={tmp_path / 'runs'}"
    found = sort_words("base", ["main/ensemble", "optim.lr=0.1", "seed=2", paths], takes_blends=True)
    assert (list(found.runs), list(found.blends)) == (["optim.lr=0.1"], ["main"])
    assert list(found.overrides) == ["seed=2", paths]
    plain = sort_words("base", ["main/ensemble", "seed=2", paths])
    assert (list(plain.runs), list(plain.blends)) == (["main/ensemble"], [])


@pytest.mark.parametrize(
    ("fold", "num_folds", "words"),
    [
        (1, 3, "run: kaggle-face train --fold 1 --run main -c demo"),
        (3, 3, "its folds are 0 to 2"),
        (-1, 3, "its folds are 0 to 2"),
        (-1, None, "folds are numbered from 0"),
    ],
)
def test_a_fold_that_cannot_be_has_no_command(
    tmp_path: Path, fold: int, num_folds: int | None, words: str
) -> None:
    run = RunFolder(tmp_path / "demo/main")
    run.fold(0).write_info({"status": "finished"} | ({} if num_folds is None else {"num_folds": num_folds}))
    assert how_to_get_fold(run, fold) == words


def test_further_networks_of_a_run_stand_behind_it(tmp_path: Path) -> None:
    run = made(tmp_path, "main", 1)
    made(tmp_path, "main-seed7", 1)
    made(tmp_path, "main-seed8", 1)
    with pytest.raises(RunError, match="3 runs of 'tiny' could be meant"):
        default_run(tmp_path, "tiny")
    (run.path / "budget.json").write_text('{"spent": {"fold 0": 3.0, "fold 0, seed 7": 2.0}}', "utf-8")
    with pytest.raises(RunError, match="3 runs of 'tiny' could be meant"):
        default_run(tmp_path, "tiny")  # nothing says that the last one belongs to it
    text = '{"spent": {"fold 0": 3.0, "fold 0, seed 7": 2.0, "fold 0, seed 8": 0.0}}'
    (run.path / "budget.json").write_text(text, "utf-8")
    assert default_run(tmp_path, "tiny").run == run
    assert why(tmp_path) == "tiny/main, of 3 runs: the others are further networks of it"
    made(tmp_path, "other", 1)
    with pytest.raises(RunError, match="4 runs of 'tiny' could be meant"):
        default_run(tmp_path, "tiny")


@pytest.mark.parametrize("text", ["{", "[]", '{"spent": 3}', '{"spent": {"fold 0": 1.0}}', "{}"])
def test_a_record_that_cannot_be_read_makes_no_run_a_further_network(tmp_path: Path, text: str) -> None:
    run, other = made(tmp_path, "main", 1), made(tmp_path, "main-seed7", 1)
    (run.path / "budget.json").write_text(text, "utf-8")
    assert not is_further_network(other) and not is_further_network(run)
    for name in ("-seed7", "main-seed", "main-seedx", "seed7"):
        assert not is_further_network(RunFolder(tmp_path / "tiny" / name))
