"""How runs are named on the command line, and what is said where they are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.artifacts.run_choice import find_named_run, split_runs_and_overrides
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.main import main
from kaggle_face.config import load_config


def made(name: str, **info: object) -> RunFolder:
    run = RunFolder(Path("runs") / name)
    run.fold(0).write_info({"kind": "training", "num_folds": 3, "status": "finished", **info})
    return run


def test_a_run_of_other_settings_is_named_with_them(workspace: Path) -> None:
    made("tiny/main")
    other = made("others/optim.lr=0.1")
    loaded, told = load_config("tiny"), list[str]()
    assert find_named_run(loaded, "others/optim.lr=0.1", told.append) == other
    assert find_named_run(loaded, "main", told.append).name == "tiny/main" and told == []
    words = ["main", "others/optim.lr=0.1", "optim.lr=0.1", "seed=3"]
    assert split_runs_and_overrides(words, Path("runs"), "tiny") == (words[:2], words[2:])


def test_settings_without_a_run_are_told_apart(workspace: Path, refused: Callable[..., str]) -> None:
    made("tiny/main")
    assert refused("ensemble", "--run", "tinny/main").endswith(
        "no run of 'tinny' under runs; did you mean 'tiny'?"
    )
    assert refused("evaluate", "zzz/main").endswith("no run of 'zzz' under runs; there are runs of: tiny")


@pytest.mark.parametrize("command", ["predict", "submit", "soup", "bundle"])
def test_what_works_with_todays_settings_takes_no_run_of_others(
    workspace: Path, refused: Callable[..., str], command: str
) -> None:
    made("tiny/main")
    made("others/main")
    line = refused(command, "--run", "others/main")
    assert line == "others/main is not a run of 'tiny'; name its settings too, with -c others"


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["predict"], "--run a"),
        (["ensemble"], "--run a"),
        (["submit"], "--run a"),
        (["soup"], "--run a"),
        (["bundle"], "--run a"),
        (["pseudo-label"], "--run a"),
        (["evaluate"], "evaluate a"),
        (["check", "--labels"], "--labels a"),
        (["enroll", "Ann", "ann.jpg", "--aligned"], "--run a"),
        (["app"], "--run a"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_no_command_guesses_between_two(
    workspace: Path, refused: Callable[..., str], words: list[str], option: str
) -> None:
    made("tiny/a")
    made("tiny/b")
    made("tiny/tune-0", kind="trial")
    line = refused(*words)
    assert line.startswith("2 runs of 'tiny' could be meant: a (1 of 3 folds finished), b (1 of 3 folds")
    assert line.endswith(f"; say which: {option}")


def test_the_table_of_runs_says_what_made_each(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, kind in (("main", "training"), ("soup", "soup"), ("tune-0", "trial"), ("wide", "experiment")):
        made(f"tiny/{name}", kind=kind)
    assert main(["runs"]) == 0
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[2:6]]
    assert rows == [
        ["tiny/main", "training"],
        ["tiny/soup", "soup"],
        ["tiny/tune-0", "trial"],
        ["tiny/wide", "experiment"],
    ]
