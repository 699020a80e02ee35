"""What disks and machines do to the commands: one line, and what was there before."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.cli.competition import init as competitions
from kaggle_face.cli.main import main
from kaggle_face.train import trainer as fit

FOLD = Path("runs/tiny/main/fold0")


def pixels_of(workspace: Path) -> Path:
    (path,) = workspace.glob("packs/*/images.npy")
    return path


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 8
    path.write_bytes(content)


@pytest.mark.parametrize("settings", [[], ["data.placement=workers", "data.workers=1"]])
def test_a_cache_that_is_cut_under_a_training_is_one_line(
    workspace: Path,
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    settings: list[str],
) -> None:
    save = fit.save_checkpoint

    def save_and_cut(*arguments: object) -> None:
        save(*arguments)  # type: ignore[arg-type]
        os.truncate(pixels_of(workspace), 5000)

    monkeypatch.setattr(fit, "save_checkpoint", save_and_cut)
    line = refused("train", "--fold", "0", "--run", "main", "train.epochs=40", *settings)
    assert "is damaged; delete it, and it is made again (images.npy: it was cut while it was read)" in line


def test_a_flipped_bit_of_the_cache_is_found_by_train_and_whole_by_check(
    workspace: Path, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache"]) == 0
    assert main(["check", "--no-images"]) in (0, 2)
    assert "holds what was written" in capsys.readouterr().out
    flip(pixels_of(workspace), 3000)
    assert "row 0 holds other pixels than were written" in refused("train", "--fold", "all")
    main(["check", "--no-images"])
    assert "1 of 116 images holds other pixels than were written, first: row 0" in capsys.readouterr().out
    shutil.rmtree(pixels_of(workspace).parent)
    assert main(["cache"]) == 0


def test_a_resumed_fold_verifies_its_state_and_removes_what_a_kill_left(
    workspace: Path, refused: Callable[..., str]
) -> None:
    words = ["train", "--fold", "0", "--run", "main", "train.epochs=1"]
    assert main([*words, "train.max_hours=1e-9"]) == 0
    left = [
        FOLD / ".0123456789ab.resume.pt",
        FOLD / "checkpoints" / ".tmpAb12cD",
        FOLD / "oof/.0123456789ab.x",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    resume = FOLD / "resume.pt"
    middle = resume.stat().st_size // 2
    flip(resume, middle)
    assert "resume.pt cannot be resumed from (" in refused(*words, "--resume")
    assert [path.exists() for path in left] == [False] * 3
    flip(resume, middle)
    left[0].write_bytes(b"half")
    assert main([*words, "--resume"]) == 0
    assert sorted(path.name for path in FOLD.rglob(".*")) == []


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "there is not enough memory; end other programs, or use a smaller batch"),
        (OSError(errno.EMFILE, "x", "a.jpg"), r"a.jpg: this process has too many files open"),
        (OSError(errno.ENOSPC, "x", "a.csv"), "a.csv: the disk of . is full; free some room ("),
        (OSError(errno.EFBIG, "x"), "no file may become this large here; raise the limit (ulimit -f)"),
        (
            shutil.Error([("a", "b", "[Errno 122] Disk quota exceeded: 'b'")]),
            "b: the disk quota for . is used up",
        ),
        (OSError(errno.ENOTEMPTY, "x", "a"), "a: another process wrote there at the same time"),
        (RuntimeError("can't start new thread"), "this machine gives no more processes or memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "the GPU has not enough memory"),
    ],
)
def test_what_nobody_explained_is_one_line_at_last(
    error: Exception, line: str, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(competitions, "run_competitions", fail)
    assert refused("competitions").startswith(line)


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(competitions, "run_competitions", fail)
    with pytest.raises(ValueError, match="a bug"):
        main(["competitions"])
