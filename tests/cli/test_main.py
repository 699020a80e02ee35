"""Whatever goes wrong at the keyboard or on the disk, the answer is one line and exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kaggle_face.cli.main import COMMANDS, main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["recipes", "--seeds", "2"], "is a script now; in a checkout run: python -m benchmarks.recipes"),
        (["blends"], "is a script now; in a checkout run: python -m benchmarks.blends"),
        (["trian"], "there is no command 'trian'; did you mean 'train'?"),
        (["train", "--fold"], "kaggle-face train: argument --fold: expected one argument"),
        (["train", "--fold", "0", "--fast"], "kaggle-face train: unrecognized arguments: --fast"),
        (["submit", "--task", "both"], "argument --task: invalid choice: 'both'"),
        (["init", "slug"], "kaggle-face init: the following arguments are required: --data"),
    ],
)
def test_wrong_words_are_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("error: ") and message in streams.err
    assert streams.err.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: kaggle-face {command} ")


def test_a_folder_that_cannot_be_made_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file")
    assert main(["submissions", "--offline", "paths.submissions=taken/below"]) == 2
    assert capsys.readouterr().err == f"error: {Path('taken/below')}: Not a directory\n"


def test_a_reader_that_has_seen_enough_ends_the_command_quietly() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "kaggle_face", "competitions"]
    finished = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write_end)
    assert (finished.returncode, finished.stderr) == (141, "")  # as a shell calls SIGPIPE


@pytest.mark.parametrize(("words", "code"), [(["--version"], 0), (["nonsense"], 2)])
@pytest.mark.parametrize("processes", [1, 2])
def test_one_of_several_processes_ends_before_torch_can_abort_it(
    words: list[str], code: int, processes: int
) -> None:
    program = (
        "import atexit, sys; from kaggle_face.cli.main import run; "
        "atexit.register(print, 'the interpreter ends'); run(sys.argv[1:])"
    )
    command = [sys.executable, "-c", program, *words]
    environment = {**os.environ, "WORLD_SIZE": str(processes)}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == code
    assert (finished.stderr or finished.stdout).startswith(("kaggle-face ", "error: "))
    assert ("the interpreter ends" in finished.stdout) == (processes == 1)
