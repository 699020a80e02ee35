"""Hints are typed: each command that a message shows is run as it stands, and the complaint is gone.

The settings have a blank in their path, the run is named by an override and lies in a folder of its own:
what a hint leaves out of that shows.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.cli.main import main

COMMAND = re.compile(r"kaggle-face [a-z].*")
SETTINGS = "my settings/faces.yaml"
HOW = ["-c", SETTINGS, "paths.runs=my runs", "optim.lr=0.01"]
RUN = Path("my runs/faces/optim.lr=0.01")

Type = Callable[[str], str]


def hint_in(text: str) -> str:
    """The command of a message, which ends its line."""
    (found,) = COMMAND.findall(text)
    return str(found)


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Type:
    """Runs a command line as a shell would, and returns what it printed."""

    def run(line: str) -> str:
        program, *words = shlex.split(line)
        capsys.readouterr()
        assert program == "kaggle-face" and main(words) == 0, line
        return capsys.readouterr().out

    return run


@pytest.fixture
def elsewhere(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same settings under a name and under a path; neither is chosen by the environment."""
    monkeypatch.delenv("KAGGLE_FACE_CONFIG")
    text = (
        Path("configs/tiny.yaml")
        .read_text()
        .replace("epochs: 2", "epochs: 1")
        .replace("count: 3", "count: 2")
    )
    Path("configs/tiny.yaml").write_text(text)
    Path(SETTINGS).parent.mkdir()
    Path(SETTINGS).write_text(text)
    return workspace


@pytest.mark.slow
@pytest.mark.ci
def test_following_the_hints_leads_to_the_csvs(
    elsewhere: Path, refused: Callable[..., str], typed: Type
) -> None:
    typed(hint_in(refused("submit", "--dry-run", *HOW)))  # no run: train, all folds
    assert all((RUN / f"fold{k}/checkpoints/last.safetensors").is_file() for k in range(2))
    for missing in ("predict", "ensemble"):
        hint = hint_in(refused("submit", "--dry-run", *HOW))
        assert hint.startswith(f"kaggle-face {missing} ")
        typed(hint)
    typed(shlex.join(["kaggle-face", "submit", "--dry-run", *HOW]))

    shutil.rmtree(RUN / "fold1")
    hint = hint_in(refused("predict", "--folds", "1", *HOW))
    assert hint.startswith("kaggle-face train --fold 1 ")
    typed(hint)
    hint = hint_in(refused("ensemble", *HOW))
    assert hint.startswith("kaggle-face predict --folds 1 ")
    typed(hint)
    typed(shlex.join(["kaggle-face", "ensemble", *HOW]))


def test_a_stopped_training_goes_on_as_its_hint_says(
    elsewhere: Path, refused: Callable[..., str], typed: Type
) -> None:
    words = ["-c", SETTINGS, "optim.lr=0.01", "paths.runs=my runs", "train.max_hours=1e-9"]
    out = typed(shlex.join(["kaggle-face", "train", "--fold", "0", *words]))
    hint = hint_in(next(line for line in out.splitlines() if "go on with" in line))
    assert hint_in(refused("train", "--fold", "0", *words)) == hint
    typed(hint)
    done = refused("train", "--fold", "0", *words)
    assert "fold 0 is trained at" in done and "--overwrite" in hint_in(done)
    # The run of other settings is named by both, and so is what makes its records.
    line = refused("ensemble", "--run", "faces/optim.lr=0.01", "-c", "tiny", "paths.runs=my runs")
    typed(hint_in(line))
    typed(shlex.join(["kaggle-face", "evaluate", "faces/optim.lr=0.01", "-c", "tiny", "paths.runs=my runs"]))
    line = refused("pseudo-label", "--run", "optim.lr=0.01", "-c", SETTINGS, "paths.runs=my runs")
    assert "has no blend" in line
    typed(hint_in(line))


def test_labels_that_are_to_be_made_first_are_made_as_the_hint_says(
    elsewhere: Path, refused: Callable[..., str], typed: Type
) -> None:
    line = refused("train", "--fold", "0", "-c", SETTINGS, "data.pseudo_labels=none.csv")
    assert hint_in(line) == f"kaggle-face pseudo-label -c '{SETTINGS}' data.pseudo_labels=none.csv"


@pytest.mark.slow
@pytest.mark.ci
def test_what_comes_after_init_works(
    elsewhere: Path, tiny_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slug = "face classes of 2030.yaml"  # a name that needs quotes, and that looks like a path
    assert main(["init", slug, "--data", str(tiny_root)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("next: ")]
    check, train = line.removeprefix("next: ").split("; ")
    assert main([*shlex.split(check)[1:], "--no-images"]) == 0
    assert shlex.split(train) == ["kaggle-face", "train", *shlex.split(check)[2:]]


def test_the_task_of_a_csv_is_asked_for_with_the_whole_command(
    elsewhere: Path, refused: Callable[..., str]
) -> None:
    Path("my file.csv").write_text("ID,Label\n")
    line = refused("submit", "--file", "my file.csv", "-c", SETTINGS)
    words = "kaggle-face submit --file 'my file.csv' --task verification --dry-run"
    assert hint_in(line) == f"{words} -c '{SETTINGS}'"
    assert "name the task" not in refused(*shlex.split(hint_in(line))[1:])


def test_nobody_is_enrolled_yet(elsewhere: Path, refused: Callable[..., str]) -> None:
    line = refused("identify", "face.jpg", "--gallery", "my gallery.sqlite")
    assert hint_in(line) == "kaggle-face enroll NAME IMAGE --gallery 'my gallery.sqlite'"
