"""The settings switch loggers on; a missing package is named before anything is trained."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config, TrainConfig
from kaggle_face.errors import MissingExtraError
from kaggle_face.progress import SilentProgress
from kaggle_face.train.loggers.creation import create_loggers, require_logger_packages
from tests.support.progress import Told


@pytest.mark.parametrize(("tensorboard", "kinds"), [(True, ["Csv", "TensorBoard"]), (False, ["Csv"])])
def test_event_files_are_written_only_where_the_settings_ask_for_them(
    tmp_path: Path, tensorboard: bool, kinds: list[str]
) -> None:
    config = Config(train=TrainConfig(tensorboard=tensorboard))
    loggers = create_loggers(config, FoldFolder(tmp_path), SilentProgress())
    assert [type(each).__name__ for each in loggers] == [f"{kind}Logger" for kind in kinds]
    assert list(tmp_path.iterdir()) == []


def test_a_tensorboard_that_cannot_be_imported_is_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    progress = Told()
    loggers = create_loggers(Config(), FoldFolder(tmp_path), progress)
    assert [type(each).__name__ for each in loggers] == ["CsvLogger"]
    (line,) = progress.lines
    assert line.startswith(
        "TensorBoard cannot be imported and records nothing of this training, which goes on"
    )


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_package_is_one_line_with_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaggle_face.extras.find_spec", lambda name: None)
    config = Config.model_validate({"train": {"loggers": [name]}})
    with pytest.raises(MissingExtraError, match=rf"'{name}'; install it .*kaggle-face\[{name}\]"):
        require_logger_packages(config.train)


def test_a_folder_of_that_name_is_not_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wandb" / "latest-run").mkdir(parents=True)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.setattr(
        "sys.meta_path", [each for each in __import__("sys").meta_path if "PathFinder" in str(each)]
    )
    with pytest.raises(MissingExtraError):
        require_logger_packages(TrainConfig(loggers=("wandb",)))


def test_a_logger_is_named_once() -> None:
    with pytest.raises(ValueError, match=r"train\.loggers names one twice: wandb, wandb"):
        TrainConfig(loggers=("wandb", "wandb"))
