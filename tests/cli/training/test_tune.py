"""A search through the command line."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.artifacts.run_locks import writing_run
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.main import main
from kaggle_face.config import load_config
from kaggle_face.train import out_of_fold

SPACE = """
optim.lr: {low: 1e-4, high: 1e-2, log: true}
augment.cutmix.probability: [0.0, 0.5]
"""


@pytest.fixture
def space(workspace: Path) -> str:
    (workspace / "space.yaml").write_text(SPACE, encoding="utf-8")
    return "space.yaml"


def test_the_best_settings_become_a_config_and_the_best_trial_stays_a_run(
    workspace: Path, space: str, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tune", "--space", space, "train.epochs=1", "train.score=accuracy"]
    assert main([*words, "--trials", "1"]) == 0
    assert main([*words, "--trials", "2"]) == 0
    out = capsys.readouterr().out
    assert "goes on after trial 0" in out and "trial 1: " in out
    runs = sorted(path.name for path in Path("runs/tiny").glob("tune-*"))
    assert len(runs) == 1
    best = load_config("tiny-tune").config
    trained = load_config(f"runs/tiny/{runs[0]}/fold0/config.yaml").config
    assert best == trained
    assert 1e-4 <= best.optim.lr <= 1e-2 and best.train.epochs == 1
    assert "best of 2 trials" in Path("configs/tiny-tune.yaml").read_text()
    assert main(["train", "--fold", "0", "-c", "tiny-tune"]) == 0

    # The trial that stayed is never meant, whatever was trained last.
    line = refused("predict")
    assert f"there are: {runs[0]} (trial)" in line and "train one: kaggle-face train --fold 0" in line
    assert main(["train", "--fold", "0", "--run", "main", "train.epochs=1"]) == 0
    later = time.time() + 60
    os.utime(f"runs/tiny/{runs[0]}/fold0/run.json", (later, later))
    capsys.readouterr()
    assert main(["predict", "train.epochs=1"]) == 0
    assert "tiny/main, of 2 runs: the others are trials" in capsys.readouterr().out.splitlines()
    assert Path("runs/tiny/main/fold0/test").is_dir() and not Path(f"runs/tiny/{runs[0]}/fold0/test").exists()
    assert main(["runs"]) == 0
    kinds = {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines()[2:]}
    assert kinds == {"tiny/main": "training", f"tiny/{runs[0]}": "trial"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optim.learning_rat: [1]", "unknown key 'optim.learning_rat'"),
        ("optim.lr: [0.1, -1.0]", "optim.lr must be > 0, got -1"),
        ("folds.seed: [1, 2]", "folds.seed cannot be searched"),
        ("data.root: [a, b]", "data.root cannot be searched"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused_before_any_training(
    workspace: Path, refused: Callable[..., str], text: str, message: str
) -> None:
    Path("space.yaml").write_text(text)
    assert message in refused("tune", "--space", "space.yaml")
    assert not Path("runs").exists()


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


def test_what_a_killed_search_left_of_a_trial_is_removed_and_the_trial_is_run_again(
    workspace: Path, space: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    words = ["tune", "--space", space, "--trials", "1", "train.epochs=1", "train.score=accuracy"]
    with monkeypatch.context() as patch:
        patch.setattr(out_of_fold, "write_targets", stop)
        assert main(words) == 130
    assert Path("runs/tiny/tune-0").is_dir()
    with writing_run(RunFolder(Path("runs/tiny/tune"))):
        assert main(words) == 2
    assert "runs/tiny/tune is being written by another process" in capsys.readouterr().err
    assert main(words) == 0
    assert sorted(path.name for path in Path("runs/tiny").glob("tune-*")) == ["tune-1"]
