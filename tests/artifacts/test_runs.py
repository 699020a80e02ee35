"""What a fold's `run.json` and settings are asked for is there and of its type, or one line says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.errors import ConfigError, RunError


def test_a_value_that_is_needed_and_missing_is_named(tmp_path: Path) -> None:
    fold = FoldFolder(tmp_path / "fold2")
    fold.write_info({"status": "finished", "results": {"last": {"eer": 0.25}}})
    assert fold.read_info("status", "results.last.eer")["results"]["last"]["eer"] == 0.25
    for name in ("seconds", "results.best_cls", "results.last.accuracy", "status.text"):
        with pytest.raises(RunError, match=rf"run\.json has no '{name}'; train the fold again"):
            fold.read_info(name)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"\xff", RunError, "config.yaml cannot be read"),
        (b"optim: {lr: [1]}", ConfigError, "config.yaml: optim.lr must be a number, got [1]"),
        (b"[" * 5000, ConfigError, "config.yaml: line 1: more than 40 levels"),
        (b"a: \x00", ConfigError, "config.yaml: unacceptable character"),
    ],
)
def test_settings_of_a_fold_that_were_changed_are_one_line(
    tmp_path: Path, content: bytes, error: type[Exception], message: str
) -> None:
    fold = FoldFolder(tmp_path / "fold0")
    fold.path.mkdir()
    fold.config_file.write_bytes(content)
    with pytest.raises(error) as caught:
        fold.read_config()
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_folds_are_folders_of_plain_numbers(tmp_path: Path) -> None:
    for name in ("fold10", "fold2", "fold02", "fold", "fold2 (copy)", "fold\u00b2", "fold-1", "fold1x"):
        FoldFolder(tmp_path / name).write_info({"status": "finished"})
    assert [fold.path.name for fold in RunFolder(tmp_path).started_folds()] == ["fold2", "fold10"]
