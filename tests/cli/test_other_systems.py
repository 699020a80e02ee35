"""What Windows and macOS do otherwise, as far as it can be imitated here; it was never run there."""

from __future__ import annotations

import io
import json
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.artifacts.files.locking import alone, holder_of, if_free
from kaggle_face.cli.main import main
from kaggle_face.cli.terminal import Terminal, write_any_letter
from kaggle_face.errors import RunError


@pytest.mark.slow
def test_a_run_is_trained_replaced_predicted_blended_and_submitted_as_on_windows(
    workspace: Path, as_on_windows: None
) -> None:
    train = ["train", "--fold", "0", "--run", "main", "train.epochs=1", "train.tensorboard=true"]
    assert main(train) == 0
    assert main([*train, "--overwrite", "optim.lr=0.01"]) == 0
    for words in (["predict"], ["predict"], ["soup", "--checkpoints", "last"], ["evaluate", "main"]):
        assert main([*words, *(["--run", "main"] if words[0] != "evaluate" else [])]) == 0
    for _ in range(2):
        assert main(["ensemble", "--run", "main", "--method", "mean"]) == 0
    assert main(["submit", "--run", "main", "--dry-run"]) == 0
    assert json.loads(Path("runs/tiny/main/fold0/run.json").read_text())["status"] == "finished"
    left = [path.name for path in Path("runs").rglob(".*") if not path.name.endswith(".lock")]
    assert not left  # the empty lock files stay: Windows removes no file that is open


def test_a_lock_on_windows_leaves_the_note_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform == "win32":
        pytest.skip("it is imitated where it is not at hand")
    import fcntl

    def locking(descriptor: int, mode: int, count: int) -> None:
        assert os.lseek(descriptor, 0, os.SEEK_CUR) > 2**20, "a locked byte cannot be read by others"
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermissionError(13, "Permission denied") from None

    monkeypatch.setitem(sys.modules, "msvcrt", types.SimpleNamespace(LK_NBLCK=2, locking=locking))
    monkeypatch.setattr(sys, "platform", "win32")
    path = tmp_path / ".lock"
    with alone(path, "it"):
        assert f"({os.getpid()} on " in holder_of(path)
        with pytest.raises(RunError, match="it is being written by another process"), alone(path, "it"):
            pass
    with if_free(path) as is_free:
        assert is_free


@pytest.mark.parametrize("run", ["CON", "nul", "aux.2", "com1", "main."])
def test_a_name_that_windows_takes_for_a_device_is_no_run(refused: Callable[..., str], run: str) -> None:
    assert "Windows" in refused("train", "--fold", "0", "--run", run)


@pytest.mark.parametrize("slug", ["con", "a:b", "nul.txt"])
def test_nor_is_it_a_competition(refused: Callable[..., str], tmp_path: Path, slug: str) -> None:
    assert "Windows" in refused("init", slug, "--data", str(tmp_path))


def test_runs_whose_names_differ_in_case_alone_are_not_mixed_where_they_are_one_folder(
    workspace: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("runs/tiny/main").mkdir(parents=True)
    really = Path.exists
    monkeypatch.setattr(
        Path, "exists", lambda path: really(path) or really(path.with_name(path.name.lower()))
    )
    line = refused("train", "--fold", "0", "--run", "Main")
    assert line == "the runs 'Main' and 'main' are one folder on this disk; write 'main'"


def test_letters_that_a_terminal_lacks_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", out)
    write_any_letter()
    Terminal().log("Łukasz \u2713")
    assert out.buffer.getvalue() == b"\\u0141ukasz \\u2713\n"
