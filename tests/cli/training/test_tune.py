"""A search through the command line."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kaggle_face.artifacts.run_locks import writing_run
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.main import main
from kaggle_face.config import load_config
from kaggle_face.train import out_of_fold
from kaggle_face.train.search.study import Search
from tests.cli.conftest import Launcher

SPACE = """
optim.lr: {low: 1e-4, high: 1e-2, log: true}
augment.cutmix.probability: [0.0, 0.5]
"""


@pytest.fixture
def space(workspace: Path) -> str:
    (workspace / "space.yaml").write_text(SPACE, encoding="utf-8")
    return "space.yaml"


@pytest.mark.slow
@pytest.mark.ci
def test_the_best_settings_become_a_config_and_the_best_trial_stays_a_run(
    workspace: Path, space: str, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tune", "--space", space, "train.epochs=1", "train.score=accuracy"]
    assert main([*words, "--trials", "1"]) == 0
    assert main([*words, "--trials", "2"]) == 0
    out = capsys.readouterr().out
    assert "goes on after 1 trial" in out and "trial 1: " in out
    runs = sorted(path.name for path in Path("runs/tiny").glob("tune-*"))
    assert len(runs) == 1
    best = load_config("tiny-tune").config
    trained = load_config(f"runs/tiny/{runs[0]}/fold0/config.yaml").config
    assert 1e-4 <= best.optim.lr <= 1e-2
    assert (best.optim, best.augment, best.train.score) == (trained.optim, trained.augment, "accuracy")
    # The trials' single epoch is not that of a training, whose warmup of one epoch a trial has in half.
    assert (trained.train.epochs, best.train.epochs) == (1, load_config("tiny").config.train.epochs) == (1, 2)
    assert (trained.schedule.warmup_epochs, best.schedule.warmup_epochs) == (0.5, 1.0)
    text = Path("configs/tiny-tune.yaml").read_text()
    assert "best of 2 trials" in text and "A trial had 1 epoch" in text and "The score is accuracy" in text
    page = Path("runs/tiny/tune/trials.html").read_text(encoding="utf-8")
    assert page.count("<h2>") == 3 and "plotly" in page and 'src="http' not in page
    command = next(line for line in out.splitlines() if "go on with: " in line).partition("go on with: ")[2]
    assert command == "kaggle-face train -c tiny-tune"
    assert main([*shlex.split(command)[1:], "--fold", "0"]) == 0

    # The trial that stayed is never meant, whatever was trained last.
    line = refused("predict")
    assert f"there are: {runs[0]} (trial)" in line and line.endswith("train one: kaggle-face train -c tiny")
    assert main(["train", "--fold", "0", "--run", "main", "train.epochs=1"]) == 0
    later = time.time() + 60
    os.utime(f"runs/tiny/{runs[0]}/fold0/run.json", (later, later))
    capsys.readouterr()
    assert main(["predict", "train.epochs=1"]) == 0
    assert "tiny/main, of 2 runs: the others are trials" in capsys.readouterr().out.splitlines()
    assert Path("runs/tiny/main/fold0/test").is_dir() and not Path(f"runs/tiny/{runs[0]}/fold0/test").exists()
    assert main(["runs"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("tiny/")]
    kinds = {line[0]: line[1] for line in lines if line[1] in ("training", "trial")}
    assert kinds == {"tiny/main": "training", f"tiny/{runs[0]}": "trial"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optim.learning_rat: [1]", "unknown key 'optim.learning_rat'"),
        ("optim.lr: [0.1, -1.0]", "optim.lr must be > 0, got -1"),
        ("folds.seed: [1, 2]", "folds.seed cannot be searched"),
        ("data.root: [a, b]", "data.root cannot be searched"),
        ("model.further_center_crops: [0.5]", "a trial trains one fold; search model.center_crop"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused_before_any_training(
    workspace: Path, refused: Callable[..., str], text: str, message: str
) -> None:
    Path("space.yaml").write_text(text)
    assert message in refused("tune", "--space", "space.yaml")
    assert not Path("runs").exists()


def test_a_crop_that_the_fold_does_not_see_is_not_searched(
    workspace: Path, refused: Callable[..., str]
) -> None:
    Path("space.yaml").write_text("model.center_crop: [0.5, 1.0]\noptim.lr: [-1.0]")
    words = ("tune", "--space", "space.yaml", "model.further_center_crops=[0.65]", "--fold")
    line = refused(*words, "1")
    assert "model.center_crop cannot be searched on fold 1, which sees another share" in line
    assert "(model.further_center_crops=[0.65]); search on --fold 0, or set" in line
    for fold in ("0", "2"):  # which do see it
        assert "optim.lr must be > 0" in refused(*words, fold)
    assert "optim.lr must be > 0" in refused("tune", "--space", "space.yaml", "--fold", "1")


def test_a_trial_that_breaks_a_rule_ends_the_search(
    workspace: Path, space: str, refused: Callable[..., str]
) -> None:
    strict = "competition.slug=hw-2-p-2-fall-2026-student-competition"
    assert "no imported architecture is allowed" in refused("tune", "--space", space, strict)


def test_a_config_that_somebody_wrote_is_not_replaced(
    workspace: Path, space: str, refused: Callable[..., str]
) -> None:
    Path("configs/tiny-tune.yaml").write_text("extends: tiny\n")
    line = refused("tune", "--space", space, "--trials", "1", "train.epochs=1")
    assert "configs/tiny-tune.yaml was not written by tune" in line
    assert not Path("runs").exists()


def test_a_run_that_bears_the_name_of_a_trial_is_not_written_over(
    workspace: Path, space: str, refused: Callable[..., str]
) -> None:
    mine = Path("runs/tiny/tune-1/fold0/run.json")
    mine.parent.mkdir(parents=True)
    mine.write_text("{}")
    line = refused("tune", "--space", space, "--trials", "2", "train.epochs=1")
    assert line.startswith("runs/tiny/tune-1 is there and is not of this search")
    assert mine.read_text() == "{}" and not Path("runs/tiny/tune-0").exists()


@pytest.mark.slow
@pytest.mark.ci
def test_what_a_killed_search_left_of_a_trial_is_removed_and_the_trial_is_run_again(
    workspace: Path, space: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    words = ["tune", "--space", space, "--trials", "1", "train.epochs=1", "train.score=accuracy"]
    with monkeypatch.context() as patch:
        patch.setattr(out_of_fold, "write_targets", stop)
        patch.setattr(Search, "_tell", lambda *arguments, **named: False)  # nor had a killed process time to
        assert main(words) == 130
    assert Path("runs/tiny/tune-0").is_dir()
    with writing_run(RunFolder(Path("runs/tiny/tune"))):
        assert main(words) == 2
    assert "runs/tiny/tune is being written by another process" in capsys.readouterr().err
    assert main(words) == 0
    assert sorted(path.name for path in Path("runs/tiny").glob("tune-*")) == ["tune-1"]


def journal_trials(path: str = "search.journal") -> list[Any]:
    from optuna import load_study

    from kaggle_face.train.search.storage import StudyStorage

    return load_study(study_name="tiny/tune", storage=StudyStorage.of(path).open()).get_trials()


@pytest.mark.slow
@pytest.mark.ci
def test_two_workers_share_a_journal_and_run_each_trial_once(launch: Launcher, space: str) -> None:
    words = ["tune", "--space", space, "--trials", "4", "--storage", "search.journal", "--device", "cpu"]
    words += ["train.epochs=1", "train.score=accuracy"]
    assert launch.together(words, words) == [0, 0], Path("log.txt").read_text()
    trials = journal_trials()
    done = [trial for trial in trials if trial.state.name in ("COMPLETE", "PRUNED")]
    assert len(done) == 4
    assert {trial.state.name for trial in trials} <= {"COMPLETE", "PRUNED", "FAIL"}
    assert len({trial.params["optim.lr"] for trial in done}) == 4
    assert len({trial.user_attrs["worker"] for trial in done}) == 2
    log = Path("log.txt").read_text().splitlines()
    ended = [line.partition(":")[0] for line in log if line.startswith("trial ") and " fold" not in line]
    assert sorted(ended) == sorted(f"trial {trial.number}" for trial in done)
    best = [line for line in log if line.startswith("best of 4 trials: accuracy = ")]
    assert len(best) == 2 and len(set(best)) == 1
    (kept,) = Path("runs/tiny").glob("tune-*")
    assert best[0].endswith(load_line(kept)) and f"in trial {kept.name.removeprefix('tune-')}:" in best[0]


def load_line(run: Path) -> str:
    """The settings that a trial chose, as the command prints them."""
    overrides = json.loads((run / "fold0/run.json").read_text())["overrides"]
    chosen = [text for text in overrides if text.startswith(("optim.lr=", "augment.cutmix.probability="))]
    return ", ".join(chosen)


@pytest.mark.slow
def test_a_trial_of_a_killed_worker_is_repeated_by_the_next(launch: Launcher, space: str) -> None:
    words = ["tune", "--space", space, "--trials", "1", "--storage", "search.journal"]
    words += ["train.epochs=1", "train.score=accuracy"]
    assert launch(*words, moment="measure 1", act="KILL") == -9
    assert Path("runs/tiny/tune-0").is_dir()
    assert launch(*words) == 0, Path("log.txt").read_text()
    first, second = journal_trials()
    assert (first.state.name, second.state.name) == ("FAIL", "COMPLETE") and first.params == second.params
    assert [path.name for path in Path("runs/tiny").glob("tune-*")] == ["tune-1"]


def test_a_search_in_a_database_is_joined_only_with_the_same_space_settings_and_data(
    workspace: Path, space: str, refused: Callable[..., str]
) -> None:
    words = ["tune", "--space", space, "--trials", "1", "--storage", "sqlite:///trials.db", "train.epochs=1"]
    assert main(words) == 0
    assert Path("trials.db").is_file() and not Path("runs/tiny/tune/study.db").exists()
    line = refused(*words, "optim.weight_decay=0.5")
    assert "the search 'tune' was begun with other settings" in line
    assert "optim.weight_decay: 0.05 -> 0.5" in line and line.endswith("search under another --name")
    assert "epochs of a trial: 1 -> 2" in refused(*words[:-1])
    assert "fold: 0 -> 1" in refused(*words, "--fold", "1")
    Path(space).write_text("optim.lr: [0.001, 0.002]")
    line = refused(*words)
    assert "space of optim.lr: {low: 0.0001, high: 0.01, log: True} -> [0.001, 0.002]" in line
    assert "space of augment.cutmix.probability: [0.0, 0.5] -> none" in line


def test_no_password_of_an_address_is_printed_or_written(
    workspace: Path, space: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "sqlite+pysqlite:///trials.db?password=s3cret"
    monkeypatch.setattr("sys.argv", ["kaggle-face", "tune", "--storage", address])
    words = ["tune", "--space", space, "--trials", "1", "train.epochs=1", "--storage"]
    assert main([*words, "nothing://ann:s3cret@host/d"]) == 2
    assert main([*words[:-1], "--stroage", "nothing://ann:s3cret@host/d"]) == 2

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("kaggle_face.pipeline.improving.tune.tune", stop)
        assert main([*words, "mysql://ann:s3cret@host/d"]) == 130
    assert main([*words, "mine.journal"]) == 0
    shown = capsys.readouterr()
    assert "s3cret" not in shown.out + shown.err and "mysql://ann:***@host/d" in shown.err
    written = [path for path in Path().rglob("*") if path.is_file()]
    assert any(path.name == "run.json" for path in written)
    assert [path for path in written if b"s3cret" in path.read_bytes()] == []


def test_epochs_of_trials_that_make_no_sense_are_refused(
    workspace: Path, space: str, refused: Callable[..., str]
) -> None:
    words = ["tune", "--space", space, "--trial-epochs"]
    assert refused(*words, "3") == "--trial-epochs must be <= train.epochs (2), got 3"
    assert refused(*words, "0") == "--trial-epochs must be >= 1, got 0"
    Path(space).write_text("train.epochs: [1, 2]")
    assert "space.yaml searches train.epochs; leave --trial-epochs out" in refused(*words, "1")
