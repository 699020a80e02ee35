"""Ctrl-C, SIGTERM and lost workers: what is kept, and the command line that goes on."""

from __future__ import annotations

import json
import os
import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.cli import main as command_line
from kaggle_face.cli.blending import predict
from kaggle_face.cli.main import main
from kaggle_face.hints import settings_command
from kaggle_face.stopping import StoppedBySignalError

Launch = Callable[..., int]
SETTINGS = ("train.epochs=2", "model.neck=dropout_linear_bn", "model.dropout=0.2", "optim.name=sgd")
RUNS = Path("runs/tiny")


def stopped(launch: Launch, moment: str, what: str, *words: str, code: int) -> list[str]:
    """Runs a command that is stopped, and returns the lines that are neither figures nor progress."""
    Path("log.txt").unlink(missing_ok=True)
    assert launch(*words, moment=moment, act=what) == code
    lines = Path("log.txt").read_text().splitlines()
    assert not [line for line in lines if "Traceback" in line]
    return [line for line in lines if line.startswith(("stopped: ", "error: ", "warning: "))]


def go_on(line: str) -> int:
    """Types what a line says after its last colon."""
    command = line.rpartition("go on with: ")[2]
    codes = [main(shlex.split(part)[1:]) for part in command.split(" && ")]
    return max(codes)


def status(run: str, fold: int = 0) -> str:
    return str(json.loads((RUNS / run / f"fold{fold}/run.json").read_text())["status"])


def weights(run: str, fold: int = 0) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (RUNS / run / f"fold{fold}/checkpoints").iterdir()}


MOMENTS = (("step 3", "TERM", 143), ("step 6", "INT", 130), ("measure 1", "TERM", 143), ("build", "INT", 130))


@pytest.mark.slow
@pytest.mark.ci
def test_a_stopped_training_tells_how_to_go_on_and_ends_with_the_same_bits(
    workspace: Path, launch: Launch
) -> None:
    assert main(["train", "--fold", "0", "--run", "whole", *SETTINGS]) == 0
    for number, (moment, signals, code) in enumerate(MOMENTS):
        run = f"cut{number}"
        words = ("train", "--fold", "0", "--run", run, *SETTINGS)
        lines = stopped(launch, moment, signals, *words, code=code)
        resume = [] if moment == "build" else ["--resume"]
        how = shlex.join(["kaggle-face", *words[:3], *resume, "--run", run, "-c", "tiny", *SETTINGS])
        kept = "had not begun" if moment == "build" else "is saved"
        assert lines == [f"stopped: fold 0 {kept}; go on with: {how}"], moment
        assert moment == "build" or status(run) == "stopped"
        assert go_on(lines[0]) == 0
        assert status(run) == "finished" and weights(run) == weights("whole"), moment


def test_a_second_ctrl_c_ends_at_once_and_without_a_word(workspace: Path, launch: Launch) -> None:
    words = ("train", "--fold", "0", "--run", "cut", *SETTINGS)
    assert stopped(launch, "step 3", "INT+INT", *words, code=-signal.SIGINT) == []
    assert status("cut") == "running"
    assert main([*words, "--resume"]) == 0


def test_several_folds_that_are_trained_anew_go_on_where_they_were(workspace: Path, launch: Launch) -> None:
    words = ("train", "--fold", "0,1", "--run", "main", "train.epochs=1")
    assert main(list(words)) == 0
    before = weights("main", 0), weights("main", 1)
    line = stopped(launch, "step 2", "TERM", *words, "optim.lr=0.01", "--overwrite", code=143)[0]
    assert "--fold 0 --resume --run main -c tiny train.epochs=1 optim.lr=0.01 && kaggle-face" in line
    assert weights("main", 1) == before[1] and status("main", 1) == "finished"
    assert go_on(line) == 0
    assert all(weights("main", fold) != before[fold] for fold in (0, 1))
    assert status("main", 0) == status("main", 1) == "finished"


@pytest.mark.slow
def test_a_lost_worker_is_one_line_that_names_memory_and_the_setting(workspace: Path, launch: Launch) -> None:
    words = ("train", "--fold", "0", "--run", "cut", *SETTINGS, "data.workers=2", "data.placement=workers")
    lines = stopped(launch, "step 4", "worker", *words, "train.checkpoint_minutes=1e-6", code=2)
    assert len(lines) == 1 and lines[0].startswith("error: a loader worker (process ")
    assert "memory" in lines[0] and "lower data.workers (now 2)" in lines[0]
    assert go_on(lines[0].replace("data.workers=2", "data.workers=0")) == 0
    assert status("cut") == "finished"


def test_other_commands_say_what_is_kept_and_the_same_words_again(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    monkeypatch.setattr(predict, "load_settings", stop)
    assert main(["predict", "--run", "a b", "device=cpu"]) == 143
    assert capsys.readouterr().err == (
        "stopped: records that were finished are kept; "
        "go on with: kaggle-face predict --run 'a b' device=cpu -c tiny\n"
    )
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("command", command_line.COMMANDS)
def test_every_command_is_stopped_with_one_line(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    module = command_line.COMMANDS[command][0]
    monkeypatch.setattr(f"kaggle_face.cli.{module}.run_{command.replace('-', '_')}", stop)
    needed = {
        "init": ["s", "--data", "d"], "train": ["--fold", "0"], "tune": ["--space", "s"],
        "enroll": ["Ann", "a.jpg"], "verify": ["Ann", "a.jpg"], "identify": ["a.jpg"],
        "people": ["list"], "bench": ["train"], "launch": ["--slurm"],
        "import-predictions": ["ann", "--task", "verification", "--test", "t.csv"],
    }  # fmt: skip
    assert main([command, *needed.get(command, [])]) == 130
    line = capsys.readouterr().err
    assert line.startswith("stopped: ") and f"; go on with: kaggle-face {command}" in line
    assert line.count("\n") == 1


def test_the_work_of_another_command_is_not_told_as_its_own() -> None:
    error = StoppedBySignalError(signal.SIGTERM, "fold 0 is saved")
    from argparse import Namespace

    from kaggle_face.cli.main import stop_of_command

    assert stop_of_command(error, ["kaggle-face", "train"], [], Namespace()) is error
    outer = stop_of_command(error, ["kaggle-face", "demo"], ["--overwrite"], Namespace())
    assert outer.line == "the steps that ended are kept; go on with: kaggle-face demo --overwrite"
    assert outer.exit_code == 143
    run = stop_of_command(error, ["kaggle-face", "run"], ["--hours", "2", "--overwrite"], Namespace())
    assert run.line is not None and run.line.endswith("; go on with: kaggle-face run --hours 2")
    plan = stop_of_command(
        error, ["kaggle-face", "run"], ["--hours", "2", "--plan", "--overwrite"], Namespace()
    )
    assert plan.line is not None and plan.line.endswith("run --hours 2 --plan --overwrite"), (
        "it removes nothing"
    )


def test_what_a_shell_would_split_is_quoted() -> None:
    overrides = ["model.backbone_options={depths: [1, 1]}"]
    words = ["train", "--fold", "0", "--resume", "--run", "main", "--ignore-rules"]
    command = settings_command(*words, word="my faces.yaml", overrides=overrides)
    assert shlex.split(command) == ["kaggle-face", *words, "-c", "my faces.yaml", *overrides]
